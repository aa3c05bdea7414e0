import Delivery
import FoundationEssentials
import HTTP
import MeterLine
import Sample

/// What `metertap up --demo` adds: an application that writes log lines, and the agent that turns them into records.
///
/// The agent is the code that runs in Lambda; it writes into the directory that the platform reads as its bucket. One
/// more service calls the API itself, and now and then it repeats itself or sends what is no record.
struct Demo {
    private static let meters = """
        [{"meterApiName":"ApiCalls","label":"API calls","meterType":"sum_of_all_usage","dimensions":["method","route"]},
        {"meterApiName":"Searches","label":"Searches","meterType":"sum_of_all_usage","dimensions":["index"]},
        {"meterApiName":"EgressGB","label":"Egress (GB)","meterType":"sum_of_all_usage"},
        {"meterApiName":"TranscodedMinutes","label":"Transcoded minutes","meterType":"sum_of_all_usage"},
        {"meterApiName":"StoredGB","label":"Stored (GB)","meterType":"max"},
        {"meterApiName":"Seats","label":"Seats","meterType":"latest","dimensions":["plan"]}]
        """
    private static let customers = [
        ("acme", "Acme Inc"), ("globex", "Globex Corporation"), ("initech", "Initech"), ("umbrella", "Umbrella Group"),
    ]
    /// How many days the application has run already, so that there is something to see.
    private static let daysOfHistory: Int64 = 14
    private static let linesPerRound = 200
    private static let pause = Duration.milliseconds(500)
    /// After how many rounds the figures are shown.
    private static let roundsPerReport = 6

    private let client: PlatformClient
    private let directory: String
    private let agent: Agent
    private var application: SampleApplication
    private var delivery = SampleDelivery()
    private var totals = DemoTotals()

    /// Prepares the application.
    ///
    /// - Parameter directory: the directory that stands for the bucket.
    init(client: PlatformClient, directory: String) throws {
        self.client = client
        self.directory = directory
        let path = directory.hasPrefix("/") ? directory : "\(FileManager.default.currentDirectoryPath)/\(directory)"
        let store = DirectoryStore(path)
        agent = Agent(reader: try LineReader(), sink: StoreSink(store), rejects: store, provenance: true)
        application = SampleApplication(seed: UInt64.random(in: 0..<1_000_000))
    }

    /// Writes log lines until it is cancelled, and ends with the figures and where everything is.
    mutating func run() async throws {
        defer { DemoScreen.end(totals, directory) }
        try await defineMeters()
        try await defineCustomers()
        try await writeHistory()
        Terminal.output("A sample application writes log lines, and the agent turns them into meter records.\n")
        var round = 0
        while true {
            let now = UnixTime.now().milliseconds
            let lines = (0..<Self.linesPerRound).map { _ in application.nextLine(at: now) }
            let outcome = try await agent.handle(
                delivery.kinesisEvent(lines), requestID: "demo-\(round)", deadline: nil)
            try totals.add(outcome)
            if round % Self.roundsPerReport == 0 {
                try await callAPI(at: now)
                DemoScreen.show(lines, totals)
                try await DemoScreen.show(
                    try await client.get("/pipeline"),
                    try await client.get("/usage/all", [("startTimeInSeconds", "\(now / 86_400_000 * 86_400)")]))
            }
            round += 1
            try await Task.sleep(for: Self.pause)
        }
    }

    private func defineMeters() async throws {
        let defined = try await client.get("/meters").elements.map { $0["meterApiName"] }
        for meter in JSONTree(Array(Self.meters.utf8))?.elements ?? [] where !defined.contains(meter["meterApiName"]) {
            _ = try await client.post("/meters", meter)
        }
    }

    private func defineCustomers() async throws {
        let defined = try await client.get("/customers").elements.map { $0["customerId"]?.text }
        for (id, name) in Self.customers where !defined.contains(id) {
            let customer: JSONTree = .object([
                .init("customerId", .string(id)), .init("customerName", .string(name)),
                .init("lifecycleStage", .string("active")),
            ])
            _ = try await client.post("/customers", customer)
        }
    }

