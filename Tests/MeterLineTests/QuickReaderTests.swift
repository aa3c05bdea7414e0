import Meter
import MeterLine
import Testing

/// What is read the quick way, and that it makes no difference; random messages are tried in Tests/Soak.
@Suite struct QuickReaderTests {
    private static let record = #"{"customerId":"c","meterApiName":"m","meterValue":1.50,"dimensions":{"b":"x","a":2}}"#
    private static let escaped = record.replacing("\"", with: "\\\"")

    private static func lines() throws -> LogLines { LogLines(lineReader: try LineReader(), name: "g") }

    @Test(
        "the common forms are read the quick way",
        arguments: [
            "amberflo_meter: \(record)", "INFO x amberflo_meter=\(record) took 3 ms", "meter_record_for_cw \(record)",
            "meter_record_for_stream\(record)", #"{"level":"info","amberflo_meter" : \#(record),"a":[1]}"#,
            "amberflo_meter=\"\(escaped)\" a=b", "{\"message\":\"amberflo_meter \(escaped)\"}",
            "{\"amberflo_meter\":\"\(escaped)\"}", "é amberflo_meter: \(record.replacing("\"c\"", with: "\"é\""))",
            "amberflo_meter: \(record.replacing("customerId", with: "tenant"))", "amberflo_meter: \(record) cut \"",
        ])
    func isQuick(_ message: String) throws {
        #expect(try Self.lines().isReadQuickly(Array(message.utf8).span))
        try Self.expectEqual(message)
    }

    @Test(
        "the unusual is left to the reader that knows all rules",
        arguments: [
            "xamberflo_meter: \(record)", "\\amberflo_meter: \(record)", "amberflo_meter: \(record) amberflo_meter: 1",
            "amberflo_meter: [\(record)]", "amberflo_meter: \(record.replacing("\"c\"", with: "\"\\u0063\""))",
            "amberflo_meter: \(record.replacing("\"c\"", with: "null"))", "amberflo_meter: \(record.dropLast())",
            "amberflo_meter: \(record.replacing("1.50", with: "15e-1"))", "amberflo_meter: 'x' \(record)",
            "amberflo_meter: \(record.replacing("1.50", with: "-0.0"))", "amberflo_meter=\"\(escaped) a=b",
            "amberflo_meter",
            "amberflo_meter: \(record.replacing("\"b\"", with: "\"a\""))", "amberflo_meter: {}", "no tag",
            "amberflo_meter: \(record.replacing("\"b\"", with: "\"é\"").replacing("\"c\"", with: "\"\u{1}\""))",
            "amberflo_meter: \(record.replacing("\"b\"", with: "\"customerId\":{},\"b\""))",
            "amberflo_meter: \(record.replacing("\"dimensions\"", with: "\"other\":1,\"dimensions\""))",
        ])
    func isNotQuick(_ message: String) throws {
        #expect(try !Self.lines().isReadQuickly(Array(message.utf8).span))
        try Self.expectEqual(message)
    }

    /// Lines are the same whether the quick way is tried or not.
    private static func expectEqual(_ message: String) throws {
        let bytes = Array(message.utf8)
        let format = LineFormat(provenance: true)
        var (quick, general) = (FoundLines(format), FoundLines(format))
        var (quickFigures, generalFigures) = (Accounting(), Accounting())
        let time: Int64 = 1_767_225_600_000
        try lines().read(bytes.span, id: "7", timestamp: time, accounting: &quickFigures, into: &quick)
        try lines().read(bytes.span, id: "7", timestamp: time, accounting: &generalFigures) { general.append($0) }
        #expect(String(decoding: quick.records, as: UTF8.self) == String(decoding: general.records, as: UTF8.self))
        #expect(quick.rejects == general.rejects)
        #expect(quickFigures == generalFigures)
    }

    // MARK: - Sixteen bytes at a time

    @Test("lines that say something are counted as one by one", arguments: 0..<200)
    func countsLines(_ seed: Int) {
        var random = Seeded(state: UInt64(seed))
        var bytes: [UInt8] = []
        for _ in 0..<random.next(100) { bytes.append([0x0a, 0x0d, 0x78, 0x78, 0x78][random.next(5)]) }
        bytes.append(0x0a)
        let expected = bytes.split(separator: 0x0a, omittingEmptySubsequences: false).dropLast().count {
            !$0.isEmpty && $0 != [0x0d]
        }
        #expect(LogLines.count(bytes.span, 0..<bytes.count) == expected)
    }

    @Test("the end of a string is found as byte by byte", arguments: 0..<500)
    func findsEndsOfStrings(_ seed: Int) {
        var random = Seeded(state: UInt64(seed))
        let bytes = (0..<random.next(80)).map { _ in Array("\\\\\\\"ux".utf8)[random.next(seed % 3 == 0 ? 6 : 5)] }
        let found = ByteText.with(bytes.span) { $0.endOfString(from: 0) }
        var (position, escapes, unicode) = (0, false, false)
        while position < bytes.count, bytes[position] != UInt8(ascii: "\"") {
            if bytes[position] == UInt8(ascii: "\\") {
                escapes = true
                position += 1
                if position < bytes.count, bytes[position] == UInt8(ascii: "u") { unicode = true }
            }
            position += 1
        }
        guard position < bytes.count else {
            #expect(found == nil)
            return
        }
        #expect(found?.position == position)
        #expect(found?.hasEscapes == escapes)
        #expect(found?.hasUnicodeEscapes == unicode)
    }

    @Test(
        "tags are found at every place",
        arguments: [["amberflo_meter", "meter_record_for_cw"], ["a"], ["ab", "b-c", "x.y", "z"]])
    func findsTags(_ tags: [String]) throws {
        let lines = LogLines(lineReader: try LineReader(tags: tags), name: "g")
        for tag in tags {
            for before in 0..<40 {
                for after in [0, 1, 15, 16, 17, 40] {
                    let text = String(repeating: "_", count: before) + tag + String(repeating: " ", count: after)
                    #expect(lines.nextTag(Array(text.utf8).span, from: 0) == before, "\(text)")
                }
                let longer = Array((String(repeating: " ", count: before) + tag + "_x").utf8)
                #expect(lines.nextTag(longer.span, from: 0) == nil)
            }
        }
    }

    @Test("base64 of every length comes back", arguments: 0..<70)
    func decodesBase64(_ count: Int) {
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 151 &+ 7) }
        let text = Array(Base64.encode(bytes).utf8)
        #expect(Base64.decode(text.span) == bytes)
        for position in text.indices {
            var broken = text
            broken[position] = UInt8(ascii: "-")
            #expect(Base64.decode(broken.span) == nil)
        }
    }
}

/// A generator that gives the same for the same seed (SplitMix64).
private struct Seeded {
    var state: UInt64

    mutating func next(_ bound: Int) -> Int {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = (state ^ state >> 30) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ mixed >> 27) &* 0x94d0_49bb_1331_11eb
        return Int((mixed ^ mixed >> 31) % UInt64(bound))
    }
}
