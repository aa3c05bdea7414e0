import Meter
import MeterLine
import Testing

/// What a message gives, in a form that is easy to compare.
struct Reading {
    var records: [String] = []
    var reasons: [RejectReason] = []
    var rejects: [Reject] = []
    var ordinals: [Int] = []
    var sequences: [ProducerSequence?] = []
    var accounting = Accounting()

    init(_ message: String, tags: [String] = LineReader.defaultTags, allowMissingCustomer: Bool = false) throws {
        try self.init(bytes: Array(message.utf8), tags: tags, allowMissingCustomer: allowMissingCustomer)
    }

    init(bytes: [UInt8], tags: [String] = LineReader.defaultTags, allowMissingCustomer: Bool = false) throws {
        let reader = try LineReader(tags: tags, allowMissingCustomer: allowMissingCustomer)
        for finding in reader.read(bytes.span, of: Self.origin, accounting: &accounting) {
            switch finding {
            case .record(let found):
                let record = found.record
                records.append("\(record.meterApiName) \(record.customerId ?? "-") \(record.meterValue)")
                ordinals.append(found.ordinal)
                sequences.append(found.sequence)
            case .reject(let reject):
                reasons.append(reject.reason)
                rejects.append(reject)
                ordinals.append(reject.ordinal)
                sequences.append(reject.sequence)
            }
        }
        #expect(accounting.records == records.count)
        #expect(accounting.rejected == reasons.count)
    }

    static let origin = EventOrigin(
        account: "123456789012", logGroup: "/app/api", logStream: "i-0123", eventId: "3846987",
        timestamp: 1_767_323_045_000)
}

private let record = #"{"customerId":"c","meterApiName":"m","meterValue":1}"#
private let escaped = #"{\"customerId\":\"c\",\"meterApiName\":\"m\",\"meterValue\":1}"#

@Suite("The line reader")
struct LineReaderTests {
    @Test(
        "finds a record in every form of the contract",
        arguments: [
            "2026-01-02 INFO amberflo_meter: \(record) took 3 ms", "amberflo_meter=\(record)",
            "meter_record_for_cw \(record)", "meter_record_for_stream\t\(record)", "amberflo_meter\(record)",
            "x {\"level\":\"info\",\"amberflo_meter\" : \(record)}", "{\"a\":[{\"b\":{\"amberflo_meter\":\(record)",
            "amberflo_meter=\"\(escaped)\"", "{\"amberflo_meter\":\"\(escaped)\"}", "amberflo_meter=\"\(escaped)",
            "{\"level\":\"INFO\",\"message\":\"meter_record_for_cw \(escaped)\"}",
            "{\"message\":\"line one\\namberflo_meter: \(escaped)\\nline three\"}",
            "{\"message\":\"amberflo_meter: {\\u0022customerId\\u0022:\\u0022c\\u0022,\\u0022meterApiName\\u0022:"
                + "\\u0022m\\u0022,\\u0022meterValue\\u0022:1}\"}",
            "amberflo_meter: [\(record)]", "(amberflo_meter:\(record))", "\u{feff}amberflo_meter: \(record)\r",
            "\0amberflo_meter: \(record)\0", "\"amberflo_meter\" \(record)",
            "{\"m\":\"amberflo_meter\\u003d\(escaped)\"}", "{\"m\":\"\\ud83d\\ude00amberflo_meter: \(escaped)\"}",
            "{\"m\":\"{'amberflo_meter': \(escaped)\"}",
        ])
    func forms(message: String) throws {
        #expect(try Reading(message).records == ["m c 1"])
    }

    @Test(
        "finds a record behind a tag that a terminal or syslog coloured",
        arguments: [
            "\u{1b}[32m%\u{1b}[0m", "\u{1b}[m%", "\u{1b}[38;5;3m%\u{1b}[39m", "\\x1b[1m%\\x1b[0m",
            "\\033[1;31m%\\033[0m",
            "\\e[36m%\\e[0m", "#033[32m%#033[0m", "^[[32m%^[[0m", "[32m%[0m", "\\u001b[32m%\\u001b[0m", "#011%#011",
            "\u{1b}[K%",
        ])
    func coloured(codes: String) throws {
        for message in ["% \(record)", "%: \(record)", "[%] \(record)", "{\"%\": \(record)}"] {
            // Nobody writes a tabulator into the name of a member.
            if message.hasPrefix("{"), codes.hasPrefix("#011") { continue }
            let tag = codes.replacing("%", with: "amberflo_meter")
            #expect(try Reading(message.replacing("%", with: tag)).records == ["m c 1"], "\(message) \(codes)")
        }
    }

