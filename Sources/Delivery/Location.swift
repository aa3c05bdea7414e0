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
        if url == "-" {
            self = .standardOutput
        } else if url.hasPrefix("s3://") {
            let parts = url.dropFirst("s3://".count).split(separator: "/", omittingEmptySubsequences: true)
            guard let bucket = parts.first else {
                throw SettingError(setting, "names no bucket; write s3://bucket/prefix")
            }
            let prefix = parts.dropFirst().joined(separator: "/")
            self = .bucket(String(bucket), prefix: prefix.isEmpty ? "" : "\(prefix)/")
        } else if url.hasPrefix("file:///") {
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
}
