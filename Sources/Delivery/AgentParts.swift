public import AWS
public import HTTP
import FoundationEssentials
import MeterLine

extension Agent {
    /// Makes the agent that its settings describe. Secrets are read here, once.
    ///
    /// - Throws: `SettingError`, `InvalidTag`, `AWSError`.
    public init(settings: AgentSettings, session: AWSSession, transport: any HTTPTransport) async throws {
        let reader = try LineReader(tags: settings.tags, allowMissingCustomer: settings.allowMissingCustomer)
        let rejects = try Self.store(settings.rejects, session)
        let sink: any RecordSink
        switch settings.sink {
        case .ingest(let address):
            let key = try await Self.apiKey(settings, session)
            sink = IngestSink(address: address, key: key, client: HTTPClient(transport: transport))
        default:
            let sinkSession = try Self.sinkSession(settings, session)
            sink = StoreSink(
                try Self.store(settings.sink, sinkSession, region: settings.sinkRegion, acl: settings.sinkACL))
        }
        self.init(
            reader: reader, sink: sink, rejects: rejects, provenance: settings.provenance,
            logsEverything: settings.logLevel == .info)
    }

    private static func store(
        _ location: Location, _ session: AWSSession, region: String? = nil, acl: String? = nil
    ) throws -> any ObjectStore {
        switch location {
        case .bucket(let bucket, let prefix):
            BucketStore(client: try S3Client(session, region: region), bucket: bucket, prefix: prefix, acl: acl)
        case .directory(let path): DirectoryStore(path)
        case .ingest, .standardOutput: throw SettingError("\(location)", "keeps no objects")
        }
    }

    private static func sinkSession(_ settings: AgentSettings, _ session: AWSSession) throws -> AWSSession {
        switch settings.sinkCredentials {
        case .own: session
        case .role(let arn, let externalID): try session.assuming(roleARN: arn, externalID: externalID)
        case .secret(let arn): session.with(credentials: SecretCredentials(session: session, arn: arn))
        }
    }

    private static func apiKey(_ settings: AgentSettings, _ session: AWSSession) async throws -> String {
        switch settings.apiKey {
        case .value(let key): key
        case .secret(let arn):
            try await SecretsManagerClient(session).secretValue(arn).filter { !$0.isNewline }
        case nil: throw SettingError("METERTAP_API_KEY", "is not set")
        }
    }
}

/// The access key for another account's bucket, kept in a secret as JSON: `{"accessKeyId":…,"secretAccessKey":…}`.
struct SecretCredentials: CredentialsProvider {
    let session: AWSSession
    let arn: String

    private struct Secret: Decodable {
        var accessKeyId: String?
        var secretAccessKey: String?
        var sessionToken: String?
        var environmentAccessKey: String?
        var environmentSecretKey: String?
        var environmentToken: String?

        enum CodingKeys: String, CodingKey {
            case accessKeyId, secretAccessKey, sessionToken
            case environmentAccessKey = "AWS_ACCESS_KEY_ID"
            case environmentSecretKey = "AWS_SECRET_ACCESS_KEY"
            case environmentToken = "AWS_SESSION_TOKEN"
        }
    }

    func credentials() async throws(AWSError) -> Credentials {
        let text = try await SecretsManagerClient(session).secretValue(arn)
        let secret = try? JSONDecoder().decode(Secret.self, from: Data(text.utf8))
        guard let key = secret?.accessKeyId ?? secret?.environmentAccessKey,
            let secretKey = secret?.secretAccessKey ?? secret?.environmentSecretKey
        else {
            throw AWSError(
                kind: .configuration, code: "NoCredentials",
                message: "The secret holds no JSON object with accessKeyId and secretAccessKey",
                operation: "Reading the sink's credentials", resource: arn)
        }
        return Credentials(
            accessKeyID: key, secretAccessKey: secretKey,
            sessionToken: secret?.sessionToken ?? secret?.environmentToken)
    }
}
