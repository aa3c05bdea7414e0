import MeterLine

/// Extracts meter records from envelopes, Lambda events and Lambda's failure records, one behind the other.
///
/// One document is held at a time.
struct DocumentExtraction: ~Copyable {
    private var envelopeReader: EnvelopeReader
    /// Input that is not yet a whole document.
    private var pending: [UInt8] = []
    /// Where the search for the end of a document goes on.
    private var document = DocumentEnd(position: 0)

    init(lineReader: LineReader) {
        envelopeReader = EnvelopeReader(lineReader: lineReader)
    }

    /// Takes the next piece of input.
    ///
    /// - Parameter lines: reads what is no document.
    mutating func read(
        _ bytes: Span<UInt8>, _ lines: borrowing LineExtraction, _ findings: inout Findings
    ) throws {
        unsafe bytes.withUnsafeBufferPointer { unsafe pending.append(contentsOf: $0) }
        try readDocuments(lines, &findings)
    }

    /// What is left is no whole document.
    mutating func finish(_ findings: inout Findings) throws {
        if pending.contains(where: { !isSpace($0) }) {
            try findings.reject("the input ends within a document", content: pending)
        }
    }

    private mutating func readDocuments(_ lines: borrowing LineExtraction, _ findings: inout Findings) throws {
        var start = 0
        defer {
            pending.removeFirst(start)
            document.position -= start
        }
        while let end = document.next(in: pending) {
            let text = Array(pending[start..<end])
            document = DocumentEnd(position: end)
            start = end
            try readDocument(text, lines, &findings)
        }
    }

    private mutating func readDocument(
        _ text: [UInt8], _ lines: borrowing LineExtraction, _ findings: inout Findings
    ) throws {
        let kind = InputDocument.kind(of: text.span)
        if kind != .unknown, text.first(where: { !isSpace($0) }) == UInt8(ascii: "[") {
            guard let elements = InputDocument.elements(of: text.span) else {
                return try findings.reject("the array of documents cannot be read", content: text)
            }
            for element in elements { try readDocument(Array(text[element]), lines, &findings) }
            return
        }
        switch kind {
        case .envelope:
            try readEnvelope(text, source: .data(name: findings.name), &findings)
        case .event:
            try readEvent(text, &findings)
        case .failureRecord:
            guard let event = InputDocument.event(inFailureRecord: text.span) else {
                return try findings.reject("the failure record holds no event", content: text)
            }
            try readEvent(event, &findings)
        case .failureMetadata:
            try findings.reject(
                "Lambda's failure record only names the records it is about; read them from the stream while it has "
                    + "them, and use S3 as on-failure destination, which keeps them whole", content: text)
        case .unknown:
            for line in text.split(separator: UInt8(ascii: "\n")) { try lines.readLine(Array(line).span, &findings) }
        }
    }

    private mutating func readEvent(_ text: [UInt8], _ findings: inout Findings) throws {
        let event: LambdaEvent
        do throws(LambdaEvent.Unsupported) {
            event = try LambdaEvent(text.span)
        } catch {
            return try findings.reject(error.description, content: text)
        }
        switch event {
        case .direct(let encoded):
            guard let data = encoded.decoded(in: text.span) else {
                return try findings.reject("awslogs.data is no base64", content: text)
            }
            try readEnvelope(data, source: .data(name: findings.name), &findings)
        case .kinesis(let records):
            for record in records {
                let source = Reject.Source.kinesis(
                    stream: record.stream, shard: record.shard, sequenceNumber: record.sequenceNumber)
                if let data = record.data?.decoded(in: text.span) {
                    try readEnvelope(data, source: source, &findings)
                } else {
                    try findings.reject("the Kinesis record has no base64 data", source: source, content: [])
                }
            }
        }
    }

    private mutating func readEnvelope(
        _ data: [UInt8], source: Reject.Source, _ findings: inout Findings
    ) throws {
        var failure: (any Error)?
        let body = findings.body
        envelopeReader.read(data.span, source: source, accounting: &findings.accounting) { finding in
            guard failure == nil else { return }
            do { try body(finding) } catch { failure = error }
        }
        if let failure { throw failure }
    }
}

/// The search for the end of one JSON document, which goes on where it stopped when more input comes.
private struct DocumentEnd {
    /// How far the search has come.
    var position: Int
    private var depth = 0
    private var isInString = false
    private var hasStarted = false

    init(position: Int) {
        self.position = position
    }

    /// Behind the first whole document, or behind a line that is none; nil when more input is needed.
    mutating func next(in text: [UInt8]) -> Int? {
        while position < text.count {
            let byte = text[position]
            position += 1
            if isInString {
                if byte == UInt8(ascii: "\\") {
                    position += 1
                } else if byte == UInt8(ascii: "\"") {
                    isInString = false
                }
                continue
            }
            switch byte {
            case UInt8(ascii: "\"") where depth > 0: isInString = true
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                hasStarted = true
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                if depth <= 0 { return position }
            case UInt8(ascii: "\n") where depth == 0 && hasStarted: return position
            default:
                if depth == 0, !isSpace(byte) { hasStarted = true }
            }
        }
        return nil
    }
}

private func isSpace(_ byte: UInt8) -> Bool {
    byte == 0x20 || (0x09...0x0d).contains(byte)
}
