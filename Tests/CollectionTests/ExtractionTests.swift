import Collection
import Gzip
import Meter
import MeterLine
import Testing

private let record = #"{"customerId":"c","meterApiName":"m","meterValue":1}"#

/// What an input gives.
private struct Extracted {
    var ids: [String] = []
    var eventIds: [String] = []
    var rejects: [Reject] = []
    var accounting = Accounting()

    init(_ input: [UInt8], format: Extraction.Format = .auto, pieceBytes: Int = 1_000) throws {
        final class Box { var findings: [Finding] = [] }
        let box = Box()
        var extraction = Extraction(name: "app.log", format: format, lineReader: try LineReader()) {
            box.findings.append($0)
        }
        var start = 0
        while start < input.count {
            let end = min(input.count, start + pieceBytes)
            try extraction.read(input.span.extracting(start..<end))
            start = end
        }
        try extraction.finish()
        accounting = extraction.accounting
        for finding in box.findings {
            switch finding {
            case .record(let found):
                ids.append(found.record.uniqueId)
                eventIds.append(found.origin.eventId)
            case .reject(let reject): rejects.append(reject)
            }
        }
    }

    init(_ text: String, format: Extraction.Format = .auto) throws { try self.init(Array(text.utf8), format: format) }
}

@Suite("Extraction")
struct ExtractionTests {
    private let line = "2026-01-02T03:04:05Z amberflo_meter: \(record)"
    private let envelope =
        "{\"messageType\":\"DATA_MESSAGE\",\"owner\":\"1\",\"logGroup\":\"g\",\"logStream\":\"s\",\"logEvents\":["
        + "{\"id\":\"7\",\"timestamp\":1767323045000,\"message\":\"amberflo_meter: {\\\"customerId\\\":\\\"c\\\","
        + "\\\"meterApiName\\\":\\\"m\\\",\\\"meterValue\\\":1}\"}]}"

    private func kinesisEvent() -> String {
        "{\"Records\":[{\"kinesis\":{\"sequenceNumber\":\"49\",\"data\":\"\(Base64.encode(gzip(Array(envelope.utf8))))\"},"
            + "\"eventID\":\"shardId-0:49\",\"eventSourceARN\":\"arn\"}]}"
    }

    @Test("of lines numbers equal ones, and takes every line ending")
    func lines() throws {
        let extracted = try Extracted("\(line)\n\(line)\r\nnoise\n\n\(line)")
        #expect(extracted.ids.count == 3)
        #expect(Set(extracted.ids).count == 3)
        #expect(extracted.eventIds.map { $0.suffix(2) } == ["-0", "-1", "-2"])
        #expect(Set(extracted.eventIds.map { $0.dropLast(2) }).count == 1)
        #expect(extracted.accounting.events == 4)
    }

    @Test("gives the same of plain and compressed input, in whatever pieces", arguments: [1, 3, 64, 1 << 20])
    func pieces(pieceBytes: Int) throws {
        let text = Array("\(line)\nnoise\n\(line) again\n".utf8)
        let plain = try Extracted(text, pieceBytes: pieceBytes)
        #expect(plain.ids.count == 2)
        #expect(try Extracted(gzip(text), pieceBytes: pieceBytes).ids == plain.ids)
        #expect(try Extracted(gzip(text) + gzip([]), pieceBytes: pieceBytes).ids == plain.ids)
    }