    @Test(
        "finds a record that is set apart from its tag",
        arguments: [
            "[amberflo_meter] \(record)", "(amberflo_meter) \(record)", "**amberflo_meter:** \(record)",
            "amberflo_meter - \(record)", "amberflo_meter | \(record)", "amberflo_meter, \(record)",
            "<amberflo_meter>\(record)", "amberflo_meter\u{a0}\(record)", "amberflo_meter\u{ff1a}\(record)",
            "amberflo_meter:\u{feff} \(record)", "amberflo_meter='\(record)'", "[\"amberflo_meter\",\(record)]",
            "amberflo_meter ---------------- \(record)", "[amberflo_meter] \"\(escaped)\"",
            "[amberflo_meter] [\(record)]",
            "{\"message\":\"[amberflo_meter] \(escaped)\"}",
            "[amberflo_meter] {\"level\":1,\"amberflo_meter\":\(record)}",
            "<amberflo_meter/> {\"message\":\"amberflo_meter: \(escaped)\"}",
            "{\"logger\":\"amberflo_meter\",\"message\":\"amberflo_meter: \(escaped)\"}",
        ])
    func setApart(message: String) throws {
        let reading = try Reading(message)
        #expect(reading.records == ["m c 1"])
        #expect(reading.reasons.isEmpty)
    }

    @Test("reads what stands between apostrophes as Python writes it, else as it stands")
    func apostrophes() throws {
        func customer(_ written: String) throws -> [String] {
            try Reading("amberflo_meter='{\"customerId\":\"\(written)\",\"meterApiName\":\"m\",\"meterValue\":1}'")
                .records
        }
        #expect(try customer("Zo\\\\u00eb") == ["m Zoë 1"])
        #expect(try customer("it\\'s") == ["m it's 1"])
        #expect(try customer("it's") == ["m it's 1"])
        #expect(try customer("say \\\\\"hi\\\\\"") == ["m say \"hi\" 1"])
        #expect(try customer("say \\\"hi\\\"") == ["m say \"hi\" 1"])
        #expect(try Reading("the amberflo_meter 'config' option").accounting.mentions == 1)
        #expect(try Reading("amberflo_meter='config'").reasons == [.malformedJSON])
    }

    @Test("takes nothing for a value that is set apart and names no meter, and nothing too far away")
    func notMeant() throws {
        for message in [
            "[amberflo_meter] {\"level\":\"info\"}", "amberflo_meter, \"text\"", "[amberflo_meter] [1]",
            "[amberflo_meter] x {}",
            "amberflo_meter - - - - - - - - - - - - - - - - - {}",
        ] {
            let reading = try Reading(message)
            #expect(reading.records.isEmpty && reading.reasons.isEmpty, "\(message)")
            #expect(reading.accounting.mentions == 1, "\(message)")
        }
        #expect(try Reading("[amberflo_meter] {reload}").reasons == [.malformedJSON])
        #expect(try Reading("{\"msg\":\"amberflo_meter: ...\"}").reasons == [.malformedJSON])
    }

    @Test(
        "counts a record as often as the member of an object does that has it most",
        arguments: [
            ("{\"text\":\"amberflo_meter: %\\n\",\"record\":{\"message\":\"amberflo_meter: %\"}}", 1, 1),
            ("{\"a\":\"amberflo_meter: %\",\"b\":\"amberflo_meter: % amberflo_meter: %\"}", 2, 1),
            ("[\"amberflo_meter: %\",\"amberflo_meter: %\"]", 2, 0),
            ("{\"a\":[\"amberflo_meter: %\",\"amberflo_meter: %\"],\"b\":\"amberflo_meter: %\"}", 2, 1),
            ("{\"a\":\"amberflo_meter: %\"} {\"a\":\"amberflo_meter: %\"}", 2, 0),
            ("{\"a\":\"amberflo_meter: %\",\"b\":{\"c\":\"amberflo_meter: %\",\"d", 1, 1),
            ("{\"a\":NaN,\"b\":\"amberflo_meter: %\",\"c\":\"amberflo_meter: %\"}", 1, 1),
            ("{\"a\":\"amberflo_meter: %\" broken \"b\":\"amberflo_meter: %\"}", 2, 0),
        ])
    func copiesInObjects(message: String, records: Int, repeated: Int) throws {
        for own in [false, true] {
            let id = own ? "{\\\"uniqueId\\\":\\\"u\\\"," : "{"
            let value = escaped.replacing("{", with: id)
            let reading = try Reading(message.replacing("%", with: value))
            #expect(reading.records.count == (own ? records + repeated : records), "\(message)")
            #expect(reading.accounting.repeatedInMessage == (own ? 0 : repeated), "\(message)")
        }
    }

