import AWS
import ArgumentParser
import Collection
import Delivery
import FilterPattern
import HTTP
import MeterLine
import SystemPackage

struct AuditCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "audit",
        abstract: "Compare what a log group holds with what was received, record by record.",
        discussion: """
            Re-reads the range from CloudWatch Logs by log event time, and gives every record in it exactly one class. What \
            it compares with is the platform at METERTAP_URL, with METERTAP_API_KEY, or a bucket. --repair ingests what is \
            missing; to do so twice changes nothing. Exit code 0 is clean; 65 says that something is missing or different, or \
            that a record isn't after its tag.

            Example:
              metertap audit --log-group /app/shop --from 2026-11-01 --to 2026-12-01
              metertap audit --log-group /app/shop --from 2d --to 15m --repair --json
            """)

    @OptionGroup var range: LogRange

    @Flag(help: "Ingest what is missing, and nothing else.")
    var repair = false

    @Option(help: "A bucket to compare with in place of the platform: s3://bucket/prefix or file:///directory.")
    var bucket: String?

    @Option(
        help: "Manifests to compare with, where the sink is another's: the bucket or directory of METERTAP_REJECTS.")
    var manifests: String?

    @Flag(help: "Let CloudWatch Logs look for the tags: cheaper, but then nothing is proved about its pattern.")
    var pattern = false

    @Option(
        help: "The file that names every record with its class; the default is named after the time, in this directory."
    )
    var records: String?

    @OptionGroup var platform: PlatformOptions
    @OptionGroup var output: OutputOptions

    func validate() throws {
        guard bucket == nil || manifests == nil else {
            throw ValidationError("--bucket and --manifests are two things to compare with; name one")
        }
    }

    func run() async throws {
        do {
            let isClean = try await AuditWork(self).run()
            if !isClean { throw ExitCode.badData }
        } catch let code as ExitCode {
            throw code
        } catch {
            throw Failure(error).exitCode()
        }
    }
}

/// One run of the command.
private struct AuditWork {
    private static let millisecondsOfDay: Int64 = 86_400_000

    private let command: AuditCommand
    private let times: Range<Int64>
    private let settings: Settings
    private let tags: [String]
    private let bucket: Location?
    private let manifests: Location?
    private let now = UnixTime.now().milliseconds

    init(_ command: AuditCommand) throws {
        self.command = command
        times = try command.range.times()
        bucket = try command.bucket.map { try Location($0, setting: "--bucket") }
        manifests = try command.manifests.map { try Location($0, setting: "--manifests") }
        settings = try Settings(
            flags: [.url: command.platform.url, .tags: command.range.tags, .rejects: command.manifests],
            command.platform.config)
        tags = settings[.tags].map(LineReader.tags(separatedByCommas:)) ?? LineReader.defaultTags
    }

    /// Whether nothing is missing.
    func run() async throws -> Bool {
        let lineReader = try LineReader(tags: tags)
        let isOfPlatform = command.bucket == nil && command.manifests == nil
        let platform = isOfPlatform ? try await PlatformClient(settings).forLongWork() : nil
        let aws = try AWSSettings.ofProcess()
        let transport = try AsyncHTTPTransport(caBundle: aws.caBundle)
        let session = LogSession.make(transport, aws)
        let client = try CloudWatchLogsClient(session)
        let group = try await command.range.find(client)
        let reader = LogGroupReader(
            client: client, group: group, lineReader: lineReader,
            pattern: command.pattern ? FilterPattern.text(ofAny: tags) : nil)
        let keeps = group.retentionInDays.map { Int64($0) * Self.millisecondsOfDay }
        let expiresBefore = keeps.map { max(0, now - $0) } ?? 0
        if let platform {
            let receipts = PlatformReceipts(client: platform, account: group.account, logGroup: group.name)
            let report = try await run(
                Audit(reader: reader, target: receipts, repairs: command.repair, expiresBefore: expiresBefore), group)
            await tell(platform, of: report)
            return report.isClean
        }
        if let manifests {
            let receipts = try await manifestReceipts(manifests, group, session, transport)
            let report = try await run(
                Audit(reader: reader, target: receipts, repairs: command.repair, expiresBefore: expiresBefore), group)
            return report.isClean
        }
        guard let bucket else { return true }
        let receipts = try await bucketReceipts(bucket, group, session, transport)
        let report = try await run(
            Audit(reader: reader, target: receipts, repairs: command.repair, expiresBefore: expiresBefore), group)
        return report.isClean
    }

