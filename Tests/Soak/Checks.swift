import Collection
import Gzip
import Meter
import MeterLine

/// What must hold of every input.
enum Checks {
    private static let good = "amberflo_meter: {\"customerId\":\"c\",\"meterApiName\":\"m\",\"meterValue\":1}"

    private static func reader() throws -> LineReader { try LineReader() }

    /// A mutated message between two good ones: both neighbours are found, the figures add up, ordinals grow, every line
    /// written is JSON, and a second reading gives the same.
    static func neighbours(_ message: [UInt8], _ counts: inout Counts) throws {
        let envelope = envelope([Array(good.utf8), message, Array(good.utf8)])
        let first = try read(envelope)
        let second = try read(envelope)
        try require(first.output == second.output, "two readings differ")
        try require(first.ordinalsGrow, "ordinals do not grow")
        try require(first.accounting.events == 3, "\(first.accounting.events) events instead of 3")
        let ids = first.eventIds
        try require(ids.first == "0" && ids.last == "2", "a neighbour is lost: \(ids)")
        try require(ids.filter { $0 == "0" }.count == 1 && ids.filter { $0 == "2" }.count == 1, "a neighbour repeats")
        counts.add(first.accounting)
    }

    /// A mutated envelope, plain or compressed: it is read or kept as one reject.
    static func envelope(_ message: [UInt8], _ mutator: inout Mutator, _ counts: inout Counts) throws {
        let plain = envelope([message, Array(good.utf8)])
        let data =
            mutator.flip()
            ? mutator.mutate(gzip(plain)) : mutator.flip() ? gzip(mutator.mutate(plain)) : mutator.mutate(plain)
        let reading = try read(data)
        if reading.accounting.envelopes + reading.accounting.controlMessages == 0 {
            try require(reading.accounting.rejected == 1, "undecodable data is \(reading.accounting.rejected) rejects")
            try require(reading.rejectedContent == [data], "the reject does not hold the data")
        } else {
            counts.decoded += 1
        }
        counts.add(reading.accounting)
    }

    /// A mutated Lambda event: it is read or refused, and what is read adds up.
    static func event(_ message: [UInt8], _ mutator: inout Mutator, _ counts: inout Counts) throws {
        let data = Base64.encode(gzip(envelope([message])))
        let text =
            "{\"Records\":[{\"kinesis\":{\"sequenceNumber\":\"1\",\"data\":\"\(data)\"},\"eventID\":\"s:1\"}],"
            + "\"awslogs\":{}}"
        let event = mutator.mutate(Array(text.utf8))
        guard case .kinesis(let records) = try? LambdaEvent(event.span) else { return }
        counts.decoded += 1
        for record in records {
            guard let data = record.data?.decoded(in: event.span) else { continue }
            counts.add(try read(data).accounting)
        }
    }

    /// A file of mutated lines gives the same in whatever pieces it comes.
    static func pieces(_ message: [UInt8], _ mutator: inout Mutator, _ counts: inout Counts) throws {
        var file: [UInt8] = []
        for _ in 0..<3 { file += message + [0x0a] + Array(good.utf8) + [0x0a] }
        if mutator.flip() { file = gzip(file) }
        // A mutation that begins like gzip and is none is an error, in pieces too.
        guard let whole = try? extract(file, piece: file.count) else {
            try require((try? extract(file, piece: 1 + mutator.number(below: 64))) == nil, "pieces hide the damage")
            return
        }
        let cut = try extract(file, piece: 1 + mutator.number(below: 64))
        try require(whole.output == cut.output, "pieces change the result")
        try require(whole.accounting == cut.accounting, "pieces change the figures")
        counts.add(whole.accounting)
    }

    // MARK: - The quick way

