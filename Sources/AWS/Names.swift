/// The name of an AWS resource: `arn:partition:service:region:account:resource`.
///
/// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference-arns.html
public struct ARN: Sendable, Hashable {
    /// For example `aws`, `aws-cn` or `aws-us-gov`.
    public let partition: String
    /// For example `iam`.
    public let service: String
    /// Empty for what has none.
    public let region: String
    /// 12 digits, `aws`, or empty.
    public let account: String
    /// What the service calls it; it may hold colons.
    public let resource: String

    /// Reads an ARN; nil for anything else.
    public init?(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 5, omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 6, parts[0] == "arn", !parts[1].isEmpty, !parts[2].isEmpty, !parts[5].isEmpty else {
            return nil
        }
        (partition, service, region, account, resource) = (parts[1], parts[2], parts[3], parts[4], parts[5])
    }

    /// The partition of an ARN; `aws` for what is none.
    public static func partition(of text: String) -> String { ARN(text)?.partition ?? "aws" }

    /// Whether it is that of a role.
    public var isRole: Bool { service == "iam" && region.isEmpty && Self.isAccount(account) && isNamed("role/") }

    /// Whether it is that of a secret.
    public var isSecret: Bool {
        service == "secretsmanager" && RegionName.isValid(region) && Self.isAccount(account) && isNamed("secret:")
    }

    private func isNamed(_ kind: String) -> Bool { resource.hasPrefix(kind) && resource.utf8.count > kind.utf8.count }

    /// Whether a text is the number of an account.
    public static func isAccount(_ text: String) -> Bool {
        text.utf8.count == 12 && text.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }
}

/// Names of regions.
public enum RegionName {
    /// Whether a text has the form of a region of AWS, such as `eu-central-1` or `us-gov-west-1`.
    public static func isValid(_ text: String) -> Bool {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count >= 3, let number = parts.last, !number.isEmpty else { return false }
        return number.utf8.allSatisfy { (0x30...0x39).contains($0) }
            && parts.dropLast().allSatisfy { part in
                !part.isEmpty && part.utf8.allSatisfy { (0x61...0x7A).contains($0) }
            }
    }
}

/// Names of buckets.
///
/// https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
public enum BucketName {
    /// Why a text is no name of a bucket, as the end of a sentence; nil where it is one.
    public static func problem(_ name: String) -> String? {
        if ARN(name) != nil || name.hasPrefix("arn:") { return "which is an ARN; write the bucket's name" }
        if name.contains(":") { return "which holds a colon; a bucket has no port" }
        if name.contains(where: { $0.isASCII && $0.isUppercase }) {
            return "which holds capitals; S3 knows small letters alone"
        }
        let isAllowed = name.utf8.allSatisfy {
            (0x30...0x39).contains($0) || (0x61...0x7A).contains($0) || $0 == UInt8(ascii: "-")
                || $0 == UInt8(ascii: ".")
        }
        guard isAllowed else { return "which holds something else than small letters, digits, dots and hyphens" }
        guard (3...63).contains(name.utf8.count) else { return "which has not 3 to 63 characters" }
        guard name.first?.isLetterOrDigit == true, name.last?.isLetterOrDigit == true, !name.contains("..") else {
            return "which begins or ends with a dot or a hyphen, or has two dots together"
        }
        let numbers = name.split(separator: ".", omittingEmptySubsequences: false)
        guard numbers.count != 4 || !numbers.allSatisfy({ UInt8($0) != nil }) else { return "which is an IP address" }
        return nil
    }
}

extension Character {
    fileprivate var isLetterOrDigit: Bool { isASCII && (isLetter || isNumber) }
}
