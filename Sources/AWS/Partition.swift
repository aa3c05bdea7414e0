/// A group of regions with its own accounts and hosts.
///
/// Facts: `partitions.json` and the endpoint rules of botocore 1.43 (https://github.com/boto/botocore), which
/// integration/test_endpoints.py compares for every region, service and variant.
struct Partition: Sendable {
    /// What hosts are asked for.
    struct Variant: Sendable, Hashable {
        /// Whether the cryptography must be validated by FIPS 140.
        var isFIPS = false
        /// Whether they must answer by IPv6 too.
        var isDualStack = false
    }

    /// For example `aws-us-gov`.
    let name: String
    /// What stands before `-name-number` in its regions.
    private let prefixes: Set<String>
    private let suffix: String
    private let dualStackSuffix: String
    /// The region that IAM's calls are signed for.
    let iamRegion: String
    /// Hosts of IAM, which is one for all regions: plain, FIPS, dual stack, both.
    private let iamHosts: [String]
    /// Services whose plain hosts are validated already, so that they have no others.
    private let validated: Set<AWSService>

    private init(
        _ name: String, _ prefixes: Set<String>, _ suffix: String, dualStack: String, iamRegion: String,
        iamHosts: [String], validated: Set<AWSService> = []
    ) {
        self.name = name
        self.prefixes = prefixes
        self.suffix = suffix
        dualStackSuffix = dualStack
        self.iamRegion = iamRegion
        self.iamHosts = iamHosts
        self.validated = validated
    }

    /// The partition of a region; nil for what is no region of AWS that is known.
    static func of(_ region: String) -> Partition? {
        guard RegionName.isValid(region) else { return nil }
        let prefix = region.split(separator: "-").dropLast(2).joined(separator: "-")
        return all.first { $0.prefixes.contains(prefix) }
    }

    /// The host of a service in a region; nil where there is none.
    func host(_ service: AWSService, _ region: String, _ variant: Variant) -> String? {
        switch service {
        case .iam: return iamHosts[(variant.isFIPS ? 1 : 0) + (variant.isDualStack ? 2 : 0)]
        case .s3:
            // China has no validated hosts of S3.
            if variant.isFIPS, name == "aws-cn" { return nil }
            return "s3\(variant.isFIPS ? "-fips" : "")\(variant.isDualStack ? ".dualstack" : "").\(region).\(suffix)"
        default: break
        }
        let isPlain = validated.contains(service) && (!variant.isDualStack || service == .cloudWatch)
        let label = service.name + (variant.isFIPS && !isPlain ? "-fips" : "")
        return
            "\(label).\(region).\(variant.isDualStack && !isDualAlready(service, variant) ? dualStackSuffix : suffix)"
    }

    /// Whether a service answers by IPv6 at its plain hosts.
    private func isDualAlready(_ service: AWSService, _ variant: Variant) -> Bool {
        guard service == .secretsManager else { return false }
        return name == "aws" || name == "aws-us-gov" || name == "aws-cn" && !variant.isFIPS
    }

    private static let all = [
        Partition(
            "aws", ["us", "eu", "ap", "sa", "ca", "me", "af", "il", "mx"], "amazonaws.com", dualStack: "api.aws",
            iamRegion: "us-east-1",
            iamHosts: [
                "iam.amazonaws.com", "iam-fips.amazonaws.com", "iam.global.api.aws", "iam-fips.global.api.aws",
            ]),
        Partition(
            "aws-cn", ["cn"], "amazonaws.com.cn", dualStack: "api.amazonwebservices.com.cn", iamRegion: "cn-north-1",
            iamHosts: [
                "iam.cn-north-1.amazonaws.com.cn", "iam-fips.amazonaws.com.cn",
                "iam.global.api.amazonwebservices.com.cn", "iam-fips.api.amazonwebservices.com.cn",
            ]),
        Partition(
            "aws-eusc", ["eusc-de"], "amazonaws.eu", dualStack: "api.amazonwebservices.eu",
            iamRegion: "eusc-de-east-1",
            iamHosts: [
                "iam.eusc-de-east-1.amazonaws.eu", "iam-fips.amazonaws.eu", "iam.global.api.amazonwebservices.eu",
                "iam-fips.api.amazonwebservices.eu",
            ]),
        Partition(
            "aws-iso", ["us-iso"], "c2s.ic.gov", dualStack: "api.aws.ic.gov", iamRegion: "us-iso-east-1",
            iamHosts: [
                "iam.us-iso-east-1.c2s.ic.gov", "iam-fips.us-iso-east-1.c2s.ic.gov", "iam.api.aws.ic.gov",
                "iam-fips.api.aws.ic.gov",
            ]),
        Partition(
            "aws-iso-b", ["us-isob"], "sc2s.sgov.gov", dualStack: "api.aws.scloud", iamRegion: "us-isob-east-1",
            iamHosts: [
                "iam.us-isob-east-1.sc2s.sgov.gov", "iam-fips.us-isob-east-1.sc2s.sgov.gov", "iam.api.aws.scloud",
                "iam-fips.api.aws.scloud",
            ]),
        Partition(
            "aws-iso-e", ["eu-isoe"], "cloud.adc-e.uk", dualStack: "api.cloud-aws.adc-e.uk",
            iamRegion: "eu-isoe-west-1",
            iamHosts: [
                "iam.eu-isoe-west-1.cloud.adc-e.uk", "iam-fips.cloud.adc-e.uk", "iam.api.cloud-aws.adc-e.uk",
                "iam-fips.api.cloud-aws.adc-e.uk",
            ]),
        Partition(
            "aws-iso-f", ["us-isof"], "csp.hci.ic.gov", dualStack: "api.aws.hci.ic.gov",
            iamRegion: "us-isof-south-1",
            iamHosts: [
                "iam.us-isof-south-1.csp.hci.ic.gov", "iam-fips.csp.hci.ic.gov", "iam.api.aws.hci.ic.gov",
                "iam-fips.api.aws.hci.ic.gov",
            ]),
        Partition(
            "aws-us-gov", ["us-gov"], "amazonaws.com", dualStack: "api.aws", iamRegion: "us-gov-west-1",
            iamHosts: [
                "iam.us-gov.amazonaws.com", "iam.us-gov.amazonaws.com", "iam.us-gov.api.aws", "iam.us-gov.api.aws",
            ],
            validated: [.cloudWatch, .cloudWatchLogs, .kinesis, .sqs, .sts]),
    ]
}