    /// Messages read the quick way, or by whoever takes over when that gives up, give what `LineReader` alone makes of
    /// them, byte for byte: in an envelope as findings and as lines, and as lines of a file.
    ///
    /// The last one is of a shape that is known from those before it, or nearly so.
    static func quickly(_ message: [UInt8], _ mutator: inout Mutator, _ counts: inout Counts) throws {
        let reader = try reader()
        var logLines = LogLines(lineReader: reader, name: "g")
        if logLines.isReadQuickly(message.span) { counts.quick += 1 }
        let messages = [message, message, mutator.mutate(message)]
        for format in [LineFormat(provenance: true), LineFormat(provenance: false, manifest: true)] {
            let expected = expected(of: messages, by: reader, format)
            let envelope = envelope(messages, firstId: 7)
            var asLines = (accounting: Accounting(), lines: FoundLines(format))
            var envelopeReader = EnvelopeReader(lineReader: reader)
            envelopeReader.read(
                envelope.span, source: .data(name: "soak"), accounting: &asLines.accounting, into: &asLines.lines
            ) { _ in }
            try requireEqual(asLines, expected, "lines of an envelope")
            var each = (accounting: Accounting(), lines: FoundLines(format))
            envelopeReader.read(envelope.span, source: .data(name: "soak"), accounting: &each.accounting) {
                each.lines.append($0)
            }
            try requireEqual(each, expected, "findings of an envelope")
            var ofPage = (accounting: Accounting(), lines: FoundLines(format))
            let page = LogEventPage(lineReader: reader, account: "1", logGroup: "g")
            _ = try page.read(Self.page(messages).span, accounting: &ofPage.accounting) { ofPage.lines.append($0) }
            ofPage.accounting.envelopes = 1
            try requireEqual(ofPage, expected, "a page")
            var linesOfPage = (accounting: Accounting(), lines: FoundLines(format))
            _ = try page.read(
                Self.page(messages).span, accounting: &linesOfPage.accounting, into: &linesOfPage.lines)
            linesOfPage.accounting.envelopes = 1
            try requireEqual(linesOfPage, expected, "lines of a page")
            for isPage in [false, true] {
                var arranged = (accounting: Accounting(), lines: FoundLines(format))
                let text = Self.arranged(messages, isPage: isPage, &mutator)
                if isPage {
                    _ = try page.read(text.span, accounting: &arranged.accounting, into: &arranged.lines)
                    arranged.accounting.envelopes = 1
                } else {
                    envelopeReader.read(
                        text.span, source: .data(name: "soak"), accounting: &arranged.accounting,
                        into: &arranged.lines
                    ) { _ in }
                }
                try requireEqual(arranged, expected, isPage ? "an arranged page" : "an arranged envelope")
            }
        }
        try quicklyFromFile(message)
    }

    /// A mutated page of log events gives what `LineReader` makes of the messages that are taken out of it by all the
    /// rules, or the same fault.
    static func page(_ messages: [[UInt8]], _ mutator: inout Mutator, _ counts: inout Counts) throws {
        let page = mutator.mutate(page(messages + [Array(good.utf8)]))
        let reader = try reader()
        let pages = LogEventPage(lineReader: reader, account: "1", logGroup: "g")
        let format = LineFormat(provenance: true)
        var expected = (accounting: Accounting(), lines: FoundLines(format))
        let expectedEnd = Result {
            try pages.readMessages(page.span) { origin, message in
                for finding in reader.read(message.span, of: origin, accounting: &expected.accounting) {
                    expected.lines.append(finding)
                }
            }
        }
        var read = (accounting: Accounting(), lines: FoundLines(format))
        let end = Result { try pages.read(page.span, accounting: &read.accounting, into: &read.lines) }
        try require("\(end)" == "\(expectedEnd)", "a page ends otherwise: \(end), not \(expectedEnd)")
        try require(read.lines.records == expected.lines.records, "the records of a mutated page differ")
        // What has no id or no message is a reject here, and is passed over where messages are read.
        if read.accounting.events == expected.accounting.events {
            try requireEqual(read, expected, "a mutated page")
        }
        counts.add(read.accounting)
    }

    /// A mutated line of a bucket that is read the quick way says what `IngestReader` reads in it.
    static func stored(_ message: [UInt8], _ mutator: inout Mutator, _ counts: inout Counts) throws {
        var lines = FoundLines(LineFormat(provenance: true))
        var envelopeReader = EnvelopeReader(lineReader: try reader())
        envelopeReader.read(
            envelope([message]).span, source: .data(name: "soak"), accounting: &counts.ignored, into: &lines
        ) { _ in }
        let written = Array(lines.records.prefix { $0 != 0x0a })
        let line = mutator.flip() ? written : mutator.mutate(written)
        var records: [ReceivedRecord] = []
        var ignored: [[UInt8]: Int] = [:]
        _ = try? IngestReader().read(line, format: .json, ignoredKeys: &ignored) { item, _ in
            if case .record(let record) = item { records.append(record) }
        }
        var quick = QuickReceivedReader()
        try ByteText.with(line.span) { text in
            guard let read = quick.read(text, 0..<text.count) else { return }
            try require(
                records.count == 1 && ignored.isEmpty, "\(records.count) records, of which one was read quickly")
            guard let record = records.first, let source = record.source, let readSource = read.source else {
                throw Broken("no source, read quickly")
            }
            func isSame(_ range: Range<Int>, _ text: String) -> Bool { read.text.isEqual(range, Array(text.utf8)) }
            try require(
                isSame(read.meter, record.meterApiName) && isSame(read.customer, record.customerId)
                    && isSame(read.value, record.meterValue.text) && read.time == record.meterTimeInMillis,
                "a stored record is read otherwise")
            try require(
                read.uniqueId == nil ? record.uniqueId == nil : isSame(read.uniqueId ?? 0..<0, record.uniqueId ?? ""),
                "the id of a stored record is read otherwise")
            try require(
                read.dimensions.count == record.dimensions.count
                    && zip(read.dimensions, record.dimensions).allSatisfy {
                        isSame($0.name, $1.name) && isSame($0.value, $1.value)
                    }, "the dimensions of a stored record are read otherwise")
            try require(
                isSame(readSource.account, source.account) && isSame(readSource.logGroup, source.logGroup)
                    && isSame(readSource.logStream, source.logStream) && isSame(readSource.eventId, source.eventId)
                    && readSource.timestamp == source.timestamp && readSource.ordinal == source.ordinal
                    && read.isTimeless == record.isTimeless && read.hasDerivedId == record.hasDerivedId,
                "the log event of a stored record is read otherwise")
            counts.stored += 1
        }
    }

