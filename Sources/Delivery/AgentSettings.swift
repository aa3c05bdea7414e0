import AWS
private import CGlibc
import HTTP
import MeterLine

/// What the agent is told by its environment.
///
/// | variable | meaning | default |
/// | --- | --- | --- |
/// | `METERTAP_SINK` | where records go: `s3://bucket/prefix`, `file:///directory`, `https://host/ingest` | required |
/// | `METERTAP_REJECTS` | where rejects and manifests go: a bucket or a directory of one's own | the sink, where it is one's own bucket |
/// | `METERTAP_API_KEY`, `METERTAP_API_KEY_SECRET_ARN` | the key of an ingest API, or the secret that holds it | required for an API |
/// | `METERTAP_TAGS` | the tags, separated by commas | `LineReader.defaultTags` |
/// | `METERTAP_PROVENANCE` | `true` or `false`: whether records say which log event they come from | `false` toward Amberflo and other accounts |
/// | `METERTAP_ALLOW_MISSING_CUSTOMER` | `true` or `false` | `false` |
/// | `METERTAP_LOG_LEVEL` | `info`, or `error` for no accounting of invocations in which nothing went wrong | `info` |
/// | `METERTAP_SINK_REGION` | the region of the sink's bucket | `AWS_REGION` |
/// | `METERTAP_SINK_CREDENTIALS_SECRET_ARN` | the secret with the access key for the sink's bucket | the agent's own |
/// | `METERTAP_SINK_ROLE_ARN`, `METERTAP_SINK_EXTERNAL_ID` | the role to assume for the sink's bucket | none |
/// | `METERTAP_SINK_ACL` | the canned ACL of the sink's objects | none |
/// | `METERTAP_SINK_ENCRYPTION`, `METERTAP_REJECTS_ENCRYPTION` | what S3 is asked to encrypt objects with: `AES256`, `aws:kms`, `aws:kms:dsse`, or the ARN of a key of KMS | the bucket's own |
/// | `AWS_LAMBDA_FUNCTION_MEMORY_SIZE` | set by Lambda: the function's memory, which tells its share of the cores | all cores |
public struct AgentSettings: Sendable, Hashable {
    /// How much the agent logs.
    public enum LogLevel: String, Sendable, CaseIterable {
        /// One line of accounting for each invocation.
        case info
        /// Only invocations in which something went wrong.
        case error
    }

    /// How the credentials for the sink's bucket are found.
    enum SinkCredentials: Sendable, Hashable {
        case own
        case secret(arn: String)
        case role(arn: String, externalID: String?)
    }

    /// How the key of an ingest API is found.
    enum APIKey: Sendable, Hashable {
        case value(String)
        case secret(arn: String)
    }

    /// Where records go.
    package let sink: Location
    /// Where rejects and manifests go.
    package let rejects: Location
    let apiKey: APIKey?
    /// The words that mark a record.
    public let tags: [String]
    let provenance: Bool
    package let allowMissingCustomer: Bool
    /// How much the agent logs.
    public let logLevel: LogLevel
    package let sinkRegion: String?
    /// The region of the rejects' bucket; nil for the agent's own.
    package let rejectsRegion: String?
    let sinkCredentials: SinkCredentials
    let sinkACL: String?
    let sinkEncryption: S3Attributes.Encryption?
    let rejectsEncryption: S3Attributes.Encryption?
    /// Whether records go to another account's bucket, or to one that only its owner may read.
    package var sinkIsForeign: Bool { sinkCredentials != .own || sinkACL != nil }
    /// Whether records go to Amberflo's API.
    package var sinkIsAmberflo: Bool { Self.isAmberflo(sink) }
    /// How many cores there are for one event.
    let cores: Int

    /// A Lambda function with this much memory, in MB, has one core; with less a part of one.
    private static let memoryOfOneCore = 1_769

