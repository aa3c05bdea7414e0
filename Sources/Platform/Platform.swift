public import AWS
import Delivery
import FoundationEssentials
import HTTP
import Hummingbird
import HummingbirdCore
import HummingbirdTLS
public import Logging
import ServiceLifecycle
import Store
import SystemPackage
import UnixSignals

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The receiving side in one process: intake, store and API.
///
/// Only one process at a time works on a data directory.
public struct Platform: Sendable {
    /// How long requests have to end after a signal.
    private static let patience = Duration.seconds(10)

    /// What a page of the console needs of the platform.
    package let parts: PlatformParts

    private let settings: PlatformSettings
    private let store: SQLiteStore
    private let keys: KeyRing
    private let hub = EventHub()
    private let metrics = Metrics()
    private let status: IntakeStatus?
    private let bucket: (any Bucket)?
    private let notifications: BucketNotifications?
    /// Where something may wait to be delivered again.
    private let places: [any Bucket]
    private let logger: Logger
    private let lock: DirectoryLock
    private let now: @Sendable () -> Int64 = { Int64((Date().timeIntervalSince1970 * 1_000).rounded(.down)) }

    /// Opens the data directory, and makes it when there is none.
    ///
    /// - Throws: `SettingError` when another process works on it, `StoreError`, `AWSError`.
    public init(settings: PlatformSettings, session: AWSSession?, logger: Logger) async throws {
        self.settings = settings
        self.logger = logger
        let isPrivate = try PrivateFiles.prepareDirectory(settings.directory, holding: SQLiteStore.fileName)
        if !isPrivate {
            logger.warning(
                "others than its owner may use the data directory; run chmod 700 on it, or give --data one of its own",
                metadata: ["directory": "\(settings.directory)"])
        }
        lock = try DirectoryLock(settings.directory)
        store = try SQLiteStore(path: "\(settings.directory)/\(SQLiteStore.fileName)")
        keys = KeyRing(store: store, hub: hub, now: now)
        bucket = try settings.bucket.map { try $0.bucket(session) }
        places =
            try (bucket.map { [$0] } ?? []) + settings.failures.map { try $0.bucket(session, setting: "--failures") }
        if let queue = settings.notifications, case .bucket(let bucket, let prefix) = settings.bucket, let session {
            notifications = BucketNotifications(
                queue: try SQSClient(queue, session: session), bucket: bucket, prefix: prefix)
        } else {
            notifications = nil
        }
        status = bucket.map { _ in IntakeStatus() }
        parts = PlatformParts(
            store: store, keys: keys, hub: hub, rejects: RejectEditor(store: store, hub: hub, now: now),
            readiness: Readiness(store: store, directory: settings.directory, intake: status),
            silence: SilenceWatch(), waiting: WaitingBoard(places.map(\.name)), settings: settings,
            bucket: bucket?.name, logger: logger, now: now)
        try await keys.reload()
    }

    /// Makes the first admin key, or the one that the settings bring.
    ///
    /// - Returns: the file that a new key's secret was written to; nil when there was no need of one.
    public func makeAdminKey() async throws -> String? {
        if let secret = settings.adminKey {
            guard keys.find(secret) == nil else { return nil }
            if let revoked = try await store.revokedKey(hash: KeyRing.hash(secret)) {
                logger.warning(
                    """
                    METERTAP_ADMIN_KEY holds a key that was revoked, and it stays revoked: it opens nothing. Set another \
                    key, or none; the platform's other admin keys work
                    """, metadata: ["key": "\(revoked.name) (\(revoked.id))"])
                return nil
            }
            let key = NewKey.from(
                secret, id: NewKey.randomHex(words: 1), name: "METERTAP_ADMIN_KEY", rights: [Right.admin.rawValue],
                time: now())
            try await store.add(key, who: "metertap up")
            try await keys.reload()
            return nil
        }
        guard keys.isEmpty else { return nil }
        let (key, secret) = NewKey.make(name: "first admin key", rights: [Right.admin.rawValue], time: now())
        let path = "\(settings.directory)/admin-key"
        // One of keys that are gone; a link goes itself, and what it leads to stays.
        if unsafe unlink(path) != 0, errno != ENOENT { throw Errno(rawValue: errno) }
        let file = try PrivateFiles.make(path)
        _ = try file.closeAfter { try file.writeAll(Array("\(secret)\n".utf8)) }
        try await store.add(key, who: "metertap up")
        try await keys.reload()
        return path
    }