    /// What an envelope with these messages holds, from the event 7 on.
    private static func expected(
        of messages: [[UInt8]], by reader: LineReader, _ format: LineFormat
    ) -> (accounting: Accounting, lines: FoundLines) {
        var expected = (accounting: Accounting(), lines: FoundLines(format))
        for (index, message) in messages.enumerated() {
            let origin = EventOrigin(
                account: "1", logGroup: "g", logStream: "s", eventId: String(7 + index), timestamp: 1_767_323_045_000)
            for finding in reader.read(message.span, of: origin, accounting: &expected.accounting) {
                expected.lines.append(finding)
            }
        }
        expected.accounting.envelopes = 1
        return expected
    }

    private static func quicklyFromFile(_ message: [UInt8]) throws {
        let file = message + [0x0a]
        // What begins like gzip and is none is an error.
        guard let general = try? extract(file, piece: file.count) else { return }
        var lines = FoundLines(LineFormat(provenance: true))
        var extraction = Extraction(
            name: "soak", format: .lines, lineReader: try reader(), lines: LineCounter(), lineFormat: lines.format
        ) { _ in }
        try extraction.read(file.span)
        try extraction.finish()
        lines = extraction.foundLines
        try require(extraction.accounting == general.accounting, "the figures of a file differ")
        // Those who write lines keep records and rejects apart.
        let both = general.output.split(separator: 0x0a)
        func isReject(_ line: ArraySlice<UInt8>) -> Bool { line.starts(with: Array("{\"reason\"".utf8)) }
        try require(
            Array(both.filter { !isReject($0) }.joined(separator: [0x0a])) + newline(both, isReject, false)
                == lines.records, "the records of a file differ")
        try require(
            Array(both.filter(isReject).joined(separator: [0x0a])) + newline(both, isReject, true)
                == lines.rejects, "the rejects of a file differ")
    }

    private static func newline(
        _ lines: [ArraySlice<UInt8>], _ isReject: (ArraySlice<UInt8>) -> Bool, _ rejects: Bool
    ) -> [UInt8] {
        lines.contains { isReject($0) == rejects } ? [0x0a] : []
    }

    private static func requireEqual(
        _ read: (accounting: Accounting, lines: FoundLines), _ expected: (accounting: Accounting, lines: FoundLines),
        _ what: String
    ) throws {
        try require(read.accounting == expected.accounting, "the figures of \(what) differ")
        try require(read.lines.records == expected.lines.records, "the records of \(what) differ")
        try require(read.lines.manifest == expected.lines.manifest, "the manifest of \(what) differs")
        try require(read.lines.rejects == expected.lines.rejects, "the rejects of \(what) differ")
    }

    // MARK: - Reading

    struct Reading {
        var accounting = Accounting()
        var output: [UInt8] = []
        var eventIds: [String] = []
        var rejectedContent: [[UInt8]] = []
        /// Whether the ordinals of each event grow.
        ///
        /// Mutated envelopes have events with one id twice.
        var ordinalsGrow = true
        private var ordinals: [String: Int] = [:]

        mutating func take(_ finding: Finding) throws {
            let start = output.count
            switch finding {
            case .record(let found):
                NDJSON.append(found, provenance: true, to: &output)
                eventIds.append(found.origin.eventId)
                next(found.ordinal, of: found.origin.eventId)
            case .reject(let reject):
                NDJSON.append(reject, to: &output)
                rejectedContent.append(reject.content)
                if case .event(let origin) = reject.source { next(reject.ordinal, of: origin.eventId) }
            }
            try require(JSON.isDocument(output.span.extracting(start...)), "a line is no JSON")
        }

        private mutating func next(_ ordinal: Int, of event: String) {
            ordinalsGrow = ordinalsGrow && ordinal > ordinals[event] ?? -1
            ordinals[event] = ordinal
        }
    }

