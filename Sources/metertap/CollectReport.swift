import Collection
import FoundationEssentials
import HTTP
import MeterLine
import UnixSignals

/// Runs a collector and shows how it does: a table on a terminal, else one JSON line a minute and connection.
///
/// Streams tell of themselves.
struct CollectReport {
    private static let secondsBetweenLines = 60
    /// How long a stop waits for the rounds that are under way.
    private static let patience = Duration.seconds(20)

    let collector: Collector?
    let streams: StreamsWork?

    /// Runs until a signal asks for the end.
    func run() async {
        await withTaskGroup { group in
            group.addTask { await work() }
            if let collector { group.addTask { await report(collector) } }
            group.addTask {
                for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) { break }
                collector?.stop()
                streams?.stop()
                try? await Task.sleep(for: Self.patience)
            }
            // The rounds end in time, or they are given up; what they read is then read again.
            await group.next()
            group.cancelAll()
        }
        await showLines()
    }

    /// Runs until everything has ended.
    private func work() async {
        await withDiscardingTaskGroup { group in
            if let collector { group.addTask { await collector.run() } }
            if let streams { group.addTask { await streams.run() } }
        }
    }

    private func report(_ collector: Collector) async {
        var problems: [String: String] = [:]
        var screen = CollectScreen()
        var second = 0
        while !Task.isCancelled {
            let statuses = await collector.statuses()
            tell(statuses, &problems, apart: screen.isShown)
            if screen.isShown {
                screen.show(statuses)
            } else if second > 0, second % Self.secondsBetweenLines == 0 {
                await showLines()
            }
            second += 1
            try? await Task.sleep(for: .seconds(1))
        }
    }

    /// Tells of each problem once, and of its end.
    private func tell(_ statuses: [ConnectionStatus], _ problems: inout [String: String], apart: Bool) {
        for status in statuses where problems[status.name] != status.problem?.message {
            problems[status.name] = status.problem?.message
            guard !apart else { continue }
            Terminal.error("metertap: connection \(status.name): \(status.problem?.message ?? "all is well again.")")
        }
    }

    private func showLines() async {
        for status in await collector?.statuses() ?? [] { Terminal.output(Self.line(status)) }
    }

    private static func line(_ status: ConnectionStatus) -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(status)).map { String(decoding: $0, as: UTF8.self) } ?? "{}"
    }
}

/// The table on a terminal, written anew each second.
private struct CollectScreen {
    let isShown = Terminal.isInteractive && Terminal.isOutputInteractive
    private var lines = 0

    mutating func show(_ statuses: [ConnectionStatus]) {
        var table = Table("connection", "state", ">groups", ">lag", ">delivered", ">rejects", ">late", ">calls")
        for status in statuses {
            table.add([
                status.name, Self.word(status.state), Display.count(status.logGroups),
                status.lag.map { "\($0 / 1_000) s" } ?? "-", Display.count(status.delivered),
                Display.count(status.rejected), Display.count(status.late), Display.count(status.calls),
            ])
        }
        var text = table.lines
        for status in statuses {
            if let problem = status.problem { text.append("\(status.name): \(Table.printable(problem.message))") }
        }
        let back = lines > 0 ? "\u{1b}[\(lines)A\u{1b}[J" : ""
        Terminal.output(back + text.joined(separator: "\n"))
        lines = text.count
    }

    private static func word(_ state: ConnectionStatus.State) -> String {
        switch state {
        case .starting: "starting"
        case .catchingUp: "catching up"
        case .following: "following"
        case .failing: "failing"
        }
    }
}