    /// Notes the figures on the platform, whose console shows them; without that the audit is as good.
    private func tell(_ platform: PlatformClient, of report: AuditReport) async {
        guard let note = JSONTree(Array(report.note.utf8)) else { return }
        do {
            _ = try await platform.post("/audits", note)
        } catch {
            Terminal.error("metertap: the platform was not told of this audit: \(Failure(error).message)")
        }
    }

    /// Reads the bucket that the audit compares with.
    private func bucketReceipts(
        _ location: Location, _ group: CloudWatchLogsClient.LogGroup, _ session: AWSSession,
        _ transport: AsyncHTTPTransport
    ) async throws -> BucketReceipts {
        let bucket = try location.bucket(session)
        var repairs: FindingDelivery?
        if command.repair {
            var environment = settings.environment
            environment["METERTAP_SINK"] = command.bucket
            repairs = try await FindingDelivery(
                settings: try AgentSettings(environment: environment), session: session, transport: transport)
        }
        var progress = ProgressLine()
        defer { progress.clear() }
        return try await BucketReceipts(
            bucket, account: group.account, logGroup: group.name, times: times, now: now, repairs: repairs
        ) { count in progress.show("\(Display.count(count)) objects of the bucket read") }
    }

    /// Reads the manifests that the audit compares with.
    private func manifestReceipts(
        _ location: Location, _ group: CloudWatchLogsClient.LogGroup, _ session: AWSSession,
        _ transport: AsyncHTTPTransport
    ) async throws -> ManifestReceipts {
        let bucket = try location.bucket(session, setting: "--manifests")
        let repairs =
            command.repair
            ? try await FindingDelivery(settings: try settings.agent(sink: nil), session: session, transport: transport)
            : nil
        var progress = ProgressLine()
        defer { progress.clear() }
        return try await ManifestReceipts(
            bucket, account: group.account, logGroup: group.name, times: times, now: now, repairs: repairs
        ) { count in progress.show("\(Display.count(count)) manifests read") }
    }

    private func run(
        _ audit: consuming Audit<some Receipts>, _ group: CloudWatchLogsClient.LogGroup
    ) async throws -> AuditReport {
        var audit = audit
        let path = command.records ?? "metertap-audit-\(now).ndjson"
        let file: OutputFile
        do { file = try OutputFile(path: path) } catch let error as Errno {
            throw Failure(
                message: "\(path) cannot be written: \(error); name another file with --records", code: ExitCode(error))
        }
        var progress = ProgressLine()
        do {
            var found = 0
            var missing = 0
            try await audit.run(times) { state in
                let percent = state.done * 100 / max(1, state.total)
                progress.show(
                    "\(percent) %  \(Display.count(found)) records compared, \(Display.count(missing)) missing")
            } onLine: { line in
                if case .found(_, let name, _) = line {
                    found += 1
                    missing += name == .missing ? 1 : 0
                }
                AuditLine.append(line, to: &file.buffer)
                try file.flushIfLarge()
            }
            try file.close()
        } catch {
            progress.clear()
            try? file.close()
            let failure = Failure(error)
            throw Failure(message: "\(failure.message) The audit is not complete.", code: failure.code)
        }
        progress.clear()
        let report = AuditReport(
            group: group, times: times, accounting: audit.accounting, cost: audit.cost, counts: audit.counts,
            pattern: audit.pattern, timeline: audit.timeline, firstMissing: audit.firstMissing,
            sequences: audit.sequences, records: path, usesPattern: command.pattern,
            repairs: command.repair, now: now)
        if command.output.json { Terminal.output(report.json) } else { report.print() }
        return report
    }
}