    @Test(
        "takes a template and a cut off text for copies where another member has the record",
        arguments: [
            (
                "{\"msg\":\"amberflo_meter: ?\",\"x\":\"amberflo_meter: %\"}",
                ["%s", "{}", "{Name}", "{@Name,-5:l}", "%(a)s"], 1
            ),
            (
                "{\"msg\":\"amberflo_meter: ?\",\"x\":\"amberflo_meter: %\"}",
                ["{\\\"customerId\\\":\\\"c", "{\\\"cus...", "{"], 1
            ),
            (
                "{\"msg\":\"amberflo_meter: ?\",\"x\":\"amberflo_meter: %\"}",
                ["{bad json}", "{\\\"customerId\\\":\\\"d"], 0
            ),
            ("amberflo_meter: ? amberflo_meter: %", ["%s", "{Name}"], 0),
            ("[\"amberflo_meter: ?\",\"amberflo_meter: %\"]", ["%s", "{Name}"], 0),
        ])
    func templates(message: String, values: [String], copies: Int) throws {
        for value in values {
            let written = message.hasPrefix("a") ? record : escaped
            let reading = try Reading(message.replacing("%", with: written).replacing("?", with: value))
            #expect(reading.records == ["m c 1"], "\(value)")
            #expect(reading.accounting.unreadableCopies == copies, "\(value)")
            #expect(reading.reasons.count == 1 - copies, "\(value)")
        }
    }

    @Test(
        "rejects a message that names a tag and holds a record that does not follow it",
        arguments: [
            "{\"name\":\"amberflo_meter\",\"msg\":\"\(escaped)\"}",
            "{\"logger\":\"amberflo_meter\",\"record\":\(record)}",
            "{\"tag\":\"amberflo_meter\",\"meterApiName\":\"m\",\"meterValue\":1}", "amberflo_meter saw \(record)",
            "amberflo_meter x=\"\(escaped)\"",
        ])
    func notBehindTag(message: String) throws {
        let reading = try Reading(message)
        #expect(reading.reasons == [.recordNotBehindTag])
        #expect(reading.rejects.first?.tag == "amberflo_meter")
        #expect(reading.accounting.mentions == 1)
    }

    @Test("keeps the whole message with its first reject, also when one before it was a copy")
    func wholeMessage() throws {
        let padding = String(repeating: "x", count: 70_000)
        let message =
            "{\"msg\":\"amberflo_meter: %s\",\"x\":\"amberflo_meter: \(escaped)\",\"y\":\"\(padding) amberflo_meter: {bad\"}"
        let reading = try Reading(message)
        #expect(reading.reasons == [.malformedJSON])
        #expect(reading.ordinals == [1, 2])
        #expect(reading.rejects.first?.content.count == message.utf8.count)
    }

    @Test("finds a record that was escaped up to three times, and rejects one that was escaped more often")
    func levels() throws {
        var text = "amberflo_meter: \(record)"
        for level in 0...4 {
            let reading = try Reading(text)
            #expect(reading.records == (level <= 3 ? ["m c 1"] : []), "level \(level)")
            #expect(reading.reasons == (level <= 3 ? [] : [.tooDeep]), "level \(level)")
            let inner = text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
            text = "{\"message\":\"\(inner)\"}"
        }
    }

    @Test(
        "takes a tag for a word of its own alone",
        arguments: [
            "amberflo_meter_total: \(record)", "my_amberflo_meter: \(record)", "amberflo_meter2 \(record)",
            "xamberflo_meter=\(record)", "C:\\namberflo_meter: \(record)",
        ])
    func wholeWord(message: String) throws {
        let reading = try Reading(message)
        #expect(reading.records.isEmpty)
        #expect(reading.accounting.mentions == 0)
    }

    @Test(
        "counts a tag without a value as a mention",
        arguments: [
            "reading amberflo_meter config", "amberflo_meter", "amberflo_meter: null", "{\"amberflo_meter\":null}",
            "{\"tag\":\"amberflo_meter\"}", "[\"amberflo_meter\",{}]", "amberflo_meter: []", "amberflo_meter 42ms",
        ])
    func mentions(message: String) throws {
        let reading = try Reading(message)
        #expect(reading.records.isEmpty && reading.reasons.isEmpty)
        #expect(reading.accounting.mentions == 1)
        #expect(reading.accounting.tagged == 0)
    }