    /// Serves until a signal comes.
    ///
    /// - Parameters:
    ///   - pages: what is served beside the API.
    ///   - onServing: is called with the port once requests are answered.
    package func run(
        with pages: [Route], onServing: @escaping @Sendable (Int) async -> Void
    ) async throws {
        let api = API(
            keys: keys, metrics: metrics,
            mayHaveTLS: settings.certificate != nil || settings.isBehindProxy,
            logger: logger)
        let application = Application(
            router: api.router(routes + pages), server: try server(),
            configuration: ApplicationConfiguration(
                address: .hostname(settings.host, port: settings.port), serverName: "metertap"),
            onServerRunning: { channel in await onServing(channel.localAddress?.port ?? 0) }, logger: logger)
        var services: [any Service] = [application, StreamsEnd(hub: hub)]
        services.append(
            Housekeeping(store: store, keys: keys, retentionDays: settings.retentionDays, logger: logger, now: now))
        if let webhook = settings.webhook {
            services.append(
                SilenceAlerts(
                    store: store, address: webhook.address, secret: webhook.secret,
                    client: HTTPClient(transport: try AsyncHTTPTransport()), silence: SilenceWatch(), logger: logger,
                    now: now))
        }
        if !places.isEmpty { services.append(WaitingWatch(buckets: places, board: parts.waiting)) }
        if let bucket, let status {
            services.append(
                BucketIntake(
                    bucket: bucket, notifications: notifications, store: store, hub: hub, status: status,
                    pause: bucket is DirectoryBucket ? .seconds(1) : .seconds(5), logger: logger, now: now))
        }
        var configuration = ServiceGroupConfiguration(
            services: services.map { .init(service: $0) }, gracefulShutdownSignals: [.sigterm, .sigint],
            logger: logger)
        // A client that does not read its answer must not keep the server from stopping.
        configuration.maximumGracefulShutdownDuration = Self.patience
        try await ServiceGroup(configuration: configuration).run()
        try? await keys.noteUse()
        try store.close()
    }

    private var routes: [Route] {
        IngestRoutes(store: store, hub: hub, now: now).routes
            + UsageRoutes(store: store, now: now).routes
            + EventRoutes(store: store, keys: keys, hub: hub).routes
            + MeterRoutes(store: store, now: now).routes
            + CustomerRoutes(store: store, now: now).routes
            + RejectRoutes(store: store, editor: parts.rejects, now: now).routes
            + KeyRoutes(store: store, keys: keys).routes
            + AuditRoutes(store: store, now: now).routes
            + DiagnosisRoutes(store: store, now: now).routes
            + StatusRoutes(
                store: store, metrics: metrics, readiness: parts.readiness, keys: keys, silence: parts.silence,
                waiting: parts.waiting, now: now
            ).routes
    }

    private func server() throws -> HTTPServerBuilder {
        var limits = ConnectionLimits()
        if settings.isBehindProxy { limits.perAddress = nil }
        let http = RuledHTTP1.builder(limits)
        guard let certificate = settings.certificate, let privateKey = settings.privateKey else { return http }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMFile(certificate).map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(file: privateKey, format: .pem)))
        configuration.minimumTLSVersion = .tlsv12
        return try .tls(http, tlsConfiguration: configuration)
    }
}

/// Ends the streams of events when the server stops, for they would go on for ever.
private struct StreamsEnd: Service {
    let hub: EventHub

    func run() async throws {
        try? await gracefulShutdown()
        hub.finish()
    }
}

/// Keeps other processes from a data directory as long as it lives.
private final class DirectoryLock: Sendable {
    private let file: FileDescriptor

    init(_ directory: String) throws {
        do {
            try PrivateFiles.prepare("\(directory)/lock")
            file = try FileDescriptor.open(
                FilePath("\(directory)/lock"), .readWrite, options: [.create, .noFollow],
                permissions: [.ownerReadWrite])
        } catch {
            throw SettingError(
                "--data",
                "\(directory)/lock can't be opened (\(error)); it must be a file of its own that this user may write")
        }
        guard flock(file.rawValue, LOCK_EX | LOCK_NB) == 0 else {
            try? file.close()
            throw SettingError(
                "--data", "another metertap works on \(directory); stop it first, or give another directory")
        }
    }

    deinit { try? file.close() }
}