    /// Reads the settings from the variables of an environment; an empty variable counts as absent.
    ///
    /// - Throws: `SettingError` for the first that is missing or makes no sense.
    public init(environment: [String: String]) throws(SettingError) {
        let variables = try Variables(environment)
        guard let sinkURL = variables["METERTAP_SINK"] else {
            throw SettingError(
                "METERTAP_SINK",
                "is not set, so that records have nowhere to go; set it to s3://bucket/prefix or "
                    + "https://host/ingest")
        }
        sink = try Location(sinkURL, setting: "METERTAP_SINK")
        guard sink != .standardOutput else {
            throw SettingError("METERTAP_SINK", "stdout is the agent's own log, which must not hold records")
        }
        try Self.checkBucketSettings(variables, sink)
        sinkCredentials = try Self.sinkCredentials(variables)
        sinkRegion = try variables.region("METERTAP_SINK_REGION")
        rejectsRegion = variables["METERTAP_REJECTS"] == nil ? sinkRegion : nil
        sinkACL = try variables.cannedACL("METERTAP_SINK_ACL")
        sinkEncryption = try variables.encryption("METERTAP_SINK_ENCRYPTION")
        rejectsEncryption =
            try variables.encryption("METERTAP_REJECTS_ENCRYPTION")
            ?? (variables["METERTAP_REJECTS"] == nil ? sinkEncryption : nil)
        apiKey = try Self.apiKey(variables, sink)
        tags =
            variables["METERTAP_TAGS"].map(LineReader.tags(separatedByCommas:)) ?? LineReader.defaultTags
        do { _ = try LineReader(tags: tags) } catch { throw SettingError("METERTAP_TAGS", "\(error)") }
        let isForeign = sinkCredentials != .own || sinkACL != nil
        provenance = try variables.flag("METERTAP_PROVENANCE") ?? !(isForeign || Self.isAmberflo(sink))
        allowMissingCustomer = try variables.flag("METERTAP_ALLOW_MISSING_CUSTOMER") ?? false
        rejects = try Self.rejects(variables, sink, isForeign: isForeign)
        let level = variables["METERTAP_LOG_LEVEL"] ?? LogLevel.info.rawValue
        guard let logLevel = LogLevel(rawValue: level) else {
            throw SettingError("METERTAP_LOG_LEVEL", "is '\(level)'; set it to info or error")
        }
        self.logLevel = logLevel
        let memory = variables["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"].flatMap { Int($0) }
        cores = Self.cores(ofMemory: memory, available: Int(metertap_available_cores()))
    }

    /// A function with the memory of one core may run on two at half their speed, which is no gain.
    package static func cores(ofMemory memory: Int?, available: Int) -> Int {
        guard let memory, memory <= memoryOfOneCore else { return available }
        return 1
    }

    /// Another account's credentials make no sense beside a sink that is no bucket, nor an external id without a role.
    private static func checkBucketSettings(_ variables: Variables, _ sink: Location) throws(SettingError) {
        if variables["METERTAP_SINK_EXTERNAL_ID"] != nil, variables["METERTAP_SINK_ROLE_ARN"] == nil {
            throw SettingError("METERTAP_SINK_EXTERNAL_ID", "is set without METERTAP_SINK_ROLE_ARN")
        }
        if case .bucket = sink { return }
        for name in ["METERTAP_SINK_CREDENTIALS_SECRET_ARN", "METERTAP_SINK_ROLE_ARN", "METERTAP_SINK_ENCRYPTION"]
        where variables[name] != nil {
            throw SettingError(name, "is set, but METERTAP_SINK is no bucket")
        }
    }

    private static func sinkCredentials(_ variables: Variables) throws(SettingError) -> SinkCredentials {
        let secret = try variables.secret("METERTAP_SINK_CREDENTIALS_SECRET_ARN")
        let role = try variables.role("METERTAP_SINK_ROLE_ARN")
        switch (secret, role) {
        case (nil, nil): return .own
        case (let secret?, nil): return .secret(arn: secret)
        case (nil, let role?):
            return .role(arn: role, externalID: try variables.externalID("METERTAP_SINK_EXTERNAL_ID"))
        case (_?, _?):
            throw SettingError(
                "METERTAP_SINK_ROLE_ARN", "is set beside METERTAP_SINK_CREDENTIALS_SECRET_ARN; set one of the two")
        }
    }

    private static func apiKey(_ variables: Variables, _ sink: Location) throws(SettingError) -> APIKey? {
        guard case .ingest = sink else { return nil }
        if let key = variables["METERTAP_API_KEY"] { return .value(key) }
        if let arn = try variables.secret("METERTAP_API_KEY_SECRET_ARN") { return .secret(arn: arn) }
        throw SettingError("METERTAP_API_KEY", "is not set; set it, or METERTAP_API_KEY_SECRET_ARN, for an ingest API")
    }

    private static func isAmberflo(_ sink: Location) -> Bool {
        guard case .ingest(let address) = sink else { return false }
        let host = address.authority.prefix { $0 != ":" }
        return host == "amberflo.io" || host.hasSuffix(".amberflo.io")
    }

    private static func rejects(
        _ variables: Variables, _ sink: Location, isForeign: Bool
    ) throws(SettingError) -> Location {
        if let url = variables["METERTAP_REJECTS"] {
            let location = try Location(url, setting: "METERTAP_REJECTS")
            switch location {
            case .bucket, .directory: return location
            case .ingest, .standardOutput:
                throw SettingError("METERTAP_REJECTS", "must be a bucket or a directory")
            }
        }
        switch sink {
        case .bucket where !isForeign, .directory: return sink
        default:
            throw SettingError(
                "METERTAP_REJECTS",
                "is not set. The sink is an API or belongs to another account, so rejected lines would have no place "
                    + "of yours; set it to s3://bucket/prefix")
        }
    }
}
