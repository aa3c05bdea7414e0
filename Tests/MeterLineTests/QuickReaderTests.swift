import Meter
import MeterLine
import Testing

/// What is read the quick way, and that it makes no difference; random messages are tried in Tests/Soak.
@Suite struct QuickReaderTests {
    private static let record = #"{"customerId":"c","meterApiName":"m","meterValue":1.50,"dimensions":{"b":"x","a":2}}"#
    private static let escaped = record.replacing("\"", with: "\\\"")

    private static func lines() throws -> LogLines { LogLines(lineReader: try LineReader(), name: "g") }

    private static func isReadQuickly(_ message: String) throws -> Bool {
        var lines = try lines()
        return lines.isReadQuickly(Array(message.utf8).span)
    }

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
        #expect(try Self.isReadQuickly(message))
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
        #expect(try !Self.isReadQuickly(message))
        try Self.expectEqual(message)
    }

    /// Lines are the same whether the quick way is tried or not.
    private static func expectEqual(_ message: String, time: Int64 = 1_767_225_600_000) throws {
        let bytes = Array(message.utf8)
        let format = LineFormat(provenance: true)
        var (quick, general) = (FoundLines(format), FoundLines(format))
        var (quickFigures, generalFigures) = (Accounting(), Accounting())
        var lines = try lines()
        lines.read(bytes.span, timestamp: time, accounting: &quickFigures, into: &quick) { "7" }
        lines.read(bytes.span, id: "7", timestamp: time, accounting: &generalFigures) { general.append($0) }
        #expect(String(decoding: quick.records, as: UTF8.self) == String(decoding: general.records, as: UTF8.self))
        #expect(quick.rejects == general.rejects)
        #expect(quickFigures == generalFigures)
    }

    // MARK: - Known shapes

    @Test(
        "what differs from a record before it is read as it is without one",
        arguments: [
            record, record.replacing("\"c\"", with: "\"d\""), record.replacing("\"c\"", with: "\"\""),
            record.replacing("\"c\"", with: "\"é\""), record.replacing("\"c\"", with: "\"\u{1}\""),
            record.replacing("\"c\"", with: "\"a\\\\\""), record.replacing("\"c\"", with: "7"),
            record.replacing("\"c\"", with: "\"" + String(repeating: "x", count: 257) + "\""),
            record.replacing("1.50", with: "1"), record.replacing("1.50", with: "-0"),
            record.replacing("1.50", with: "1e3"), record.replacing("1.50", with: "01"),
            record.replacing("1.50", with: "\"2\""), record.replacing("1.50", with: "1.5 "),
            record.replacing("\"x\"", with: "\"\""), record.replacing("\"x\"", with: "true"),
            record.replacing("\"x\"", with: "\"" + String(repeating: "x", count: 1025) + "\""),
            record.replacing("2}", with: "\"y\"}"), record.replacing("2}", with: "25}"),
            record.replacing("2}", with: "truer}"), record.replacing("\"b\":", with: "\"a\":"),
            record.replacing("\"b\":", with: "\"é\":"), record.replacing("\"b\":", with: "\"B\":"),
            record.replacing("2}", with: "2,\"0\":\"z\"}"), record.replacing("2}}", with: "2},\"uniqueId\":\"i\"}"),
            record.replacing("2}}", with: "2},\"time\":1767225600000}"),
            record.replacing("2}}", with: "2},\"time\":\"2026-01-01T00:00:00Z\"}"),
            record.replacing("2}}", with: "2},\"time\":1}"), record.replacing("2}}", with: "2},\"tenant\":\"c\"}"),
            record.replacing("\",\"", with: "\", \""), record.replacing("}}", with: "}"), String(record.dropLast()),
        ])
    func readsKnownShapes(_ other: String) throws {
        for (first, second) in [(Self.record, other), (other, Self.record), (other, other)] {
            for quoted in [false, true] {
                func message(_ record: String) -> String {
                    "amberflo_meter=" + (quoted ? "\"\(Self.escaped(record))\"" : record) + " took 3 ms"
                }
                try Self.expectEqual([message(first), message(second), message(first), message(second)])
            }
        }
    }

    @Test("shapes of which there are too many are forgotten, and do no harm")
    func forgetsShapes() throws {
        let messages = (0..<500).map { number in
            let name = number % 3 == 0 ? "b" : "b\(number % 200)"
            return "amberflo_meter: \(Self.record.replacing("\"b\"", with: "\"\(name)\""))"
        }
        try Self.expectEqual(messages)
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
    }

    /// The messages of an envelope give what each gives by all the rules.
    private static func expectEqual(_ messages: [String]) throws {
        let reader = try LineReader()
        let format = LineFormat(provenance: true)
        var (quick, general) = (FoundLines(format), FoundLines(format))
        var (quickFigures, generalFigures) = (Accounting(), Accounting())
        var events: [String] = []
        for (id, message) in messages.enumerated() {
            let origin = EventOrigin(
                account: "1", logGroup: "g", logStream: "s", eventId: "\(id)", timestamp: 1_767_225_600_000)
            for finding in reader.read(Array(message.utf8).span, of: origin, accounting: &generalFigures) {
                general.append(finding)
            }
            events.append(#"{"id":"\#(id)","timestamp":1767225600000,"message":"\#(escaped(message))"}"#)
        }
        let envelope = #"{"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","logEvents":["#
        var envelopeReader = EnvelopeReader(lineReader: reader)
        envelopeReader.read(
            Array("\(envelope)\(events.joined(separator: ","))]}".utf8).span, source: .data(name: "test"),
            accounting: &quickFigures, into: &quick
        ) { _ in }
        generalFigures.envelopes = 1
        #expect(String(decoding: quick.records, as: UTF8.self) == String(decoding: general.records, as: UTF8.self))
        #expect(quick.rejects == general.rejects)
        #expect(quickFigures == generalFigures)
    }

    // MARK: - 64 bytes at a time

    @Test("lines that say something are counted as one by one", arguments: 0..<200)
    func countsLines(_ seed: Int) {
        var random = Seeded(state: UInt64(seed))
        var bytes: [UInt8] = []
        for _ in 0..<random.next(300) { bytes.append([0x0a, 0x0d, 0x78, 0x78, 0x78][random.next(5)]) }
        bytes.append(0x0a)
        let expected = bytes.split(separator: 0x0a, omittingEmptySubsequences: false).dropLast().count {
            !$0.isEmpty && $0 != [0x0d]
        }
        #expect(LogLines.count(bytes.span, 0..<bytes.count) == expected)
    }

    @Test("the end of a string is found as byte by byte", arguments: 0..<500)
    func findsEndsOfStrings(_ seed: Int) {
        var random = Seeded(state: UInt64(seed))
        // Without a quotation mark at first, or few strings would be longer than a block.
        let bytes = (0..<random.next(300)).map { $0 < seed % 150 ? UInt8(ascii: "\\") : 0 }.map { byte in
            byte != 0 && random.next(8) > 0 ? byte : Array("\\\\\\ux\"".utf8)[random.next(byte != 0 ? 5 : 6)]
        }
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
            for before in 0..<150 {
                for after in [0, 1, 15, 63, 64, 65, 100, 200] {
                    let text = String(repeating: "_", count: before) + tag + String(repeating: " ", count: after)
                    #expect(lines.nextTag(Array(text.utf8).span, from: 0) == before, "\(text)")
                }
                let longer = Array((String(repeating: " ", count: before) + tag + "_x").utf8)
                #expect(lines.nextTag(longer.span, from: 0) == nil)
            }
        }
    }

    @Test(
        "all tags of a text are found, in their order",
        arguments: [LineReader.defaultTags, ["a_b"], ["a_b", "b-c"], ["a_b", "xa_b", "b-c", "x.y", "zz"]])
    func findsAllTags(_ tags: [String]) throws {
        let lines = LogLines(lineReader: try LineReader(tags: tags), name: "g")
        var random = Seeded(state: 7)
        for _ in 0..<300 {
            let pieces = tags + ["_", "a", " ", "x", "meter_", String(repeating: ".", count: random.next(90))]
            let text = (0..<random.next(40)).map { _ in pieces[random.next(pieces.count)] }.joined()
            let bytes = Array(text.utf8)
            var position = 0
            while let found = lines.nextTag(bytes.span, from: position) {
                #expect(found == Self.nextTag(bytes, position, tags), "\(text)")
                position = found + 1
            }
            #expect(Self.nextTag(bytes, position, tags) == nil, "\(text)")
        }
    }

    /// The first tag that no further word byte follows, looked for byte by byte.
    private static func nextTag(_ text: [UInt8], _ start: Int, _ tags: [String]) -> Int? {
        (start..<max(start, text.count)).first { position in
            tags.contains { tag in
                let rest = text[position...]
                return rest.starts(with: tag.utf8)
                    && rest.dropFirst(tag.utf8.count).first.map { !isWordByte($0) } != false
            }
        }
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        let character = Character(UnicodeScalar(byte))
        return character.isASCII && (character.isLetter || character.isNumber) || character == "_"
    }

    @Test(
        "times of any length are written as they are",
        arguments: [
            946_684_800_000, 999_999_999_999, 1_000_000_000_000, 9_999_999_999_999,
            100_000_000_000_000, 253_402_300_799_999,
        ])
    func writesTimes(_ time: Int64) throws {
        let message = "amberflo_meter: \(Self.record)"
        try Self.expectEqual(message, time: time)
        try Self.expectEqual(message.replacing("1.50", with: "1,\"time\":\"\(time)\""), time: time)
        try Self.expectEqual(message.replacing("1.50", with: "1,\"time\":\(time)"), time: time)
    }

    @Test("dimensions are sorted by their names' bytes, however long these are")
    func sortsDimensions() throws {
        let names = ["b", "a", "aa", "abcdefgh", "abcdefghi", "abcdefg", "abcdefgha", "é", "A", "abcdefgz", ""]
        let members = names.map { "\"\($0)\":\"\($0.count)\"" }.joined(separator: " , ")
        let message = "amberflo_meter: \(Self.record.replacing(#""b":"x","a":2"#, with: members))"
        #expect(try Self.isReadQuickly(message))
        try Self.expectEqual(message)
        for name in names {
            try Self.expectEqual(message.replacing("\"b\":", with: "\"\(name)\":"))
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
