import Delivery
import MeterLine
import Testing

@Suite("Findings that a source hands on")
struct FindingDeliveryTests {
    private let reader: LineReader

    init() throws {
        reader = try LineReader()
    }

    /// A record, or every third time a reject.
    private func finding(_ number: Int) -> [Finding] {
        let record = #"amberflo_meter: {"uniqueId":"u\#(number)","customerId":"c","meterApiName":"m","meterValue":1}"#
        let origin = EventOrigin(
            account: "1", logGroup: "g", logStream: "s", eventId: "\(number)", timestamp: 1_767_323_045_000)
        var accounting = Accounting()
        let message = number % 3 == 2 ? "amberflo_meter: 5" : record
        return reader.read(Array(message.utf8).span, of: origin, accounting: &accounting)
    }

    private func delivery(_ store: MemoryStore) -> FindingDelivery {
        FindingDelivery(lineReader: reader, sink: StoreSink(store), rejects: store, provenance: false)
    }

    @Test("arrive with their manifest, under names that say from which to which log event they are")
    func names() async throws {
        let store = MemoryStore()
        var delivery = delivery(store)
        try await delivery.append((0..<9).flatMap(finding))
        #expect(store.objects.isEmpty)
        try await delivery.flush()
        #expect(try store.lines("ingest/records/2026-01-02/0-7-").count == 6)
        #expect(try store.lines("manifest/2026-01-02/0-7-").count == 6)
        #expect(try store.lines("rejects/2026-01-02/2-8-").count == 3)
        #expect(delivery.report.delivered == 6)
        #expect(delivery.report.rejected == 3)
    }

    @Test("are halved as often as they are too large for the store", arguments: [1, 2, 5])
    func tooLarge(most: Int) async throws {
        let store = MemoryStore { part throws(DeliveryError) in
            if part.lines > most { throw DeliveryError(.tooLarge, "too large") }
        }
        var delivery = delivery(store)
        try await delivery.append((0..<20).flatMap(finding))
        try await delivery.flush()
        for (kind, count) in [("ingest/", 14), ("manifest/", 14), ("rejects/", 6)] {
            // What fits its store while the rest does not comes again under another name.
            #expect(Set(try store.lines(kind)).count == count)
        }
        #expect(delivery.report.delivered == 14)
        #expect(delivery.report.rejected == 6)
    }
}
