import AWS
import ArgumentParser
import Collection
import Delivery
import HTTP
import MeterLine
import UnixSignals

struct CollectCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "collect",
        abstract: "Pull records from log groups and Kinesis streams of many accounts, with nothing installed there.",
        discussion: """
            Reads the connections and streams of the settings file, each on its own, until SIGINT or SIGTERM. Several \
            processes share the shards of a Kinesis stream by leases. Of connections, what CloudWatch Logs shows \
            late is found too: everything is read again when it is minutes, an hour, a day and 14 days old, and only what was \
            not delivered yet is delivered. Where records go is told by sink, as for the agent; without it they go to the \
            platform at METERTAP_URL. Run it again after a stop or a crash: it goes on where it was. Once a minute each \
            connection is reported as one JSON line on stdout; on a terminal there is a table.

            Example:
              metertap collect --config metertap.yaml
            """)

    @Option(help: "Where records go: s3://bucket/prefix, file:///directory or https://host/ingest.")
    var sink: String?

    @Option(help: "Where rejects go, when the sink is no bucket of one's own.")
    var rejects: String?

    @Option(help: "The directory that remembers what was delivered (default: metertap-collector).")
    var state: String?

    @Option(help: "How long to pause before a log group is read again (default: 10s).")
    var interval: String?

    @OptionGroup var config: ConfigOptions

    func run() async throws {
        do {
            let settings = try Settings(
                flags: [.sink: sink, .rejects: rejects, .state: state, .interval: interval], config)
            let connections = try ConnectionList.read(settings.file)
            let streams = try StreamList.read(settings.file, state: settings.text(.state))
            guard !connections.isEmpty || !streams.isEmpty else {
                throw Failure(
                    message: "\(settings.file.path) has no connections and no streams, so that there is nothing to "
                        + "read; docs/collect.md and docs/kinesis-pull.md show some", code: .configuration)
            }
            let url = settings.text(.url)
            let agent = try settings.agent(sink: url.hasSuffix("/") ? "\(url)ingest" : "\(url)/ingest")
            let collector =
                connections.isEmpty
                ? nil
                : try await Self.collector(connections, settings, agent: agent, state: settings.text(.state))
            let work = streams.isEmpty ? nil : try await Self.work(streams, agent)
            await CollectReport(collector: collector, streams: work).run()
        } catch {
            throw Failure(error).exitCode()
        }
    }

    /// The collector that settings describe.
    ///
    /// - Parameters:
    ///   - agent: where records go, and with which tags.
    ///   - state: the directory of its memory.
    ///   - sinkName: what the memory is about; nil for the address of the sink.
    static func collector(
        _ connections: [Connection], _ settings: Settings, agent: AgentSettings, state: String, sinkName: String? = nil
    ) async throws -> Collector {
        let aws = try AWSSettings.ofProcess()
        let transport = try AsyncHTTPTransport(caBundle: aws.caBundle)
        return try await Collector(
            settings: Collector.Settings(
                connections: connections, state: state, sinkName: sinkName, agent: agent,
                interval: try settings.duration(.interval), sweeps: try settings.durations(.sweeps)),
            // The collector knows better than a call when to try again.
            session: AWSSession(settings: aws, transport: transport, policy: RetryPolicy(maximumAttempts: 1)),
            sinkSession: AWSSession(settings: aws, transport: transport), transport: transport)
    }

    /// The work on the streams of settings.
    private static func work(_ streams: [StreamSettings], _ agent: AgentSettings) async throws -> StreamsWork {
        let aws = try AWSSettings.ofProcess()
        let transport = try AsyncHTTPTransport(caBundle: aws.caBundle)
        return try await StreamsWork(
            streams, agent: agent, session: AWSSession(settings: aws, transport: transport),
            transport: transport)
    }
}
