import AWS
import ArgumentParser
import Collection
import Crypto
import Delivery
import FilterPattern
import HTTP
import MeterLine

struct BackfillCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backfill",
        abstract: "Bring the records of a past range of a log group, of an export or of files to a sink.",
        discussion: """
            Reads the log events of the range from CloudWatch Logs, and delivers what the agent would have delivered, \
            with the same identities, so that nothing counts twice. --export reads what an export task of CloudWatch Logs \
            wrote: its records are compared with what was received before, for an export tells no event ids. --files reads \
            log files as metertap extract does. Run it again when it was broken off: it goes on. \
            The accounting is one JSON line on stdout. Where records go is told as for the agent, by METERTAP_SINK and \
            the settings beside it; without it they go to the platform at METERTAP_URL, and --rejects must be given.

            Example:
              metertap backfill --log-group /app/shop --from 7d --to 0m --sink s3://meters/team
              metertap backfill --log-group /app/shop --export s3://exports/shop --sink s3://meters/team
              metertap backfill --files old-*.log.gz --source shop --sink s3://meters/team
            """)

    @Option(help: "The log group's name.")
    var logGroup: String?

    @Option(help: "The first log event time: RFC 3339, a date, or 15m, 2h, 7d ago; of an export all when left out.")
    var from: String?

    @Option(help: "The end of the range, which is not in it: as --from; 0m is now.")
    var to: String?

    @Option(help: "An export of the log group: s3://bucket/prefix, or file:///directory with a copy of it.")
    var export: String?

    @Option(
        help: "The account of the exported log group; needed where CloudWatch Logs does not have the group any more.")
    var account: String?

    @Option(parsing: .upToNextOption, help: "Log files, compressed with gzip or not.")
    var files: [String] = []

    @Option(help: "The name that stands for the log group of files (default: the file's base name).")
    var source: String?

    @Option(help: "The tags that mark a record, separated by commas (METERTAP_TAGS).")
    var tags: String?

    @Option(
        help:
            "Where records go: s3://bucket/prefix, file:///directory, https://host/ingest, or - for stdout (METERTAP_SINK)."
    )
    var sink: String?

    @Option(help: "Where rejects go, when the sink is no bucket of one's own (METERTAP_REJECTS).")
    var rejects: String?

    @Option(help: "The file that remembers what is settled until all is; the default is named after source and sink.")
    var checkpoint: String?

    @OptionGroup var config: ConfigOptions

    func validate() throws {
        if files.isEmpty {
            guard logGroup != nil else { throw ValidationError("Name what to read: --log-group, or --files.") }
            guard source == nil else { throw ValidationError("--source goes with --files.") }
        } else if logGroup != nil || export != nil || from != nil || to != nil || account != nil {
            throw ValidationError("--files goes with --source, --tags, --sink, --rejects and --checkpoint alone.")
        }
        guard export != nil || !files.isEmpty || (from != nil && to != nil) else {
            throw ValidationError("Give --from and --to.")
        }
        guard export != nil || account == nil else { throw ValidationError("--account goes with --export.") }
    }

    func run() async throws {
        do {
            let range = try LogRange.times(from, to)
            let target = try BackfillTarget([.sink: sink, .rejects: rejects, .tags: tags], config)
            if let export, let logGroup {
                try await ExportBackfill(self, target, range, export: export, logGroup: logGroup).run()
            } else if files.isEmpty {
                try await BackfillWork(command: self, target: target, times: range).run()
            } else {
                try await FileBackfill(self, target).run()
            }
        } catch let code as ExitCode {
            throw code
        } catch {
            throw Failure(error).exitCode()
        }
    }
}

/// Where the records of a backfill go, or those that are delivered again.
struct BackfillTarget {
    /// All settings, with what the command line says.
    let environment: [String: String]
    /// The agent's settings.
    let settings: AgentSettings
    /// Where records go.
    let sink: Location
    let transport: AsyncHTTPTransport
    let session: AWSSession