    private static func read(_ data: [UInt8]) throws -> Reading {
        var findings: [Finding] = []
        var reading = Reading()
        var reader = EnvelopeReader(lineReader: try reader())
        reader.read(data.span, source: .data(name: "soak"), accounting: &reading.accounting) { findings.append($0) }
        try require(reading.accounting.found == findings.count, "\(findings.count) findings, accounted otherwise")
        for finding in findings { try reading.take(finding) }
        return reading
    }

    private static func extract(_ file: [UInt8], piece: Int) throws -> (output: [UInt8], accounting: Accounting) {
        final class Output { var bytes: [UInt8] = [] }
        let output = Output()
        var extraction = Extraction(name: "soak", format: .lines, lineReader: try reader()) { finding in
            switch finding {
            case .record(let found): NDJSON.append(found, provenance: true, to: &output.bytes)
            case .reject(let reject): NDJSON.append(reject, to: &output.bytes)
            }
        }
        var start = 0
        while start < file.count {
            let end = min(file.count, start + max(1, piece))
            try extraction.read(file.span.extracting(start..<end))
            start = end
        }
        try extraction.finish()
        return (output.bytes, extraction.accounting)
    }

    /// An envelope whose events are numbered from 0.
    ///
    /// What JSON demands is escaped, everything else stands raw.
    private static func envelope(_ messages: [[UInt8]], firstId: Int = 0) -> [UInt8] {
        var output = Array(
            "{\"messageType\":\"DATA_MESSAGE\",\"owner\":\"1\",\"logGroup\":\"g\",\"logStream\":\"s\",\"logEvents\":["
                .utf8)
        for (index, message) in messages.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            output += Array("{\"id\":\"\(firstId + index)\",\"timestamp\":1767323045000,\"message\":\"".utf8)
            output += escaped(message) + Array("\"}".utf8)
        }
        return output + Array("]}".utf8)
    }

    /// What `FilterLogEvents` answers; the events are numbered from 7.
    private static func page(_ messages: [[UInt8]]) -> [UInt8] {
        let events = messages.enumerated().map { index, message in
            Array("{\"logStreamName\":\"s\",\"timestamp\":1767323045000,\"message\":\"".utf8) + escaped(message)
                + Array("\",\"ingestionTime\":1767323046000,\"eventId\":\"\(7 + index)\"}".utf8)
        }
        return Array("{\"events\":[".utf8) + events.joined(separator: [UInt8(ascii: ",")]) + Array("]}".utf8)
    }

    /// The same envelope or page with white space, members in any order, and others among them.
    private static func arranged(_ messages: [[UInt8]], isPage: Bool, _ mutator: inout Mutator) -> [UInt8] {
        func space() -> [UInt8] { Array(["", " ", "\n  ", "\t"][mutator.number(below: 4)].utf8) }
        func object(_ members: [(name: String, value: [UInt8])]) -> [UInt8] {
            var members = members
            if mutator.flip() {
                let value = ["null", "[1,{\"message\":\"amberflo_meter {}\"}]", "\"\\\"}\"", "-1.5e3"][
                    mutator.number(below: 4)]
                members.append(
                    (["extractedFields", "entity", "idx", "Message"][mutator.number(below: 4)], Array(value.utf8)))
            }
            for index in members.indices { members.swapAt(index, mutator.number(below: members.count)) }
            let texts = members.map {
                space() + Array("\"\($0.name)\"".utf8) + space() + Array(":".utf8) + space() + $0.value + space()
            }
            return Array("{".utf8) + texts.joined(separator: Array(",".utf8)) + Array("}".utf8)
        }
        func text(_ bytes: [UInt8]) -> [UInt8] { Array("\"".utf8) + escaped(bytes) + Array("\"".utf8) }
        let events = messages.enumerated().map { index, message in
            var members = [
                (name: isPage ? "eventId" : "id", value: text(Array(String(7 + index).utf8))),
                (name: "timestamp", value: Array("1767323045000".utf8)), (name: "message", value: text(message)),
            ]
            if isPage {
                members.append((name: "logStreamName", value: text(Array("s".utf8))))
                members.append((name: "ingestionTime", value: Array("1767323046000".utf8)))
            }
            return space() + object(members) + space()
        }
        let array = Array("[".utf8) + events.joined(separator: Array(",".utf8)) + Array("]".utf8)
        if isPage { return object([(name: "events", value: array)]) }
        return object([
            (name: "owner", value: text(Array("1".utf8))), (name: "logGroup", value: text(Array("g".utf8))),
            (name: "logStream", value: text(Array("s".utf8))), (name: "logEvents", value: array),
        ])
    }

    private static func escaped(_ message: [UInt8]) -> [UInt8] {
        var output: [UInt8] = []
        for byte in message {
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") { output.append(UInt8(ascii: "\\")) }
            output.append(byte)
        }
        return output
    }
}
