public import Delivery

/// What a platform is started with.
public struct PlatformSettings: Sendable {
    /// Where its data is.
    public var directory: String
    /// The address that it binds.
    public var host: String
    /// The port that it binds.
    public var port: Int
    /// The bucket that it reads.
    public var bucket: Location?
    /// The URL of the queue with the bucket's notifications.
    public var notifications: String?
    /// Further buckets in which something may wait to be delivered again: Lambda's failure bucket, the place of rejects.
    public var failures: [Location]
    /// Where alerts of silence go, and the secret that signs them.
    public var webhook: (address: IngestAddress, secret: String)?
    /// How many days records are kept; their usage is kept longer.
    public var retentionDays: Int
    /// The file with the certificates of TLS.
    public var certificate: String?
    /// The file with the private key of TLS.
    public var privateKey: String?
    /// Whether something in front of it does TLS.
    public var isBehindProxy: Bool
    /// The secret of the first admin key; nil to make one.
    public var adminKey: String?

    /// How many days records are kept when nobody says otherwise.
    public static let defaultRetentionDays = 400

    /// Checks what belongs together.
    ///
    /// - Throws: `SettingError`.
    public init(
        directory: String, host: String = "127.0.0.1", port: Int = 8_080, bucket: Location? = nil,
        notifications: String? = nil, failures: [Location] = [], webhook: String? = nil, webhookSecret: String? = nil,
        retentionDays: Int = defaultRetentionDays, certificate: String? = nil,
        privateKey: String? = nil,
        isBehindProxy: Bool = false, adminKey: String? = nil
    ) throws(SettingError) {
        guard (certificate == nil) == (privateKey == nil) else {
            throw SettingError("--tls-cert and --tls-key", "belong together; give both or neither")
        }
        guard Self.isLoopback(host) || certificate != nil || isBehindProxy else {
            throw SettingError(
                "--host",
                "\(host) can be reached from other machines, and keys would cross the network in the clear; give --tls-cert and --tls-key, or --behind-proxy when something in front does TLS"
            )
        }
        switch bucket {
        case .ingest, .standardOutput:
            throw SettingError("--bucket", "is no bucket; write s3://bucket/prefix or file:///directory")
        default: break
        }
        for location in failures where location.storeURL == nil {
            throw SettingError("--failures", "is no bucket; write s3://bucket/prefix or file:///directory")
        }
        if let webhook {
            guard let address = IngestAddress(webhook) else {
                throw SettingError("--alert-webhook", "is no https URL (plain http for this machine alone)")
            }
            guard let webhookSecret, webhookSecret.utf8.count >= 16 else {
                throw SettingError(
                    "METERTAP_WEBHOOK_SECRET", "signs the alerts of --alert-webhook; set it to 16 bytes or more")
            }
            self.webhook = (address, webhookSecret)
        }
        if notifications != nil {
            guard case .bucket = bucket else {
                throw SettingError("--bucket-notifications", "needs a --bucket on S3, of whose objects the queue tells")
            }
        }
        if let adminKey, adminKey.utf8.count < 16 {
            throw SettingError("METERTAP_ADMIN_KEY", "is shorter than 16 bytes, so that it could be guessed")
        }
        self.directory = directory
        self.host = host
        self.port = port
        self.bucket = bucket
        self.notifications = notifications
        self.failures = failures
        self.retentionDays = retentionDays
        self.certificate = certificate
        self.privateKey = privateKey
        self.isBehindProxy = isBehindProxy
        self.adminKey = adminKey
    }

    static func isLoopback(_ host: String) -> Bool {
        host == "localhost" || host == "::1" || host.hasPrefix("127.")
    }
}
