import MeterLine

/// Extracts meter records from envelopes, Lambda events and Lambda's failure records, one behind the other.
///
/// One document is held at a time.
struct DocumentExtraction: ~Copyable {
    private let lineReader: LineReader
    private var envelopeReader: EnvelopeReader
    /// Input that is not yet a whole document.
    private var pending: [UInt8] = []
    /// Where the search for the end of a document goes on.
    private var document = DocumentEnd(position: 0)
    /// What an event's base64 holds.
    private var decoded: [UInt8] = []

    init(lineReader: LineReader) {
        self.lineReader = lineReader
        envelopeReader = EnvelopeReader(lineReader: lineReader)
    }

    /// Takes the next piece of input.
    ///
    /// - Parameter lines: reads what is no document.
    mutating func read(
        _ bytes: Span<UInt8>, _ lines: inout LineExtraction, _ findings: inout Findings
    ) throws {
        unsafe bytes.withUnsafeBufferPointer { unsafe pending.append(contentsOf: $0) }
        try readDocuments(&lines, &findings)
    }

    /// What is left is no whole document.
    mutating func finish(_ findings: inout Findings) throws {
        if pending.contains(where: { !isSpace($0) }) {
            try findings.reject("the input ends within a document", content: pending)
        }
    }

    private mutating func readDocuments(_ lines: inout LineExtraction, _ findings: inout Findings) throws {
        var start = 0
        defer {
            pending.removeFirst(start)
            document.position -= start
        }
        while let end = nextEnd() {
            let held = pending
            pending = []
            defer { pending = held }
            document = DocumentEnd(position: end)
            defer { start = end }
            try readDocument(held.span.extracting(start..<end), &lines, &findings)
        }
    }

    private mutating func nextEnd() -> Int? {
        var search = document
        let end = search.next(in: pending.span)
        document = search
        return end
    }

    private mutating func readDocument(
        _ text: Span<UInt8>, _ lines: inout LineExtraction, _ findings: inout Findings
    ) throws {
        let kind = InputDocument.kind(of: text)
        if kind != .unknown, isArray(text) {
            guard let elements = InputDocument.elements(of: text) else {
                return try findings.reject("the array of documents cannot be read", content: bytes(of: text))
            }
            for element in elements { try readDocument(text.extracting(element), &lines, &findings) }
            return
        }
        switch kind {
        case .envelope:
            try readEnvelope(text, source: .data(name: findings.name), &findings)
        case .event:
            try readEvent(text, &findings)
        case .failureRecord:
            guard let event = InputDocument.event(inFailureRecord: text) else {
                return try findings.reject("the failure record holds no event", content: bytes(of: text))
            }
            try readEvent(event.span, &findings)
        case .failureMetadata:
            try findings.reject(
                "Lambda's failure record only names the records it is about; read them from the stream while it has "
                    + "them, and use S3 as on-failure destination, which keeps them whole", content: bytes(of: text))
        case .logEvents:
            try readLogEvents(text, &findings)
        case .unknown:
            for line in bytes(of: text).split(separator: UInt8(ascii: "\n")) {
                try lines.readLine(Array(line).span, &findings)
            }
        }
    }

    private func isArray(_ text: Span<UInt8>) -> Bool {
        var position = 0
        while position < text.count, isSpace(text[position]) { position += 1 }
        return position < text.count && text[position] == UInt8(ascii: "[")
    }

    private mutating func readEvent(_ text: Span<UInt8>, _ findings: inout Findings) throws {
        let event: LambdaEvent
        do throws(LambdaEvent.Unsupported) {
            event = try LambdaEvent(text)
        } catch {
            return try findings.reject(error.description, content: bytes(of: text))
        }
        switch event {
        case .check:
            try findings.reject("a check of the agent holds no log event", content: bytes(of: text))
        case .direct(let encoded):
            guard encoded.decode(in: text, into: &decoded) else {
                return try findings.reject("awslogs.data is no base64", content: bytes(of: text))
            }
            try readDecoded(source: .data(name: findings.name), &findings)
        case .kinesis(let records):
            for record in records {
                let source = Reject.Source.kinesis(
                    stream: record.stream, shard: record.shard, sequenceNumber: record.sequenceNumber)
                if record.data?.decode(in: text, into: &decoded) == true {
                    try readDecoded(source: source, &findings)
                } else {
                    try findings.reject("the Kinesis record has no base64 data", source: source, content: [])
                }
            }
        }
    }

    /// Reads what `aws logs filter-log-events` printed; the input's name is that of the log group, or its ARN.
    private mutating func readLogEvents(_ text: Span<UInt8>, _ findings: inout Findings) throws {
        let arn = LogGroupARN(findings.name)
        let page = LogEventPage(
            lineReader: lineReader, account: arn?.account ?? "", logGroup: arn?.logGroup ?? findings.name)
        var found: [Finding] = []
        do throws(LogEventPage.Fault) {
            _ = try page.read(text, accounting: &findings.accounting) { found.append($0) }
        } catch {
            // What was found before the fault is good.
            try findings.reject(error.description, content: bytes(of: text))
        }
        for finding in found { try findings.take(finding) }
    }

    private mutating func readDecoded(source: Reject.Source, _ findings: inout Findings) throws {
        let data = decoded
        decoded = []
        defer { decoded = data }
        try readEnvelope(data.span, source: source, &findings)
    }

    private mutating func readEnvelope(
        _ data: Span<UInt8>, source: Reject.Source, _ findings: inout Findings
    ) throws {
        var failure: (any Error)?
        switch findings.taker {
        case .each(let body):
            envelopeReader.read(data, source: source, accounting: &findings.accounting) { finding in
                guard failure == nil else { return }
                do { try body(finding) } catch { failure = error }
            }
        case .lines(let whenGrown):
            var (accounting, lines) = (findings.accounting, FoundLines(findings.lines.format))
            swap(&lines, &findings.lines)
            envelopeReader.read(data, source: source, accounting: &accounting, into: &lines) { lines in
                guard failure == nil else { return lines.removeAll() }
                do { try whenGrown(&lines) } catch { failure = error }
            }
            swap(&lines, &findings.lines)
            findings.accounting = accounting
        }
        if let failure { throw failure }
    }
}

/// The account and the name in a log group's ARN.
private struct LogGroupARN {
    let account: String
    let logGroup: String

    init?(_ text: String) {
        let parts = text.split(separator: ":", maxSplits: 6, omittingEmptySubsequences: false)
        guard parts.count == 7, parts[0] == "arn", parts[2] == "logs", parts[5] == "log-group" else { return nil }
        account = String(parts[4])
        logGroup = String(parts[6].hasSuffix(":*") ? parts[6].dropLast(2) : parts[6])
    }
}
