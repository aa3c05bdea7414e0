public import AWS
import FoundationEssentials
public import HTTP
package import MeterLine

extension Agent {
    /// Makes the agent that its settings describe.
    ///
    /// Secrets are read here for the first time, so that one that cannot be read ends the start.
    ///
    /// - Throws: `SettingError`, `InvalidTag`, `AWSError`.
    public init(settings: AgentSettings, session: AWSSession, transport: any HTTPTransport) async throws {
        let parts = try await DeliveryParts(settings, session, transport)
        self.init(
            reader: parts.reader, sink: parts.sink, rejects: parts.rejects, provenance: parts.provenance,
            logsEverything: settings.logLevel == .info,
            cores: settings.cores)
    }

}

/// What settings describe: what reads, and where things go.
package struct DeliveryParts: Sendable {
    /// Reads messages.
    package let reader: LineReader
    /// Where records go.
    package let sink: any RecordSink
    /// Where rejects go, and manifests.
    package let rejects: any ObjectStore
    /// Whether each record says which log event it comes from.
    package let provenance: Bool

    /// Names the parts.
    package init(reader: LineReader, sink: any RecordSink, rejects: any ObjectStore, provenance: Bool) {
        self.reader = reader
        self.sink = sink
        self.rejects = rejects
        self.provenance = provenance
    }

    /// Makes the parts that settings describe; secrets are read for the first time.
    ///
    /// - Throws: `SettingError`, `InvalidTag`, `AWSError`.
    package init(_ settings: AgentSettings, _ session: AWSSession, _ transport: any HTTPTransport) async throws {
        reader = try LineReader(tags: settings.tags, allowMissingCustomer: settings.allowMissingCustomer)
        rejects = try Self.store(
            settings.rejects, session, region: settings.rejectsRegion, encryption: settings.rejectsEncryption)
        provenance = settings.provenance
        guard case .ingest(let address) = settings.sink else {
            let sinkSession = try Self.sinkSession(settings, session)
            sink = StoreSink(
                try Self.store(
                    settings.sink, sinkSession, region: settings.sinkRegion, acl: settings.sinkACL,
                    encryption: settings.sinkEncryption))
            return
        }
        let key = try Self.apiKey(settings, session)
        _ = try await key()
        sink = IngestSink(address: address, client: HTTPClient(transport: transport), key: key)
    }

    private static func store(
        _ location: Location, _ session: AWSSession, region: String?, acl: String? = nil,
        encryption: S3Attributes.Encryption?
    ) throws -> any ObjectStore {
        switch location {
        case .bucket(let bucket, let prefix):
            BucketStore(
                client: try S3Client(session, region: region), bucket: bucket, prefix: prefix, acl: acl,
                encryption: encryption)
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

    private static func apiKey(
        _ settings: AgentSettings, _ session: AWSSession
    ) throws(SettingError) -> @Sendable () async throws -> String {
        switch settings.apiKey {
        case .value(let key): return { key }
        case .secret(let arn):
            let secret = CachedSecret(client: SecretsManagerClient(session), arn: arn)
            return { try await secret.value().filter { !$0.isNewline } }
        case nil: throw SettingError("METERTAP_API_KEY", "is not set")
        }
    }
}

/// How long a secret is believed: a rotated one is in use after this.
private let secretLifetime = Duration.seconds(300)

/// A secret's value, read again when it is old. One that cannot be read again stays in use.
actor CachedSecret {
    private let client: SecretsManagerClient
    private let arn: String
    private var cached: (value: String, readAt: ContinuousClock.Instant)?

    init(client: SecretsManagerClient, arn: String) {
        self.client = client
        self.arn = arn
    }

    func value() async throws(AWSError) -> String {
        let now = ContinuousClock.now
        if let cached, now - cached.readAt < secretLifetime { return cached.value }
        do throws(AWSError) {
            let value = try await client.secretValue(arn)
            cached = (value, now)
            return value
        } catch {
            guard let cached else { throw error }
            return cached.value
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
            sessionToken: secret?.sessionToken ?? secret?.environmentToken,
            expiration: UnixTime.now().advanced(by: CachedCredentials.margin + secretLifetime))
    }
}
