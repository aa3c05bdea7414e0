import AWS
import ArgumentParser
import Console
import Delivery
import FoundationEssentials
import HTTP
import Logging
import Platform
import Store

struct Up: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Run the platform: intake, store and API in one process.",
        discussion: """
            Records come in by POST /ingest and from a bucket; each is counted once, and usage is answered from then on. \
            The first start makes an admin key. It stops cleanly on SIGINT and SIGTERM.

            Example:
              metertap up --data var/metertap --bucket file:///var/meters
              metertap up --demo
            """)

    @Option(help: "The directory of its data.")
    var data = "metertap-data"

    @Option(help: "The address to bind; anything but loopback needs TLS or --behind-proxy.")
    var host = "127.0.0.1"

    @Option(help: "The port to bind; 0 for a free one.")
    var port = 8_080

    @Option(help: "A bucket to take records from: s3://bucket/prefix or file:///directory.")
    var bucket: String?

    @Option(
        name: .customLong("bucket-notifications"),
        help: "The URL of an SQS queue that tells of the bucket's new objects; else the bucket is listed.")
    var notifications: String?

    @Option(
        name: .customLong("alert-webhook"),
        help: "Where to tell of what has stopped to report; METERTAP_WEBHOOK_SECRET signs the calls.")
    var webhook: String?

    @Option(name: .customLong("retention-days"), help: "How long records are kept; their usage is kept longer.")
    var retentionDays = PlatformSettings.defaultRetentionDays

    @Option(name: .customLong("tls-cert"), help: "A PEM file with the certificate and those above it.")
    var certificate: String?

    @Option(name: .customLong("tls-key"), help: "A PEM file with the certificate's private key.")
    var privateKey: String?

    @Flag(help: "Add a sample application that writes log lines, and the agent that turns them into records.")
    var demo = false

    @Flag(name: .customLong("behind-proxy"), help: "Something in front does TLS.")
    var isBehindProxy = false

    func validate() throws {
        guard (0...65_535).contains(port) else { throw ValidationError("--port must be 0 to 65535") }
        guard !demo || (bucket == nil && certificate == nil) else {
            throw ValidationError("--demo has a bucket of its own and speaks plain HTTP on this machine")
        }
        guard (1...36_500).contains(retentionDays) else {
            throw ValidationError("--retention-days must be 1 to 36500")
        }
    }

    func run() async throws {
        do {
            try await serve()
        } catch let error as Failure {
            throw error.exitCode()
        } catch let error as SettingError {
            throw Failure(message: error.description, code: .configuration).exitCode()
        } catch let error as AWSError {
            throw Failure(message: "\(error)", code: .configuration).exitCode()
        } catch let error as StoreError {
            throw Failure(
                message: error.description, code: error.kind == .unavailable ? .unavailable : .failure
            ).exitCode()
        }
    }

    private func serve() async throws {
        let environment = ProcessInfo.processInfo.environment
        let settings = try PlatformSettings(
            directory: data, host: host, port: port, bucket: try location(),
            notifications: notifications, webhook: webhook, webhookSecret: environment["METERTAP_WEBHOOK_SECRET"],
            retentionDays: retentionDays, certificate: certificate,
            privateKey: privateKey,
            isBehindProxy: isBehindProxy, adminKey: environment["METERTAP_ADMIN_KEY"])
        var logger = Logger(label: "metertap", factory: { StreamLogHandler.standardError(label: $0) })
        logger.logLevel = .notice
        let platform = try await Platform(settings: settings, session: try awsSession(settings), logger: logger)
        let keyFile = try await platform.makeAdminKey()
        let console = try Console(platform.parts)
        let scheme = certificate == nil ? "http" : "https"
        let host = host.contains(":") ? "[\(host)]" : host
        let (ports, serving) = AsyncStream.makeStream(of: Int.self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await platform.run(with: console.routes) { port in
                    Terminal.output("Open the console; this link signs in once:")
                    Terminal.output("  \(scheme)://\(host):\(port)\(console.makeSignInPath())")
                    if let keyFile { Terminal.output("The admin key is in \(keyFile); only you can read it.") }
                    serving.yield(port)
                }
                serving.finish()
            }
            if demo {
                group.addTask { for await port in ports { try await demonstrate(port: port, key: settings.adminKey) } }
            }
            // Whichever ends first ends the other: the platform by a signal, the demo by an error.
            try await group.next()
            group.cancelAll()
        }
    }

    private var demoDirectory: String { "\(data)/bucket" }

    private func location() throws -> Location? {
        if demo { return .directory(demoDirectory) }
        return try bucket.map { try Location($0, setting: "--bucket") }
    }

    private func demonstrate(port: Int, key: String?) async throws {
        let key = try key ?? String(decoding: InputFile.read("\(data)/admin-key"), as: UTF8.self)
        guard let address = IngestAddress("http://127.0.0.1:\(port)") else { return }
        let client = try PlatformClient(
            address: address, key: String(key.prefix { $0 != "\n" }), caBundle: nil)
        var demo = try Demo(client: client, directory: demoDirectory)
        try await demo.run()
    }

    private func awsSession(_ settings: PlatformSettings) throws -> AWSSession? {
        guard case .bucket = settings.bucket else { return nil }
        let aws = try AWSSettings.ofProcess()
        return AWSSession(settings: aws, transport: try AsyncHTTPTransport(caBundle: aws.caBundle))
    }
}