    @Test("recognises envelopes, events and failure records by looking")
    func formats() throws {
        let event = kinesisEvent()
        #expect(try Extracted(envelope).eventIds == ["7"])
        #expect(try Extracted("\n \(envelope)\n\(envelope)\n").eventIds == ["7", "7"])
        #expect(try Extracted(gzip(Array(envelope.utf8))).eventIds == ["7"])
        #expect(try Extracted(event).eventIds == ["7"])
        let direct = "{\"awslogs\":{\"data\":\"\(Base64.encode(gzip(Array(envelope.utf8))))\"}}"
        #expect(try Extracted(direct).eventIds == ["7"])
        let asynchronous =
            "{\"version\":\"1.0\",\"requestContext\":{\"condition\":\"RetriesExhausted\"},\"requestPayload\":\(direct),"
            + "\"responseContext\":{\"statusCode\":200}}"
        #expect(try Extracted(asynchronous).eventIds == ["7"])
        let escaped = event.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"")
        let mapping =
            "{\"requestContext\":{\"requestId\":\"x\"},\"responseContext\":{\"statusCode\":200},\"version\":\"1.0\","
            + "\"KinesisBatchInfo\":{\"shardId\":\"shardId-0\"},\"payload\":\"\(escaped)\"}"
        #expect(try Extracted(mapping).eventIds == ["7"])
        #expect(try Extracted("\u{feff}\(envelope)").eventIds == ["7"])
    }

    @Test("says of a failure record without its records what is to be done")
    func metadata() throws {
        let extracted = try Extracted(
            "{\"requestContext\":{},\"responseContext\":{},\"KinesisBatchInfo\":{\"shardId\":\"shardId-0\"}}")
        #expect(extracted.rejects.map(\.reason) == [.undecodable])
        #expect(extracted.rejects.first?.detail.contains("on-failure destination") == true)
    }

    @Test("takes a log of JSON lines for lines")
    func jsonLines() throws {
        let extracted = try Extracted("{\"level\":\"info\"}\n{\"time\":\"x\",\"amberflo_meter\":\(record)}\n")
        #expect(extracted.accounting.events == 2)
        #expect(extracted.rejects.map(\.reason) == [.missingTime])
    }

    @Test("keeps an unsupported event and the end of a document that is cut off as rejects")
    func undecodable() throws {
        #expect(try Extracted("{\"Records\":[{\"eventSource\":\"aws:sqs\"}]}").rejects.map(\.reason) == [.undecodable])
        let cut = try Extracted("\(envelope)\n\(envelope.dropLast(3))")
        #expect(cut.eventIds == ["7"])
        #expect(cut.rejects.map(\.reason) == [.undecodable])
    }

    @Test("reads a line of a mebibyte, and of a longer one the beginning, without harming its neighbours")
    func longLines() throws {
        let filler = String(repeating: "x", count: 1 << 20)
        #expect(try Extracted("\(line)\(filler)\n").ids.count == 1)
        let long = Array(" \(record) ".utf8) + [UInt8](repeating: UInt8(ascii: "x"), count: Extraction.maximumLineBytes)
        for (ending, rejects) in [("", 0), (" amberflo_meter: \(record)", 1)] {
            let text = Array("\(line)\n\(line)".utf8) + long + Array("\(ending)\n\(line)\n".utf8)
            for pieceBytes in [100_000, text.count] {
                let extracted = try Extracted(text, pieceBytes: pieceBytes)
                #expect(extracted.ids.count == 3)
                #expect(extracted.rejects.map(\.reason) == Array(repeating: .tooLarge, count: rejects))
                #expect(extracted.accounting.events == 3)
            }
        }
    }

    @Test("reads on behind a document that it does not know")
    func unknownDocuments() throws {
        for other in ["{}", "started", "[1]", "{\"level\":\"info\"}"] {
            let extracted = try Extracted("\(envelope)\n\(other)\n\(envelope)\n\(line)\n\(envelope)")
            #expect(extracted.eventIds.filter { $0 == "7" }.count == 3, "\(other)")
            #expect(extracted.ids.count == 4, "\(other)")
        }
    }

    @Test("reads arrays of envelopes like envelopes, and a log whose lines only look like events like lines")
    func shapes() throws {
        #expect(try Extracted("[\(envelope),\(envelope)]").eventIds == ["7", "7"])
        let lines = "{\"Records\":3,\"time\":\"x\"}\n\(line)\n{ unclosed\n\(line)"
        #expect(try Extracted(lines).ids.count == 2)
        #expect(try Extracted("{\"awslogs\":1}\n\(line)").ids.count == 1)
    }

    @Test("inputs of one name count equal lines together")
    func sharedCounter() throws {
        let counter = LineCounter()
        var ids: [String] = []
        for _ in 0..<2 {
            final class Box { var ids: [String] = [] }
            let box = Box()
            var extraction = Extraction(name: "a", format: .lines, lineReader: try LineReader(), lines: counter) {
                if case .record(let found) = $0 { box.ids.append(found.record.uniqueId) }
            }
            let bytes = Array(line.utf8)
            try extraction.read(bytes.span)
            try extraction.finish()
            ids += box.ids
        }
        #expect(Set(ids).count == 2)
    }

    @Test("passes over a byte order mark in every format and in pieces", arguments: [1, 2, 3, 1_000])
    func mark(pieceBytes: Int) throws {
        for format in Extraction.Format.allCases where format != .event {
            let marked = try Extracted(Array("\u{feff}\(line)".utf8), format: format, pieceBytes: pieceBytes)
            #expect(try marked.ids == Extracted(line).ids)
        }
    }

    @Test("damaged compression is an error behind what was read")
    func damage() throws {
        let lines = Array(repeating: line, count: 20_000).joined(separator: "\n")
        #expect(throws: GzipError.damaged) { try Extracted(Array(gzip(Array(lines.utf8)).dropLast(10))) }
        // The command finishes what it has: so many lines were found before the damage.
        final class Box { var records = 0 }
        let box = Box()
        var extraction = Extraction(name: "a", format: .auto, lineReader: try LineReader()) { _ in box.records += 1 }
        let damaged = Array(gzip(Array(lines.utf8)).dropLast(10))
        try? extraction.read(damaged.span)
        try? extraction.finish()
        #expect(box.records > 19_000)
    }
}

@Suite("The line counter")
struct LineCounterTests {
    @Test("tells how often a line was seen without counting it", arguments: [8, 1 << 10])
    func looks(maximumInMemory: Int) throws {
        let counter = LineCounter(maximumInMemory: maximumInMemory)
        func key(_ number: UInt64) -> LineCounter.Key { .init(high: number, low: number &* 0x9e37_79b9_7f4a_7c15) }
        for number in UInt64(0)..<100 {
            for _ in 0..<(number % 3) { _ = try counter.countBefore(key(number)) }
        }
        for number in UInt64(0)..<100 {
            #expect(try counter.count(key(number)) == number % 3)
        }
    }

    @Test("counts the same in memory and in its file")
    func counts() throws {
        let counter = LineCounter(maximumInMemory: 64)
        var expected: [UInt64: UInt64] = [:]
        var state: UInt64 = 1
        for _ in 0..<20_000 {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let value = (state >> 33) % 3_000
            let key = LineCounter.Key(high: value, low: value &* 0x9e37_79b9_7f4a_7c15)
            #expect(try counter.countBefore(key) == expected[value, default: 0])
            expected[value, default: 0] += 1
        }
    }
}
