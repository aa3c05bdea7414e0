import ArgumentParser
import Delivery
import FoundationEssentials
import MeterLine
import Sample

struct Demo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Watch a sample application's log lines become meter records.",
        discussion: """
            A sample application of five services writes log lines; the agent, the same code that runs in Lambda, turns \
            them into records in a directory that stands for the meter bucket. No AWS, no account, no network.

            Example:
              metertap demo --directory out/bucket --seconds 10
            """)

    @Option(help: "The directory that stands for the bucket.")
    var directory = "out/bucket"

    @Option(help: "How long the application runs; 0 for one round.")
    var seconds = 10

    @Option(help: "Log lines a second.")
    var rate = 400

    @Option(help: "The seed of the application; the same seed gives the same lines.")
    var seed: UInt64?

    /// How often the application's lines are shipped.
    private static let roundsPerSecond = 2

    func validate() throws {
        guard (0...3_600).contains(seconds) else { throw ValidationError("--seconds must be 0 to 3600") }
        guard (1...100_000).contains(rate) else { throw ValidationError("--rate must be 1 to 100000") }
    }

    func run() async throws {
        do {
            try await watch()
        } catch let failure as Failure {
            throw failure.exitCode()
        }
    }

    private func watch() async throws {
        let path = directory.hasPrefix("/") ? directory : "\(FileManager.default.currentDirectoryPath)/\(directory)"
        let store = DirectoryStore(path)
        let agent = Agent(reader: try LineReader(), sink: StoreSink(store), rejects: store, provenance: true)
        let seed = seed ?? UInt64.random(in: 0..<1_000_000)
        var application = SampleApplication(seed: seed)
        var delivery = SampleDelivery()
        var written = Written()
        var totals = DemoTotals()

        print("A sample application writes log lines; the agent turns them into meter records (seed \(seed)).\n")
        for round in 0..<max(1, seconds * Self.roundsPerSecond) {
            let now = Int64((Date().timeIntervalSince1970 * 1_000).rounded())
            let lines = (0..<max(1, rate / Self.roundsPerSecond)).map { _ in application.nextLine(at: now) }
            for line in lines { written.count(line) }
            let outcome = try await agent.handle(
                delivery.kinesisEvent(lines), requestID: "demo-\(round)", deadline: nil)
            try totals.add(outcome)
            DemoScreen.show(lines, totals)
            if seconds > 0 { try await Task.sleep(for: .milliseconds(1_000 / Self.roundsPerSecond)) }
        }
        DemoScreen.conclude(written, totals, path)
        guard totals.records == written.records, totals.rejects == written.rejects,
            totals.delivered + totals.rejected == totals.records + totals.rejects
        else {
            throw Failure(
                message: "the figures do not add up; this is a fault of Metertap, please report it", code: .failure)
        }
    }
}

/// What the application knows that it wrote.
struct Written {
    private(set) var lines = 0
    private(set) var records = 0
    private(set) var rejects = 0

    mutating func count(_ line: SampleApplication.Line) {
        lines += 1
        records += line.records
        rejects += line.rejects
    }
}

/// The agent's figures over all rounds, read from the accounting that it logs.
struct DemoTotals: Decodable {
    var events = 0
    var mentions = 0
    var records = 0
    var rejects = 0
    var delivered = 0
    var rejected = 0
    var parts = 0
    var reasons: [String: Int] = [:]
    /// Why a round was not delivered.
    var error: String?

    mutating func add(_ outcome: Agent.Outcome) throws {
        guard let log = outcome.log else { return }
        let other = try JSONDecoder().decode(DemoTotals.self, from: Data(log.utf8))
        if let error = other.error { throw Failure(message: error, code: .inputOutput) }
        events += other.events
        mentions += other.mentions
        records += other.records
        rejects += other.rejects
        delivered += other.delivered
        rejected += other.rejected
        parts += other.parts
        reasons.merge(other.reasons, uniquingKeysWith: +)
    }
}

/// The demo's text.
enum DemoScreen {
    private static let width = 108

    static func show(_ lines: [SampleApplication.Line], _ totals: DemoTotals) {
        for line in lines.filter({ $0.records + $0.rejects > 0 }).prefix(2) {
            let mark = line.rejects > 0 ? "reject" : "record"
            print("  \(mark)  \(shortened("\(line.service): \(line.message)"))")
        }
        print(
            "  \(Display.count(totals.events)) log lines → \(Display.count(totals.delivered)) records delivered, "
                + "\(Display.count(totals.rejected)) rejects kept, in \(totals.parts) objects\n")
    }

    static func conclude(_ written: Written, _ totals: DemoTotals, _ path: String) {
        let rows = [
            ("log lines", written.lines, totals.events),
            ("records", written.records, totals.records),
            ("rejects", written.rejects, totals.rejects),
        ]
        print("               written     found")
        for (name, wrote, found) in rows {
            print("  \(padded(name, 9)) \(leading(Display.count(wrote), 10))\(leading(Display.count(found), 10))")
        }
        print(
            "\n  found \(Display.count(totals.records + totals.rejects)) = delivered "
                + "\(Display.count(totals.delivered)) + rejected \(Display.count(totals.rejected))")
        print("  tags that were only mentioned: \(Display.count(totals.mentions))")
        for (reason, count) in totals.reasons.sorted(by: { $0.value > $1.value }) {
            print("  \(padded(reason, 16))\(leading(Display.count(count), 7))")
        }
        print("\nThe records are in \(path)/ingest/records, the rejects in \(path)/rejects. Look at some:")
        print("  zcat $(find \(path)/ingest/records -name '*.gz' | tail -1) | head -3")
        print("  zcat $(find \(path)/rejects -name '*.gz' | tail -1) | head -3")
    }

    private static func shortened(_ text: String) -> String {
        text.count <= width ? text : "\(text.prefix(width - 1))…"
    }

    private static func padded(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(0, width - text.count))
    }

    private static func leading(_ text: String, _ width: Int) -> String {
        String(repeating: " ", count: max(0, width - text.count)) + text
    }
}
