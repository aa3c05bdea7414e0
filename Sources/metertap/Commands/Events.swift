import ArgumentParser
import MeterLine
import UnixSignals

struct Events: PlatformCommand {
    static let configuration = CommandConfiguration(
        commandName: "events",
        abstract: "Show records as they came, and go on as they come.",
        discussion: "Example:\n  metertap events --meter ApiCalls --follow")

    @Flag(help: "Go on with what arrives, until SIGINT.")
    var follow = false

    @Option(help: "Only this meter's records.")
    var meter: String?

    @Option(help: "Only this customer's records.")
    var customer: String?

    @Option(help: "How many of the newest.")
    var limit = 20

    @Flag(help: "Print each record as a line of JSON.")
    var json = false

    @OptionGroup var platform: PlatformOptions

    private static let pause = Duration.seconds(1)

    func validate() throws {
        guard (1...1_000).contains(limit) else { throw ValidationError("--limit must be 1 to 1000") }
    }

    func work(_ client: PlatformClient) async throws {
        let page = try await client.get("/events", parameters + [("limit", "\(limit)")])
        let newest = Array((page["events"]?.elements ?? []).reversed())
        show(newest)
        guard follow else {
            if newest.isEmpty, !json { Terminal.output("No record yet.") }
            return
        }
        let last = newest.last?["number"]?.text ?? "0"
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await goOn(client, behind: last) }
            group.addTask {
                for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) { return }
            }
            // A signal is how it ends well; an error of the other task is thrown.
            try await group.next()
            group.cancelAll()
        }
    }

    private func goOn(_ client: PlatformClient, behind last: String) async throws {
        var cursor = last
        while !Task.isCancelled {
            let page = try await client.get(
                "/events",
                parameters + [("isAscending", "true"), ("limit", "1000"), ("cursor", cursor == "0" ? nil : cursor)])
            let events = page["events"]?.elements ?? []
            show(events)
            if let next = page["cursor"], next != .null {
                cursor = next.text
            } else {
                cursor = events.last?["number"]?.text ?? cursor
                try await Task.sleep(for: Self.pause)
            }
        }
    }

    private var parameters: [(String, String?)] { [("meterApiName", meter), ("customerId", customer)] }

    private func show(_ events: [JSONTree]) {
        for event in events {
            guard !json else {
                Terminal.output(event.json)
                continue
            }
            let dimensions = event["dimensions"].map { $0 == .object([]) ? "" : "  \($0.json)" } ?? ""
            let line = [
                Describe.time(event["meterTimeInMillis"]), event["state"]?.text ?? "",
                event["meterApiName"]?.text ?? "", event["customerId"]?.text ?? "", event["meterValue"]?.text ?? "",
            ].joined(separator: "  ")
            Terminal.output(Table.printable(line + dimensions))
        }
    }
}
