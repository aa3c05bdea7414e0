import AWS

/// Where records or rejects go, as a URL says it.
public enum Location: Sendable, Hashable {
    /// `s3://bucket/prefix`; the prefix is empty or ends with a slash.
    case bucket(String, prefix: String)
    /// `file:///directory`.
    case directory(String)
    /// `https://host/ingest`.
    case ingest(IngestAddress)
    /// `-`.
    case standardOutput

    /// Reads a URL.
    ///
    /// - Throws: `SettingError` that says what is wrong with the value of `setting`.
    public init(_ url: String, setting: String) throws(SettingError) {
        try SettingError.check(url, setting)
        if url == "-" {
            self = .standardOutput
        } else if url.hasPrefix("s3://") {
            self = try Self.bucket(url.dropFirst("s3://".count), setting)
        } else if url.hasPrefix("file:///") {
            guard url.dropFirst("file://".count).contains(where: { $0 != "/" }) else {
                throw SettingError(setting, "names no directory; write file:///directory")
            }
            self = .directory(String(url.dropFirst("file://".count)))
        } else if let address = IngestAddress(url) {
            self = .ingest(address)
        } else {
            throw SettingError(
                setting,
                "is no address that Metertap knows; write s3://bucket/prefix, file:///directory or https://host/ingest, "
                    + "without a user or password in it (plain http for this machine alone)")
        }
    }

    /// Reads `bucket/prefix`; an empty part is a variable that was not set, and would lead elsewhere.
    private static func bucket(_ text: Substring, _ setting: String) throws(SettingError) -> Location {
        var parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard let bucket = parts.first, !bucket.isEmpty else {
            throw SettingError(setting, "names no bucket; write s3://bucket/prefix")
        }
        if let problem = BucketName.problem(bucket) {
            throw SettingError(setting, "names the bucket '\(bucket)', \(problem)")
        }
        // The slash at the end of a prefix may be written.
        if parts.last?.isEmpty == true { parts.removeLast() }
        guard parts.allSatisfy({ !$0.isEmpty && $0 != "." && $0 != ".." }) else {
            throw SettingError(setting, "has an empty part, or one that is a dot; write s3://bucket/prefix")
        }
        return .bucket(bucket, prefix: parts.dropFirst().map { "\($0)/" }.joined())
    }
}

extension Location {
    /// The bucket or directory as a URL; nil for what keeps no objects.
    package var storeURL: String? {
        switch self {
        case .bucket(let bucket, let prefix): "s3://\(bucket)/\(prefix)"
        case .directory(let path): "file://\(path)"
        case .ingest, .standardOutput: nil
        }
    }
}

/// A setting that makes no sense, or is missing.
public struct SettingError: Error, Sendable, CustomStringConvertible {
    /// The setting and what to do about it.
    public let description: String

    /// Names a setting and what is wrong with it.
    public init(_ setting: String, _ problem: String) {
        description = "\(setting): \(problem)"
    }

    /// Refuses what no setting holds on purpose; the value is not told, for it may be a secret.
    public static func check(_ text: String, _ setting: String) throws(SettingError) {
        guard let problem = problem(of: text) else { return }
        throw SettingError(setting, problem)
    }

    /// Why a text makes no sense as a setting, as the end of a sentence; nil where it may.
    public static func problem(of text: String) -> String? {
        let scalars = text.unicodeScalars
        if let first = scalars.first, let last = scalars.last,
            first.properties.isWhitespace || last.properties.isWhitespace
        {
            return "begins or ends with white space, perhaps the line break of echo; take it out"
        }
        let isControl = { (scalar: Unicode.Scalar) in
            scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .format
        }
        return scalars.contains(where: isControl) ? "holds a control character; take it out" : nil
    }
}
