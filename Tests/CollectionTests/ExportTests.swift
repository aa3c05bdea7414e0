import Collection
import Gzip
import Meter
import MeterLine
import Testing

@Suite("An export of CloudWatch Logs")
struct ExportTests {
    @Test("tells task and stream by the key, and what is no log event of an export")
    func keys() {
        let object = ExportObject(key: "shop/2026/0b1c/web-1-[$LATEST]a/000012.gz")
        #expect(object?.task == "shop/2026/0b1c")
        #expect(object?.stream == "web-1-[$LATEST]a")
        for key in [
            "shop/aws-logs-write-test", "aws-logs-write-test", "task/000000.gz", "task/s/000000", "task/s/.gz",
            "task/s/notes.gz", "task//000000.gz", "",
        ] { #expect(ExportObject(key: key) == nil, "\(key)") }
    }

    private static let text = """
        2026-01-02T03:04:05.678Z first
        2026-01-02T03:04:05.678Z second
          goes on
        2026-01-02 10:00:00 is no time of an export

        2026-01-02T03:04:06.000Z
        2026-01-02T03:04:07.001Zglued
        2026-01-02T03:04:08.001Z last


        """

    @Test("gives the same log events in pieces of any size", arguments: [1, 2, 7, 64, 10_000])
    func pieces(size: Int) throws {
        var lines = ExportLines()
        var events: [(Int64, String)] = []
        let text = Array(Self.text.utf8)
        for start in stride(from: 0, to: text.count, by: size) {
            try lines.read(text[start..<min(text.count, start + size)].span) {
                events.append(($0, String(decoding: $1, as: UTF8.self)))
            }
        }
        try lines.finish { events.append(($0, String(decoding: $1, as: UTF8.self))) }
        #expect(events.map(\.0) == [678, 678, 1_000, 3_001].map { 1_767_323_045_000 + $0 })
        #expect(
            events.map(\.1) == [
                "first", "second\n  goes on\n2026-01-02 10:00:00 is no time of an export",
                "\n2026-01-02T03:04:07.001Zglued", "last",
            ])
    }

    @Test("refuses what is no export, and log events that CloudWatch Logs would not have taken")
    func refused() throws {
        for text in ["no time\n", String(repeating: "x", count: ExportLines.maximumMessageBytes + 1)] {
            #expect(throws: ExportLines.Problem.self) {
                var lines = ExportLines()
                try lines.read(Array(text.utf8).span) { _, _ in }
            }
        }
    }

    @Test("gives its records in the order of time, a window again with an earlier end, and none of before a window")
    func order() async throws {
        let events = ExportedEvents(
            lineReader: try LineReader(), account: "1", logGroup: "g", range: 0..<RecordLimits.timesInMillis.upperBound)
        let start: Int64 = 1_767_323_040_000
        for stream in ["a", "b"] {
            let object = try #require(ExportObject(key: "task/\(stream)/000000.gz"))
            var reading = ExportedEvents.Reading(object)
            let text = (0..<10).map {
                "2026-01-02T03:04:0\($0).000Z amberflo_meter: {\"customerId\":\"\(stream)\($0)\",\"meterApiName\":\"m\",\"meterValue\":1}\n"
            }.joined()
            var writer = GzipWriter()
            writer.append(Array(text.utf8))
            let body = writer.finish()
            #expect(try events.read(body.span, &reading).isEmpty)
            #expect(try events.finish(reading).isEmpty)
        }
        #expect(events.times == start..<start + 9_001)
        func customers(_ from: Int64, _ to: Int64) async throws -> [String] {
            var (accounting, cost) = (Accounting(), LogGroupReader.Cost())
            var customers: [String] = []
            try await events.read(start + from..<start + to, accounting: &accounting, cost: &cost) { findings in
                for case .record(let found) in findings { customers.append(found.record.customerId ?? "") }
                return true
            }
            return customers.sorted()
        }
        #expect(try await customers(2_000, 5_000) == ["a2", "a3", "a4", "b2", "b3", "b4"])
        #expect(try await customers(2_000, 4_000) == ["a2", "a3", "b2", "b3"])
        #expect(try await customers(4_000, 6_000) == ["a4", "a5", "b4", "b5"])
    }
}