    /// What the application logged before: by day more than by night.
    private mutating func writeHistory() async throws {
        let (day, hour): (Int64, Int64) = (86_400_000, 3_600_000)
        let now = UnixTime.now().milliseconds
        let first = now / day * day - Self.daysOfHistory * day
        for start in stride(from: first, to: now / day * day, by: Int(day)) {
            var lines: [SampleApplication.Line] = []
            for clock in 0..<Int64(24) {
                let count = 12 + 6 * (12 - abs(clock - 13))
                for index in 0..<count {
                    lines.append(application.nextLine(at: start + clock * hour + index * hour / count))
                }
            }
            try totals.add(
                try await agent.handle(delivery.kinesisEvent(lines), requestID: "history-\(start)", deadline: nil))
        }
    }

    /// A record, the same again, and one that is none.
    private func callAPI(at time: Int64) async throws {
        let record = "\"customerId\":\"globex\",\"meterApiName\":\"Searches\",\"meterTimeInMillis\":\(time)"
        let lines = ["3", "3", "\"many\""].map { "{\(record),\"meterValue\":\($0),\"indx\":\"orders\"}" }
        _ = try await client.ingest(Array(lines.joined(separator: "\n").utf8), type: "application/x-ndjson")
    }
}

/// The agent's figures over all rounds, read from the accounting that it logs.
struct DemoTotals: Decodable {
    var events = 0
    var delivered = 0
    var rejected = 0
    /// Why a round was not delivered.
    var error: String?

    mutating func add(_ outcome: Agent.Outcome) throws {
        guard let log = outcome.log else { return }
        let other = try JSONDecoder().decode(DemoTotals.self, from: Data(log.utf8))
        if let error = other.error { throw Failure(message: error, code: .inputOutput) }
        events += other.events
        delivered += other.delivered
        rejected += other.rejected
    }
}

/// The demo's text.
private enum DemoScreen {
    private static let width = 108

    static func show(_ lines: [SampleApplication.Line], _ totals: DemoTotals) {
        for line in lines.filter({ $0.records + $0.rejects > 0 }).prefix(2) {
            let text = "\(line.service): \(line.message)"
            let short = text.count <= width ? text : "\(text.prefix(width - 1))…"
            Terminal.output("  \(line.rejects > 0 ? "reject" : "record")  \(short)")
        }
        Terminal.output(
            "  \(Display.count(totals.events)) log lines → \(Display.count(totals.delivered)) records in the bucket, "
                + "\(Display.count(totals.rejected)) rejects kept")
    }

    static func end(_ totals: DemoTotals, _ directory: String) {
        Terminal.output(
            "\(Display.count(totals.events)) log lines: \(Display.count(totals.delivered)) records are in "
                + "\(directory)/ingest/records, \(Display.count(totals.rejected)) rejects in \(directory)/rejects.")
    }

    static func show(_ pipeline: JSONTree, _ usage: JSONTree) async throws {
        let counted = Int(pipeline["counted"]?.text ?? "") ?? 0
        let received = Int(pipeline["received"]?.text ?? "") ?? 0
        Terminal.output(
            "  the platform received \(Display.count(received)) and counts \(Display.count(counted)); today:")
        var table = Table("", "meter", ">usage", "by hour")
        for answer in usage.elements {
            let series = answer["clientMeters"]?.elements.first
            let values = (series?["values"]?.elements ?? []).compactMap { Double($0["value"]?.text ?? "") }
            table.add([
                "", answer["metadata"]?["meterApiName"]?.text ?? "", series?["groupValue"]?.text ?? "0",
                Sparkline.text(values),
            ])
        }
        table.print(orElse: "")
        Terminal.output("")
    }
}
