import Collection
import Meter
import MeterLine
import Testing

@Suite("What a bucket holds, for an audit")
struct HeldRecordsTests {
    private static let time: Int64 = 1_767_323_045_000
    private static let times = time..<(time + 60_000)
    private static let source =
        #""source":{"account":"1","logGroup":"g","logStream":"s/é","eventId":"7","timestamp":1767323045000,"ordinal":0"#

    /// The identity that a record of the log event has in which `source` lies.
    private static func derivedId(_ ordinal: Int = 0) -> String {
        let origin = EventOrigin(account: "1", logGroup: "g", logStream: "s/é", eventId: "7", timestamp: time)
        return Identity.uniqueId(of: origin, ordinal: ordinal)
    }

    private static func line(_ id: String, _ more: String = "", end: String = "}}") -> String {
        #"{"uniqueId":"\#(id)","meterApiName":"m","meterValue":1.5,"meterTimeInMillis":1767323045000,"customerId":"c\#(more)"#
            + "\",\(source)\(end)"
    }

    /// Lines that are read quickly, and some that are not.
    private static let lines = [
        line("own"), line(derivedId()), line("own", end: #","timeDerived":true}}"#), line("own", "\\u0041"),
        line("cancel").replacing(
            "\"source\"", with: #""dimensions":{"aflo.cancel_previous_resource_event":"true"},"source""#),
        line("dimensions").replacing("\"source\"", with: #""dimensions":{"a":"b","é":"1"},"source""#),
        line("other").replacing("\"account\":\"1\"", with: "\"account\":\"2\""),
        line("late").replacing("1767323045000,\"ordinal\"", with: "1767329045000,\"ordinal\""),
        line("spaced").replacing(":", with: ": "), "no JSON", "",
    ]

    private func held(_ body: String, isQuick: Bool) throws -> (held: HeldRecords, quick: Int) {
        let held = HeldRecords(account: "1", logGroup: "g", times: Self.times)
        var (quick, ignored) = (0, [[UInt8]: Int]())
        var reader = QuickReceivedReader()
        var failure: (any Error)?
        try IngestReader().read(Array(body.utf8), format: .json, ignoredKeys: &ignored) { text, line in
            guard isQuick, let record = reader.read(text, line) else { return false }
            quick += 1
            do { try held.add(record) } catch { failure = error }
            return true
        } _: { item, line in
            guard case .record(let record) = item else { return }
            do { try record.withPlaces(line: line) { try held.add($0) } } catch { failure = error }
        }
        if let failure { throw failure }
        return (held, quick)
    }

    private func described(_ received: [AuditReceived]?) throws -> [String] {
        try #require(received).map { one in
            "\(one.place) \(one.content) \(one.state) \(one.timestamp) \(one.isFromExport) \(one.record)"
        }
    }

    @Test("is the same whether its lines are read quickly or by all the rules", arguments: lines)
    func quickly(_ line: String) throws {
        let others = [Self.line("before"), Self.line("behind", end: #","timeDerived":true}}"#)].enumerated().map {
            $1.replacing("\"eventId\":\"7\"", with: "\"eventId\":\"\($0)\"")
        }
        let body = "\(others[0])\n\(line)\n\(others[1])\n"
        let (quick, general) = (try held(body, isQuick: true), try held(body, isQuick: false))
        #expect(quick.quick >= 2)
        #expect(general.quick == 0)
        let ofQuick = try described(quick.held.received(Self.times, limit: 100))
        #expect(try described(general.held.received(Self.times, limit: 100)) == ofQuick)
        #expect(ofQuick.count >= 2)
        for id in ["own", "cancel", "behind", Self.derivedId(), "nobody"] {
            let message = Array(
                #"amberflo_meter: {"uniqueId":"\#(id)","customerId":"c","meterApiName":"m","meterValue":1.5}"#.utf8)
            var accounting = Accounting()
            let origin = EventOrigin(account: "1", logGroup: "g", logStream: "t", eventId: "9", timestamp: Self.time)
            for finding in try LineReader().read(message.span, of: origin, accounting: &accounting) {
                let found = try #require(AuditFound(finding))
                #expect(try quick.held.find(found).state == general.held.find(found).state)
            }
        }
    }

    @Test("gives each place once, in the order of time, and its line again")
    func places() throws {
        let body = (0..<50).map { number in
            Self.line("id-\(number % 40)").replacing("\"eventId\":\"7\"", with: "\"eventId\":\"\(number % 40)\"")
                .replacing("1767323045000,\"ordinal\"", with: "\(Self.time + Int64(39 - number % 40)),\"ordinal\"")
        }.joined(separator: "\n")
        let (held, quick) = try held(body, isQuick: true)
        #expect(quick == 50)
        let received = try #require(try held.received(Self.times, limit: 100))
        #expect(received.map(\.timestamp) == (0..<40).map { Self.time + Int64($0) })
        #expect(received.map(\.record.uniqueId) == (0..<40).map { "id-\(39 - $0)" })
    }
}