    init(_ flags: [Setting: String?], _ config: ConfigOptions) throws {
        var environment = try Settings(flags: flags, config).environment
        func given(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
        guard let url = given("METERTAP_SINK") ?? given("METERTAP_URL").map(Self.ingest) else {
            throw SettingError(
                "--sink", "is not given, nor METERTAP_SINK or METERTAP_URL, so that records have nowhere to go")
        }
        sink = try Location(url, setting: "--sink")
        if sink == .standardOutput {
            guard let rejects = given("METERTAP_REJECTS") else {
                throw SettingError("--rejects", "is needed with --sink -, since stdout holds records alone")
            }
            environment["METERTAP_SINK"] = rejects
        } else {
            environment["METERTAP_SINK"] = url
        }
        self.environment = environment
        settings = try AgentSettings(environment: environment)
        let aws = try AWSSettings.ofProcess()
        transport = try AsyncHTTPTransport(caBundle: aws.caBundle)
        session = LogSession.make(transport, aws)
    }

    func delivery() async throws -> FindingDelivery {
        try await FindingDelivery(
            settings: settings, session: session, transport: transport,
            sink: sink == .standardOutput ? StandardOutputSink() : nil)
    }

    /// The file that remembers what is settled: it has a name of its own for each piece of work, in the current directory.
    func checkpoint(_ path: String?, work: [String]) throws -> CheckpointFile {
        let hash = SHA256.hash(data: Array(work.joined(separator: "\0").utf8))
        let file = try CheckpointFile(
            path: path ?? "metertap-backfill-\(hexadecimal(hash.prefix(6))).json", work: work)
        if file.isResumed { Terminal.error("metertap: going on with what \(file.path) says is not settled") }
        return file
    }

    /// Prints the accounting; where stdout holds the records, on stderr.
    func report(_ body: (inout JSONObjectWriter, inout [UInt8]) -> Void) {
        var line: [UInt8] = []
        var object = JSONObjectWriter(&line)
        body(&object, &line)
        object.end(&line)
        let text = String(decoding: line, as: UTF8.self)
        if sink == .standardOutput { Terminal.error(text) } else { Terminal.output(text) }
    }

    private static func ingest(_ url: String) -> String {
        url.hasSuffix("/") ? "\(url)ingest" : "\(url)/ingest"
    }
}

/// One run of the command over CloudWatch Logs.
private struct BackfillWork {
    let command: BackfillCommand
    let target: BackfillTarget
    let times: Range<Int64>

    func run() async throws {
        let client = try CloudWatchLogsClient(target.session)
        let delivery = try await target.delivery()
        let group = try await LogRange.find(command.logGroup ?? "", client)
        var checkpoint = try target.checkpoint(
            command.checkpoint, work: [group.account, group.name, delivery.sinkName])
        let reader = LogGroupReader(
            client: client, group: group, lineReader: delivery.lineReader,
            pattern: FilterPattern.text(ofAny: target.settings.tags))
        var backfill = Backfill(reader: reader, delivery: delivery)
        var progress = ProgressLine()
        do {
            try await backfill.run(times, checkpoint: &checkpoint) { state in
                let seconds = progress.seconds
                progress.show(Self.text(state, seconds))
            }
        } catch {
            progress.clear()
            report(backfill, group, checkpoint, isComplete: false)
            throw Failure.brokenOff(error)
        }
        progress.clear()
        checkpoint.remove()
        report(backfill, group, checkpoint, isComplete: true)
    }

    private static func text(_ state: Backfill.Progress, _ seconds: Double) -> String {
        let percent = state.total > 0 ? state.settled * 100 / state.total : 100
        let text =
            "\(percent) %  \(Display.count(state.accounting.events)) log events"
            + "  \(Display.count(state.accounting.records)) records  \(Display.count(state.accounting.rejected)) rejects"
        return text + Display.timeLeft(done: state.settled, of: state.total, seconds)
    }

    private func report(
        _ backfill: Backfill, _ group: CloudWatchLogsClient.LogGroup, _ checkpoint: CheckpointFile, isComplete: Bool
    ) {
        target.report { object, line in
            object.literal("complete", isComplete ? "true" : "false", &line)
            object.literal("resumed", checkpoint.isResumed ? "true" : "false", &line)
            object.member("account", group.account, &line)
            object.member("logGroup", group.name, &line)
            object.member("from", times.lowerBound, &line)
            object.member("to", times.upperBound, &line)
            NDJSON.appendMembers(of: backfill.accounting, namesIgnoredKeys: true, to: &object, &line)
            backfill.report.append(to: &object, &line)
            object.member("calls", backfill.cost.calls, &line)
            object.member("bytesRead", backfill.cost.bytes, &line)
            object.member("rangesBegunAnew", backfill.cost.restarts, &line)
        }
    }
}

extension DeliveryReport {
    /// What became of the findings, as members of an accounting.
    func append(to object: inout JSONObjectWriter, _ line: inout [UInt8]) {
        object.member("delivered", delivered, &line)
        object.member("rejected", rejected, &line)
        object.member("refusedBySink", refused, &line)
        object.member("parts", parts, &line)
        object.member("bytes", bytes, &line)
    }
}

extension Failure {
    /// For work that goes on where it was when the command runs again.
    static func brokenOff(_ error: any Error) -> Failure {
        let failure = Failure(error)
        return Failure(
            message: "\(failure.message) What was settled stays; run the same command again to go on.",
            code: failure.code)
    }
}
