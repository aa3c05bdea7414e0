/// A service of AWS, by the names that it goes by.
public struct AWSService: Sendable, Hashable {
    /// The name in host names and signatures, for example `secretsmanager`.
    public var name: String
    /// The name at the end of `AWS_ENDPOINT_URL_…`, for example `SECRETS_MANAGER`.
    public var environmentName: String
    /// The name for people, for example `Secrets Manager`.
    public var title: String

    /// Names a service.
    public init(name: String, environmentName: String, title: String) {
        self.name = name
        self.environmentName = environmentName
        self.title = title
    }

    /// Simple Storage Service.
    public static let s3 = AWSService(name: "s3", environmentName: "S3", title: "S3")
    /// Security Token Service.
    public static let sts = AWSService(name: "sts", environmentName: "STS", title: "STS")
    /// Simple Queue Service.
    public static let sqs = AWSService(name: "sqs", environmentName: "SQS", title: "SQS")
    /// Secrets Manager.
    public static let secretsManager = AWSService(
        name: "secretsmanager", environmentName: "SECRETS_MANAGER", title: "Secrets Manager")
    /// Lambda.
    public static let lambda = AWSService(name: "lambda", environmentName: "LAMBDA", title: "Lambda")
    /// The tags of all services' resources.
    public static let tagging = AWSService(
        name: "tagging", environmentName: "RESOURCE_GROUPS_TAGGING_API", title: "Resource Groups Tagging API")
    /// CloudWatch Logs.
    public static let cloudWatchLogs = AWSService(
        name: "logs", environmentName: "CLOUDWATCH_LOGS", title: "CloudWatch Logs")
    /// Kinesis Data Streams.
    public static let kinesis = AWSService(name: "kinesis", environmentName: "KINESIS", title: "Kinesis")
    /// CloudWatch: metrics.
    public static let cloudWatch = AWSService(name: "monitoring", environmentName: "CLOUDWATCH", title: "CloudWatch")
    /// Identity and Access Management, which is one for all regions of a partition.
    public static let iam = AWSService(name: "iam", environmentName: "IAM", title: "IAM")
}

/// Where a service answers.
struct Endpoint: Sendable, Hashable {
    var scheme: String
    /// Host, and port unless it is the scheme's own.
    var authority: String
    /// What goes before each path; empty or with a leading and without a trailing slash.
    var path: String
    /// Whether a setting replaced the service's own address.
    var isOverride: Bool

    /// The endpoint of a service in a region.
    init(_ service: AWSService, region: String, settings: AWSSettings) throws(AWSError) {
        let operation = "Finding the endpoint of \(service.title)"
        guard !region.isEmpty, region.utf8.allSatisfy({ $0 == 0x2D || $0.isASCIIAlphanumeric }) else {
            throw .configuration("InvalidRegion", "\"\(region)\" is no region.", operation: operation)
        }
        if let url = settings.endpointURL(service) {
            guard let endpoint = Endpoint(url: url) else {
                throw .configuration(
                    "InvalidEndpoint",
                    "The endpoint URL that is set is not of the form http://host:port or https://host/path.",
                    operation: operation)
            }
            guard settings.variant == Partition.Variant() else {
                throw .configuration(
                    "InvalidEndpoint",
                    "An endpoint URL is set, and FIPS or dual-stack endpoints are asked for. Set one of the two.",
                    operation: operation)
            }
            self = endpoint
            return
        }
        guard let partition = Partition.of(region) else {
            throw .configuration(
                "InvalidRegion",
                "\"\(region)\" is in no partition of AWS that is known. Check the region, or set "
                    + "AWS_ENDPOINT_URL_\(service.environmentName).", operation: operation)
        }
        guard let host = partition.host(service, region, settings.variant) else {
            throw .configuration(
                "NoEndpoint",
                "\(service.title) has no such endpoint in the partition \(partition.name). Take back AWS_USE_FIPS_ENDPOINT.",
                operation: operation)
        }
        self.init(scheme: "https", authority: host, path: "", isOverride: false)
    }

    /// Reads a URL; nil unless it is http or https with a host and without user, query and fragment.
    init?(url: String) {
        guard let mark = url.firstIndex(of: ":"), url[mark...].hasPrefix("://") else { return nil }
        let scheme = url[..<mark].lowercased()
        let rest = url[mark...].dropFirst(3)
        var authority = String(rest.prefix { $0 != "/" }).lowercased()
        var path = String(rest.dropFirst(authority.count))
        while path.hasSuffix("/") { path.removeLast() }
        guard scheme == "http" || scheme == "https", !url.contains("?"), !url.contains("#"), !url.contains("%"),
            authority.utf8.allSatisfy({ $0.isASCIIAlphanumeric || "-._:[]".utf8.contains($0) })
        else { return nil }
        let port = scheme == "http" ? ":80" : ":443"
        if authority.hasSuffix(port), !authority.hasSuffix("]") { authority.removeLast(port.count) }
        guard !authority.isEmpty else { return nil }
        self.init(scheme: scheme, authority: authority, path: path, isOverride: true)
    }

    private init(scheme: String, authority: String, path: String, isOverride: Bool) {
        self.scheme = scheme
        self.authority = authority
        self.path = path
        self.isOverride = isOverride
    }
}

extension UInt8 {
    var isASCIIAlphanumeric: Bool {
        switch self {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: false
        }
    }
}