    @Test(
        "rejects what it cannot take, with the reason",
        arguments: [
            ("amberflo_meter:", RejectReason.malformedJSON), ("amberflo_meter: {\"customerId\":\"c\"", .malformedJSON),
            ("amberflo_meter: {'customerId':'c'}", .malformedJSON), ("amberflo_meter = config", .malformedJSON),
            ("amberflo_meter: 42", .notARecord), ("amberflo_meter true", .notARecord),
            ("amberflo_meter: \"text\"", .notARecord), ("amberflo_meter: [1]", .notARecord),
            ("amberflo_meter: {}", .missingMeter),
            ("amberflo_meter: {\"meterApiName\":\"m\",\"meterValue\":1}", .missingCustomer),
            ("amberflo_meter: {\"customerId\":\"\",\"meterApiName\":\"m\",\"meterValue\":1}", .missingCustomer),
            ("amberflo_meter: {\"customerId\":1.5,\"meterApiName\":\"m\",\"meterValue\":1}", .invalidCustomer),
            ("amberflo_meter: {\"customerId\":\"c\",\"meterApiName\":7,\"meterValue\":1}", .invalidMeter),
            ("amberflo_meter: {\"customerId\":\"c\",\"meterApiName\":\"m\"}", .invalidValue),
            ("amberflo_meter: {\"customerId\":\"c\",\"meterApiName\":\"m\",\"meterValue\":1e36}", .invalidValue),
            ("amberflo_meter: {\"customerId\":\"c\",\"meterApiName\":\"m\",\"meterValue\":\" 1\"}", .invalidValue),
            ("amberflo_meter: {\"customerId\":\"c\",\"values\":{}}", .invalidValue),
            ("amberflo_meter: {\"customerId\":\"c\",\"meterApiName\":\"m\",\"values\":{\"x\":1}}", .invalidValue),
            (
                "amberflo_meter: {\"customerId\":\"c\",\"meterApiName\":\"m\",\"meterValue\":1,\"time\":1767323045}",
                .invalidTime
            ),
            (
                "amberflo_meter: {\"customerId\":\"c\",\"meterApiName\":\"m\",\"meterValue\":1,\"uniqueId\":true}",
                .invalidUniqueId
            ),
            (
                "amberflo_meter: {\"customerId\":\"c\",\"meterApiName\":\"m\",\"meterValue\":1,\"dimensions\":{\"a\":{}}}",
                .invalidDimension
            ),
            (
                "amberflo_meter: {\"customerId\":\"\(String(repeating: "c", count: 257))\",\"meterApiName\":\"m\","
                    + "\"meterValue\":1}", .tooLarge
            ),
            ("amberflo_meter: {\"a\":\(String(repeating: "[", count: 100_000))", .tooDeep),
            ("amberflo_meter: {\"a\":\"\\ud800\"}", .malformedJSON),
        ])
    func rejects(message: String, reason: RejectReason) throws {
        let reading = try Reading(message)
        #expect(reading.records.isEmpty)
        #expect(reading.reasons == [reason])
        #expect(reading.rejects.first?.content == Array(message.utf8), "the line is kept whole")
    }

    @Test("a record in bytes that are no UTF-8 is rejected when it holds them and found when it does not")
    func invalidUTF8() throws {
        let bad: [UInt8] = [0xff, 0xfe]
        #expect(try Reading(bytes: bad + Array("amberflo_meter: \(record)".utf8) + bad).records == ["m c 1"])
        let inside = Array("amberflo_meter: {\"customerId\":\"".utf8) + bad + Array("\"}".utf8)
        #expect(try Reading(bytes: inside).reasons == [.malformedJSON])
    }

    @Test("reads on behind each value, good or bad")
    func severalTags() throws {
        let reading = try Reading("amberflo_meter: {bad amberflo_meter: \(record) meter_record_for_cw {} \(record)")
        #expect(reading.records == ["m c 1"])
        #expect(reading.reasons == [.malformedJSON, .missingMeter])
        #expect(reading.ordinals == [0, 1, 2])
    }

    @Test("numbers the elements of an array and the members of values")
    func ordinals() throws {
        let reading = try Reading(
            "amberflo_meter: [{\"customerId\":\"c\",\"values\":{\"x\":1,\"y\":null,\"z\":3}},7,\(record)]")
        #expect(reading.records == ["x c 1", "z c 3", "m c 1"])
        #expect(reading.ordinals == [0, 1, 2, 3, 4])
    }

    @Test("searches nothing inside a value that it read")
    func insideValue() throws {
        let reading = try Reading(
            "amberflo_meter: {\"customerId\":\"c\",\"meterApiName\":\"m\",\"meterValue\":1,\"x\":{\"amberflo_meter\":{}}}"
        )
        #expect(reading.records == ["m c 1"])
        #expect(reading.reasons.isEmpty)
        #expect(reading.accounting.ignoredKeys == ["x": 1])
    }

    @Test("counts a logger's raw and parsed copy once, but what was logged twice twice")
    func copies() throws {
        let copy = try Reading("{\"message\":\"amberflo_meter: \(escaped)\",\"amberflo_meter\":\(record)}")
        #expect(copy.records == ["m c 1"])
        #expect(copy.accounting.repeatedInMessage == 1)
        #expect(try Reading("amberflo_meter: \(record) amberflo_meter: \(record)").records.count == 2)
    }

    @Test("tells customers apart by their bytes, also where Swift calls them equal")
    func canonicalEquivalence() throws {
        let message =
            "amberflo_meter: {\"customerId\":\"c\",\"meterApiName\":\"m\",\"meterValue\":1,"
            + "\"dimensions\":{\"\u{e9}\":\"1\",\"e\u{301}\":\"2\"}}"
        var accounting = Accounting()
        let bytes = Array(message.utf8)
        let findings = try LineReader().read(bytes.span, of: Reading.origin, accounting: &accounting)
        guard case .record(let found) = findings.first else {
            Issue.record("no record")
            return
        }
        #expect(found.record.dimensions.count == 2)
    }

    @Test("takes old names, and the customer that an old record means")
    func aliases() throws {
        let old =
            "amberflo_meter {\"tenant_id\":\"t\",\"customerId\":\"other\",\"meter_name\":\"m\",\"meter_value\":\"2.50\"}"
        let reading = try Reading(old)
        #expect(reading.records == ["m t 2.5"])
        #expect(reading.accounting.conflictingCustomer == 1)
        #expect(
            try Reading("amberflo_meter {\"tenant_id\":\"t\",\"customerId\":\"c\",\"meterApiName\":\"m\",\"value\":1}")
                .records == ["m c 1"])
    }

