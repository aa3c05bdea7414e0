import ArgumentParser
import MeterLine

struct Usage: PlatformCommand {
    static let configuration = CommandConfiguration(
        commandName: "usage",
        abstract: "Show usage: a table with a small chart, or a CSV for the invoice.",
        discussion: """
            Without a meter it shows all of them. --csv --period prints one line for each meter and customer of a month, \
            with exact figures. CSV holds names exactly as they were sent; add --spreadsheet when you open it in a \
            spreadsheet, which would run a name such as =1+1.

            Example:
              metertap usage ApiCalls --from 7d --by customerId
              metertap usage --csv --period 2026-10
            """)

    @Argument(help: "The meter's meterApiName; all meters when absent.")
    var meter: String?

    @Option(help: "Where it begins: a time, or how long ago.")
    var from = "7d"

    @Option(help: "Where it ends: a time, or how long ago.")
    var to = "0m"

    @Option(help: "The length of a bucket: minute, hour, day, week or month.")
    var interval = "day"

    @Option(name: .customLong("by"), help: "A key to tell apart: customerId or a dimension; may be repeated.")
    var groupBy: [String] = []

    @Option(help: "Only this customer's usage.")
    var customer: String?

    @Option(help: "sum, count, min, max, avg, unique or latest (default: the meter's own).")
    var aggregation: String?

    @Flag(help: "Print CSV; with --period all meters and customers of a month.")
    var csv = false

    @Flag(
        help: "With --csv, put an apostrophe before names that a spreadsheet would run, or that begin with one."
    )
    var spreadsheet = false

    @Option(help: "A month such as 2026-10, for --csv.")
    var period: String?

    @OptionGroup var output: OutputOptions

    @OptionGroup var platform: PlatformOptions

    func validate() throws {
        guard period == nil || csv else { throw ValidationError("--period goes with --csv") }
        guard csv || !spreadsheet else { throw ValidationError("--spreadsheet goes with --csv") }
        guard period != nil || !csv || meter != nil else {
            throw ValidationError("--csv needs a meter, or --period for all of them")
        }
    }

    func work(_ client: PlatformClient) async throws {
        if let period {
            try await invoice(client, try CommandTime.month(period))
            return
        }
        let answers = try await answers(client)
        if output.json { return Terminal.output(answers.json) }
        if csv { return printCSV(answers.elements) }
        guard !answers.elements.isEmpty else {
            Terminal.output("No meter is defined; metertap meters apply FILE.yaml defines some.")
            return
        }
        for (index, answer) in answers.elements.enumerated() {
            if index > 0 { Terminal.output("") }
            show(answer)
        }
    }

    private func answers(_ client: PlatformClient) async throws -> JSONTree {
        let start = try CommandTime.parse(from, "--from") / 1_000
        let end = try CommandTime.parse(to, "--to") / 1_000 + (to == "0m" ? 1 : 0)
        guard let meter else {
            return try await client.get(
                "/usage/all",
                [
                    ("startTimeInSeconds", "\(start)"), ("endTimeInSeconds", "\(end)"),
                    ("timeGroupingInterval", interval), ("customerId", customer), ("groupBy", groupBy.first),
                ])
        }
        var query: [JSONTree.Member] = [
            .init("meterApiName", .string(meter)), .init("timeGroupingInterval", .string(interval)),
            .init(
                "timeRange",
                .object([
                    .init("startTimeInSeconds", .number("\(start)")), .init("endTimeInSeconds", .number("\(end)")),
                ])),
            .init("groupBy", .array(groupBy.map { .string($0) })),
        ]
        if let aggregation { query.append(.init("aggregation", .string(aggregation))) }
        if let customer { query.append(.init("filter", .object([.init("customerId", .string(customer))]))) }
        return .array([try await client.post("/usage", .object(query))])
    }

    // MARK: - For people

    private func show(_ answer: JSONTree) {
        let metadata = answer["metadata"]
        let starts = answer["secondsSinceEpochIntervals"]?.elements ?? []
        let first = starts.first.flatMap { Int64($0.text) } ?? 0
        let last = starts.last.flatMap { Int64($0.text) } ?? 0
        let name = Table.printable(metadata?["meterApiName"]?.text ?? "")
        let unit = metadata?["timeGroupingInterval"]?.text.lowercased() ?? ""
        Terminal.output(
            "\(name) (\(metadata?["aggregation"]?.text ?? "")) by \(unit), "
                + "\(CommandTime.text(first * 1_000)) to \(CommandTime.text(last * 1_000)) UTC")
        let series = answer["clientMeters"]?.elements ?? []
        let keys = Self.keys(series)
        var table = Table(keys + [">total", "chart"])
        for one in series {
            let values = (one["values"]?.elements ?? []).compactMap { Double($0["value"]?.text ?? "") }
            table.add(
                keys.map { one["group"]?["groupInfo"]?[$0].map { $0 == .null ? "(none)" : $0.text } ?? "" }
                    + [one["groupValue"]?.text ?? "", Sparkline.text(values)])
        }
        table.print(orElse: "  no usage in this time")
    }

    private static func keys(_ series: [JSONTree]) -> [String] {
        guard case .object(let members)? = series.first?["group"]?["groupInfo"] else { return [] }
        return members.map(\.name)
    }

    // MARK: - For an invoice

    private func printCSV(_ answers: [JSONTree]) {
        for answer in answers {
            let series = answer["clientMeters"]?.elements ?? []
            let keys = Self.keys(series)
            Terminal.output(CSVLine.text(["bucket"] + keys.map(cell) + ["value"]))
            for one in series {
                for value in one["values"]?.elements ?? [] {
                    let start = Int64(value["secondsSinceEpochUtc"]?.text ?? "") ?? 0
                    Terminal.output(
                        CSVLine.text(
                            [CommandTime.text(start * 1_000)]
                                + keys.map { cell(one["group"]?["groupInfo"]?[$0]?.text ?? "") }
                                + [value["value"]?.text ?? ""]))
                }
            }
        }
    }

    /// A name as a cell.
    private func cell(_ name: String) -> String {
        spreadsheet ? CSVLine.spreadsheetText(name) : name
    }

    private func invoice(_ client: PlatformClient, _ range: Range<Int64>) async throws {
        let names = Dictionary(
            try await client.get("/customers").elements.map { customer in
                // By bytes: canonically equivalent ids are those of different customers.
                (Array((customer["customerId"]?.text ?? "").utf8), customer["customerName"]?.text ?? "")
            }, uniquingKeysWith: { first, _ in first })
        let meters = try await client.get("/meters").elements
        let answers = try await client.get(
            "/usage/all",
            [
                ("startTimeInSeconds", "\(range.lowerBound / 1_000)"),
                ("endTimeInSeconds", "\(range.upperBound / 1_000)"), ("timeGroupingInterval", "month"),
                ("groupBy", "customerId"),
            ])
        if output.json { return Terminal.output(answers.json) }
        Terminal.output(CSVLine.text(["period", "customerId", "customerName", "meterApiName", "label", "value"]))
        for (meter, answer) in zip(meters, answers.elements) where meter["useInBilling"] != .bool(false) {
            for one in answer["clientMeters"]?.elements ?? [] {
                let customer = one["group"]?["groupInfo"]?["customerId"]?.text ?? ""
                Terminal.output(
                    CSVLine.text([
                        period ?? "", cell(customer), cell(names[Array(customer.utf8)] ?? ""),
                        cell(meter["meterApiName"]?.text ?? ""), cell(meter["label"]?.text ?? ""),
                        one["groupValue"]?.text ?? "",
                    ]))
            }
        }
    }
}
