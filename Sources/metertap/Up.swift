import AWS
import ArgumentParser
import Collection
import Console
import Delivery
import FoundationEssentials
import HTTP
import Logging
import MeterLine
import Platform
import Store

struct Up: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "up",
        abstract: "Run the platform: intake, store and API in one process.",
        discussion: """
            Records come in by POST /ingest and from a bucket; each is counted once, and usage is answered from then on. \
            The first start makes an admin key. It stops cleanly on SIGINT and SIGTERM.

            Example:
              metertap up --data var/metertap --bucket file:///var/meters
              metertap up --demo
            """)

    @Option(help: "The directory of its data (default: metertap-data).")
    var data: String?

    @Option(help: "The address to bind; anything but loopback needs TLS or --behind-proxy (default: 127.0.0.1).")
    var host: String?

    @Option(help: "The port to bind; 0 for a free one (default: 8080).")
    var port: String?

    @Option(help: "A bucket to take records from: s3://bucket/prefix or file:///directory.")
    var bucket: String?

    @Option(
        name: .customLong("bucket-notifications"),
        help: "The URL of an SQS queue that tells of the bucket's new objects; else the bucket is listed.")
    var notifications: String?

    @Option(
        help: "Buckets in which something may wait for metertap redrive, to show it; several separated by commas.")
    var failures: String?

    @Option(
        name: .customLong("alert-webhook"),
        help: "Where to tell of what has stopped to report; METERTAP_WEBHOOK_SECRET signs the calls.")
    var webhook: String?

    @Option(
        name: .customLong("retention-days"),
        help: "How long records are kept; their usage is kept longer (default: 400).")
    var retentionDays: String?

    @Option(name: .customLong("tls-cert"), help: "A PEM file with the certificate and those above it.")
    var certificate: String?

    @Option(name: .customLong("tls-key"), help: "A PEM file with the certificate's private key.")
    var privateKey: String?

    @Flag(help: "Add a sample application that writes log lines, and the agent that turns them into records.")
    var demo = false

    @Flag(name: .customLong("behind-proxy"), help: "Something in front does TLS.")
    var isBehindProxy = false

    @OptionGroup var config: ConfigOptions

    private func settings() throws -> Settings {
        let flags: [Setting: String?] = [
            .data: data, .host: host, .port: port, .bucket: bucket, .bucketNotifications: notifications,
            .failures: failures, .alertWebhook: webhook, .retentionDays: retentionDays, .certificate: certificate,
            .privateKey: privateKey, .isBehindProxy: isBehindProxy ? "true" : nil,
        ]
        return try Settings(flags: flags, config)
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
        } catch let error as CollectorState.Problem {
            throw Failure(error).exitCode()
        } catch let error as InvalidTag {
            throw Failure(error).exitCode()
        }
    }

    private func serve() async throws {
        let all = try settings()
        let settings = try PlatformSettings(all, isDemo: demo)
        let collector = try await collector(all, settings)
        var logger = Logger(label: "metertap", factory: { SafeLogHandler(StreamLogHandler.standardError(label: $0)) })
        logger.logLevel = .notice
        let platform = try await Platform(settings: settings, session: try awsSession(settings), logger: logger)
        let keyFile = try await platform.makeAdminKey()
        let doctor = doctor(all, platform.parts)
        let console = try Console(platform.parts, doctor: doctor) { await collector?.statuses() ?? [] }
        let scheme = settings.certificate == nil ? "http" : "https"
        // Who binds every address of the machine opens the console by its own name.
        let isEvery = settings.host == "0.0.0.0" || settings.host == "::"
        let host = isEvery ? "localhost" : settings.host.contains(":") ? "[\(settings.host)]" : settings.host
        let (ports, serving) = AsyncStream.makeStream(of: Int.self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await platform.run(with: console.routes) { port in
                    let address = "\(scheme)://\(host):\(port)"
                    Terminal.output(
                        "Open the console by this link, which signs in once: \(address)\(console.makeSignInPath())")
                    if let keyFile { Terminal.output("The admin key is in \(keyFile); only you can read it.") }
                    serving.yield(port)
                }
                serving.finish()
            }
            if let collector { group.addTask { await collector.run() } }
            if let doctor { group.addTask { await doctor.run() } }
            if demo {
                group.addTask { for await port in ports { try await demonstrate(settings, port: port) } }
            }
            // Whichever ends first ends the other: the platform by a signal, the demo by an error.
            try await group.next()
            group.cancelAll()
        }
    }

    /// What pulls from the connections of the settings file; nil when there is none.
    ///
    /// Its records come in by the platform's bucket, like those of an agent.
    private func collector(_ all: Settings, _ settings: PlatformSettings) async throws -> Collector? {
        let connections = try ConnectionList.read(all.file)
        guard !connections.isEmpty, let bucket = settings.bucket?.absolute.storeURL else { return nil }
        return try await CollectCommand.collector(
            connections, all, agent: try all.agent(into: bucket), state: "\(settings.directory)/collector",
            // Wherever its directory is moved to.
            sinkName: "the platform of this directory")
    }

    /// What looks at the log groups when the console asks; without it the platform does all the rest.
    private func doctor(_ all: Settings, _ parts: PlatformParts) -> ResidentDoctor? {
        do {
            return try ConsoleDoctor.make(all, parts)
        } catch {
            Terminal.error("metertap: the console's doctor cannot look: \(Failure(error).message)")
            return nil
        }
    }

    private func demonstrate(_ settings: PlatformSettings, port: Int) async throws {
        guard case .directory(let bucket)? = settings.bucket,
            let address = IngestAddress("http://127.0.0.1:\(port)")
        else { return }
        let key =
            try settings.adminKey ?? String(decoding: InputFile.read("\(settings.directory)/admin-key"), as: UTF8.self)
        let client = try PlatformClient(
            address: address, key: String(key.prefix { $0 != "\n" }), caBundle: nil)
        var demo = try Demo(client: client, directory: bucket)
        try await demo.run()
    }

    private func awsSession(_ settings: PlatformSettings) throws -> AWSSession? {
        let isOnS3 = ([settings.bucket] + settings.failures).contains { if case .bucket = $0 { true } else { false } }
        guard isOnS3 else { return nil }
        let aws = try AWSSettings.ofProcess()
        return AWSSession(settings: aws, transport: try AsyncHTTPTransport(caBundle: aws.caBundle))
    }
}

extension Location {
    /// The same place, whatever the current directory.
    fileprivate var absolute: Location {
        guard case .directory(let path) = self, !path.hasPrefix("/") else { return self }
        return .directory("\(FileManager.default.currentDirectoryPath)/\(path)")
    }
}