    @Test("reads a producer's number beside the record, and rejects nothing for a wrong one")
    func sequence() throws {
        let before = "amberflo_meter: {\"customerId\":\"c\",\"meterApiName\":\"m\",\"meterValue\":1,\"sequence\":"
        let valid = try Reading(before + "{\"number\":42,\"source\":\"host-1\"}}")
        #expect(valid.sequences == [ProducerSequence(source: "host-1", number: 42)])
        #expect(valid.accounting.ignoredKeys.isEmpty && valid.accounting.invalidSequence == 0)
        let rejected = try Reading(
            "amberflo_meter: {\"customerId\":\"c\",\"values\":{\"m\":1,\"n\":null},\"sequence\":{\"source\":\"s\",\"number\":0}}"
        )
        #expect(rejected.sequences == Array(repeating: ProducerSequence(source: "s", number: 0), count: 2))
        for wrong in [
            "7", "{}", "{\"source\":\"s\"}", "{\"source\":\"\",\"number\":1}", "{\"source\":\"s\",\"number\":-1}",
            "{\"source\":\"s\",\"number\":1.5}", "{\"source\":\"s\",\"number\":9223372036854775808}",
        ] {
            let reading = try Reading(before + wrong + "}")
            #expect(reading.records == ["m c 1"] && reading.sequences == [nil], "\(wrong)")
            #expect(reading.accounting.invalidSequence == 1, "\(wrong)")
        }
        let absent = try Reading(before + "null}")
        #expect(absent.sequences == [nil] && absent.accounting.invalidSequence == 0)
    }

