import AWS
import Collection
import Delivery
import HTTP
import MeterLine

/// Reads the streams of `metertap collect`, until it is told to stop.
struct StreamsWork: Sendable {
    /// How often each stream tells how it is.
    private static let reportInterval = Duration.seconds(60)

    private let collectors: [StreamCollector]

    /// Makes a collector for each stream.
    ///
    /// - Throws: `SettingError`, `InvalidTag`, `AWSError`.
    init(
        _ streams: [StreamSettings], agent: AgentSettings, session: AWSSession, transport: any HTTPTransport
    ) async throws {
        let slots = ReadingSlots()
        var collectors: [StreamCollector] = []
        for stream in streams {
            collectors.append(
                try await StreamCollector(
                    stream, agent: agent, session: session, transport: transport, slots: slots,
                    onProblem: { Terminal.error("metertap: \($0)") }))
        }
        self.collectors = collectors
    }

    /// Reads until `stop`; each stream tells on stdout how it is, each minute and at its end.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { await report() }
            await withDiscardingTaskGroup { group in
                for collector in collectors {
                    group.addTask {
                        await collector.run()
                        Terminal.output(Self.line(collector, isEnd: true))
                    }
                }
            }
            group.cancelAll()
        }
    }

    /// Ends the run: what is read is delivered, and the leases are given back.
    func stop() {
        for collector in collectors { collector.stop() }
    }

    private func report() async {
        while (try? await Task.sleep(for: Self.reportInterval)) != nil {
            for collector in collectors { Terminal.output(Self.line(collector, isEnd: false)) }
        }
    }

    /// How a stream is, as one line of JSON.
    private static func line(_ collector: StreamCollector, isEnd: Bool) -> String {
        let status = collector.status
        var line: [UInt8] = []
        var object = JSONObjectWriter(&line)
        object.member("stream", collector.settings.name, &line)
        object.member("collector", status.worker, &line)
        object.literal("ended", isEnd ? "true" : "false", &line)
        object.member("shards", status.shards.count, &line)
        if let behind = status.millisecondsBehind { object.member("millisecondsBehind", behind, &line) }
        object.member("kinesisRecords", status.kinesisRecords, &line)
        NDJSON.appendMembers(of: status.accounting, namesIgnoredKeys: false, to: &object, &line)
        object.member("delivered", status.report.delivered, &line)
        object.member("rejected", status.report.rejected, &line)
        object.member("refusedBySink", status.report.refused, &line)
        object.member("parts", status.report.parts, &line)
        object.member("bytes", status.report.bytes, &line)
        object.member("calls", status.calls, &line)
        object.member("bytesRead", status.bytes, &line)
        if let problem = status.problem { object.member("problem", problem, &line) }
        object.end(&line)
        return String(decoding: line, as: UTF8.self)
    }
}
