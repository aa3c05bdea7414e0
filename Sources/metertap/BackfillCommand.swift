import AWS
import ArgumentParser
import Collection
import Crypto
import Delivery
import FoundationEssentials
import HTTP
import MeterLine

struct BackfillCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backfill",
        abstract: "Bring the records of a past range of a log group to a sink.",
        discussion: """
            Reads the log events of the range from CloudWatch Logs, and delivers what the agent would have delivered, \
            with the same identities, so that nothing counts twice. Run it again when it was broken off: it goes on. \
            The accounting is one JSON line on stdout. Where records go is told as for the agent, by METERTAP_SINK and \
            the settings beside it; without it they go to the platform at METERTAP_URL, and --rejects must be given.

            Example:
              metertap backfill --log-group /app/shop --from 7d --to 0m --sink s3://meters/team
            """)

    @OptionGroup var range: LogRange

    @Option(help: "Where records go: s3://bucket/prefix, file:///directory or https://host/ingest (METERTAP_SINK).")
    var sink: String?

    @Option(help: "Where rejects go, when the sink is no bucket of one's own (METERTAP_REJECTS).")
    var rejects: String?

    @Option(help: "The file that remembers what is settled until all is; the default is named after group and sink.")
    var checkpoint: String?

    func run() async throws {
        do {
            try await BackfillWork(self).run()
        } catch {
            throw Failure(error).exitCode()
        }
    }

    /// The agent's settings, with what the command line says.
    func settings() throws -> AgentSettings {
        var environment = ProcessInfo.processInfo.environment
        environment["METERTAP_SINK"] = sink ?? environment["METERTAP_SINK"] ?? environment["METERTAP_URL"].map(ingest)
        environment["METERTAP_REJECTS"] = rejects ?? environment["METERTAP_REJECTS"]
        environment["METERTAP_TAGS"] = range.tags ?? environment["METERTAP_TAGS"]
        guard environment["METERTAP_SINK"] != nil else {
            throw SettingError(
                "--sink", "is not given, nor METERTAP_SINK or METERTAP_URL, so that records have nowhere to go")
        }
        guard environment["METERTAP_SINK"] != "-" else {
            throw SettingError("--sink", "stdout keeps nothing; name a bucket, a directory or an ingest API")
        }
        return try AgentSettings(environment: environment)
    }

    private func ingest(_ url: String) -> String {
        url.hasSuffix("/") ? "\(url)ingest" : "\(url)/ingest"
    }
}

/// One run of the command.
private struct BackfillWork {
    private let command: BackfillCommand
    private let times: Range<Int64>
    private let settings: AgentSettings
    private let transport: AsyncHTTPTransport
    private let session: AWSSession

    init(_ command: BackfillCommand) throws {
        self.command = command
        times = try command.range.times()
        settings = try command.settings()
        let aws = try AWSSettings.ofProcess()
        transport = try AsyncHTTPTransport(caBundle: aws.caBundle)
        session = LogSession.make(transport, aws)
    }

    func run() async throws {
        let client = try CloudWatchLogsClient(session)
        let delivery = try await FindingDelivery(settings: settings, session: session, transport: transport)
        let group = try await command.range.find(client)
        let work = [group.account, group.name, delivery.sinkName]
        var checkpoint = try CheckpointFile(path: command.checkpoint ?? Self.path(work), work: work)
        if checkpoint.isResumed {
            Terminal.error("metertap: going on with what \(checkpoint.path) says is not settled")
        }
        let reader = LogGroupReader(
            client: client, group: group, lineReader: delivery.lineReader,
            pattern: LogGroupReader.pattern(ofTags: settings.tags))
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
            let failure = Failure(error)
            throw Failure(
                message: "\(failure.message) What was settled stays; run the same command again to go on.",
                code: failure.code)
        }
        progress.clear()
        checkpoint.remove()
        report(backfill, group, checkpoint, isComplete: true)
    }

    /// A name of its own for each group and sink, in the current directory.
    private static func path(_ work: [String]) -> String {
        let hash = SHA256.hash(data: Array(work.joined(separator: "\0").utf8))
        return "metertap-backfill-\(hexadecimal(hash.prefix(6))).json"
    }

    private static func text(_ state: Backfill.Progress, _ seconds: Double) -> String {
        let percent = state.total > 0 ? state.settled * 100 / state.total : 100
        var text =
            "\(percent) %  \(Display.count(state.accounting.events)) log events"
            + "  \(Display.count(state.accounting.records)) records  \(Display.count(state.accounting.rejected)) rejects"
        if state.settled > 0, state.settled < state.total {
            let left = Int(seconds * Double(state.total - state.settled) / Double(state.settled))
            text += left < 120 ? "  about \(left) s left" : "  about \(left / 60) min left"
        }
        return text
    }

    private func report(
        _ backfill: Backfill, _ group: CloudWatchLogsClient.LogGroup, _ checkpoint: CheckpointFile, isComplete: Bool
    ) {
        var line: [UInt8] = []
        var object = JSONObjectWriter(&line)
        object.literal("complete", isComplete ? "true" : "false", &line)
        object.literal("resumed", checkpoint.isResumed ? "true" : "false", &line)
        object.member("account", group.account, &line)
        object.member("logGroup", group.name, &line)
        object.member("from", times.lowerBound, &line)
        object.member("to", times.upperBound, &line)
        NDJSON.appendMembers(of: backfill.accounting, namesIgnoredKeys: true, to: &object, &line)
        object.member("delivered", backfill.report.delivered, &line)
        object.member("rejected", backfill.report.rejected, &line)
        object.member("refusedBySink", backfill.report.refused, &line)
        object.member("parts", backfill.report.parts, &line)
        object.member("bytes", backfill.report.bytes, &line)
        object.member("calls", backfill.cost.calls, &line)
        object.member("bytesRead", backfill.cost.bytes, &line)
        object.end(&line)
        Terminal.output(String(decoding: line, as: UTF8.self))
    }
}