    @Test("allows a record without a customer when told to")
    func missingCustomer() throws {
        #expect(
            try Reading("amberflo_meter {\"meterApiName\":\"m\",\"meterValue\":1}", allowMissingCustomer: true).records
                == ["m - 1"])
    }

    @Test("gives the same identity on every reading, and another to every other value")
    func identity() throws {
        func ids(_ message: String) throws -> [String] {
            var accounting = Accounting()
            let bytes = Array(message.utf8)
            let findings = try LineReader().read(bytes.span, of: Reading.origin, accounting: &accounting)
            return findings.compactMap { if case .record(let found) = $0 { found.record.uniqueId } else { nil } }
        }
        let twice = try ids("amberflo_meter: \(record) amberflo_meter: \(record)")
        // Python: sha256(b"\\0".join([b"123456789012", b"/app/api", b"i-0123", b"3846987", b"0"])).hexdigest()[:32]
        #expect(twice.first == "c667300e057f0c2fc0c0126e8ea2eb1a")
        #expect(Set(twice).count == 2)
        #expect(try ids("amberflo_meter: \(record) amberflo_meter: \(record)") == twice)
        let own = "amberflo_meter: {\"uniqueId\":\"u\",\"customerId\":\"c\",\"meterApiName\":\"m\",\"meterValue\":1}"
        #expect(try ids(own) == ["u"])
        #expect(try ids(own.replacing("\"u\"", with: "\"\"")).first?.count == 32)
    }

    @Test("keeps a long message once, however many rejects it gives")
    func rejectBomb() throws {
        let message = String(repeating: "amberflo_meter:{ ", count: 50_000)
        let reading = try Reading(message)
        #expect(reading.reasons.count == 101)
        #expect(reading.reasons.last == .tooLarge)
        #expect(reading.rejects.first?.content.count == message.utf8.count)
        #expect(reading.rejects.reduce(0) { $0 + $1.content.count } < message.utf8.count + (128 << 10))
    }

    @Test("bounds what one message gives: values, records of long dimensions, and the time that takes")
    func recordBombs() throws {
        let values = (0..<20_000).map { "\"m\($0)\":1" }.joined(separator: ",")
        let many = try Reading(
            "amberflo_meter: {\"customerId\":\"c\",\"values\":{\(values)}} amberflo_meter: \(record)")
        #expect(many.records.count == LineReader.maximumValues)
        #expect(many.reasons == [.tooLarge])
        let long = (0..<64).map { "\"d\($0)\":\"\(String(repeating: "x", count: 1_024))\"" }.joined(separator: ",")
        let wide = try Reading(
            "amberflo_meter: {\"customerId\":\"c\",\"values\":{\(values)},\"dimensions\":{\(long)}}")
        #expect(wide.records.count < 1_000)
        #expect(wide.reasons == [.tooLarge])
        let dimensions = (0..<20_000).map { "\"d\($0)\":1" }.joined(separator: ",")
        #expect(
            try Reading("amberflo_meter: {\"customerId\":\"c\",\"values\":{\(values)},\"dimensions\":{\(dimensions)}}")
                .reasons.allSatisfy { $0 == .invalidDimension || $0 == .tooLarge })
    }

    @Test(
        "a tag behind a line feed in a JSON string is never silent, also when its value tells no level",
        arguments: [
            ("{\"message\":\"x\\namberflo_meter=5\"}", RejectReason.notARecord),
            ("{\"message\":\"x\\namberflo_meter: {}\"}", .missingMeter),
            ("{\"message\":\"x\\namberflo_meter: {", .malformedJSON),
        ])
    func unknownLevel(message: String, reason: RejectReason) throws {
        #expect(try Reading(message).reasons == [reason])
    }

    @Test("a longer tag is found before one that it begins with")
    func longestTag() throws {
        #expect(try Reading("acme-meter: \(record)", tags: ["acme", "acme-meter"]).records == ["m c 1"])
    }

    @Test("a log event's time at the end of all numbers is no time")
    func extremeTime() throws {
        let data = Array(
            Sample.envelope(
                "{\"id\":\"1\",\"timestamp\":9223372036854775807,\"message\":\"amberflo_meter: "
                    + "{\\\"customerId\\\":\\\"c\\\",\\\"meterApiName\\\":\\\"m\\\",\\\"meterValue\\\":1,"
                    + "\\\"time\\\":1767323045000}\"}"
            ).utf8)
        #expect(try EnvelopeReading(data).ids == ["1"])
    }

    @Test("refuses tags that are no words")
    func tags() throws {
        #expect(throws: InvalidTag.self) { try LineReader(tags: []) }
        #expect(throws: InvalidTag.self) { try LineReader(tags: ["a b"]) }
        #expect(throws: InvalidTag.self) { try LineReader(tags: [""]) }
        #expect(try Reading("usage: \(record)", tags: ["usage"]).records == ["m c 1"])
    }
}
