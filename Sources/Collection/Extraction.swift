private import Crypto
private import Gzip
private import Meter
public import MeterLine

/// Extracts meter records from a file or a stream of log lines, envelopes or Lambda events, piece by piece.
///
/// Log lines of any number take constant memory; of envelopes and events one is held at a time.
public struct Extraction: ~Copyable {
    /// What the input holds.
    public enum Format: String, Sendable, CaseIterable {
        /// Told by looking at the beginning of the input.
        case auto
        /// One log event a line.
        case lines
        /// Envelopes of CloudWatch Logs, Lambda events, or Lambda's failure records, one behind the other.
        case event
    }

    /// The longest line that is read whole; the rest of a longer one is passed over, and it becomes a reject.
    public static let maximumLineBytes = 8 << 20
    /// How much of a line that is too long its reject holds.
    private static let excerptBytes = 1 << 20
    /// How much of the input tells its format.
    private static let detectionBytes = 64 << 10

    /// The figures so far.
    public private(set) var accounting = Accounting()

    private let name: String
    private let lineReader: LineReader
    private var envelopeReader: EnvelopeReader
    private var format: Format
    private let body: (Finding) throws -> Void

    /// The first byte of the input, until the second tells with it whether the input is compressed.
    private var firstByte: [UInt8]? = []
    private var inflate: InflateStream?
    private let lines = LineCounter()
    /// Input that is not yet a whole line or document.
    private var pending: [UInt8] = []
    /// Where the search for the end of a document goes on.
    private var document = DocumentEnd()
    private var isPassingOver = false

    /// Makes an extraction.
    ///
    /// - Parameters:
    ///   - name: what stands for the log group of lines: the file's base name, or what its user calls it.
    ///   - format: what the input holds.
    ///   - body: takes each finding, in order.
    public init(
        name: String, format: Format, lineReader: LineReader, body: @escaping (Finding) throws -> Void
    ) {
        self.name = name
        self.format = format
        self.lineReader = lineReader
        envelopeReader = EnvelopeReader(lineReader: lineReader)
        self.body = body
    }

    /// Takes the next piece of input, compressed with gzip or not.
    ///
    /// - Throws: `GzipError` for damaged compression, `Errno`, or what the body throws.
    public mutating func read(_ bytes: Span<UInt8>) throws {
        if let first = firstByte {
            let beginning = first + MeterLine.bytes(of: bytes)
            firstByte = beginning.count < 2 ? beginning : nil
            guard firstByte == nil else { return }
            if isGzip(beginning.span) { inflate = InflateStream() }
            return try readCompressedOrPlain(beginning.span)
        }
        try readCompressedOrPlain(bytes)
    }

    private mutating func readCompressedOrPlain(_ bytes: Span<UInt8>) throws {
        guard var inflate = inflate.take() else { return try readPlain(bytes) }
        try inflate.decompress(bytes) { try readPlain($0) }
        self.inflate = consume inflate
    }

    /// Reads what is left when the input is at its end.
    ///
    /// - Throws: as `read`.
    public mutating func finish() throws {
        if let first = firstByte {
            firstByte = nil
            try readPlain(first.span)
        }
        if format == .auto { try decideFormat() }
        switch format {
        case .lines, .auto:
            if !pending.isEmpty || isPassingOver { try endLine() }
        case .event:
            try readDocuments()
            if pending.contains(where: { !isSpace($0) }) {
                try reject("the input ends within a document", content: pending)
            }
        }
        try inflate?.finish()
    }

    private mutating func readPlain(_ bytes: Span<UInt8>) throws {
        switch format {
        case .lines:
            try readLines(bytes)
        case .event:
            unsafe bytes.withUnsafeBufferPointer { unsafe pending.append(contentsOf: $0) }
            try readDocuments()
        case .auto:
            unsafe bytes.withUnsafeBufferPointer { unsafe pending.append(contentsOf: $0) }
            if pending.count >= Self.detectionBytes { try decideFormat() }
        }
    }

    private mutating func decideFormat() throws {
        if pending.starts(with: [0xef, 0xbb, 0xbf]) { pending.removeFirst(3) }
        format = InputDocument.kind(of: pending.span) == .unknown ? .lines : .event
        switch format {
        case .event: try readDocuments()
        case .lines, .auto:
            let beginning = pending
            pending = []
            try readLines(beginning.span)
        }
    }

    // MARK: - Lines

    private mutating func readLines(_ bytes: Span<UInt8>) throws {
        var start = 0
        while start < bytes.count {
            var end = start
            while end < bytes.count, bytes[end] != UInt8(ascii: "\n") { end += 1 }
            let piece = bytes.extracting(start..<end)
            if end < bytes.count, pending.isEmpty, !isPassingOver, piece.count <= Self.maximumLineBytes {
                try readLine(piece)
            } else {
                hold(piece)
                if end < bytes.count { try endLine() }
            }
            start = end + 1
        }
    }

    private mutating func hold(_ piece: Span<UInt8>) {
        guard !isPassingOver else { return }
        if pending.count + piece.count > Self.maximumLineBytes {
            let missing = max(0, Self.excerptBytes - pending.count)
            let start = piece.extracting(..<min(missing, piece.count))
            unsafe start.withUnsafeBufferPointer { unsafe pending.append(contentsOf: $0) }
            pending.removeLast(max(0, pending.count - Self.excerptBytes))
            isPassingOver = true
        } else {
            unsafe piece.withUnsafeBufferPointer { unsafe pending.append(contentsOf: $0) }
        }
    }

    private mutating func endLine() throws {
        let line = pending
        pending = []
        guard isPassingOver else { return try readLine(line.span) }
        isPassingOver = false
        accounting.events += 1
        try reject(
            "the line is longer than \(Self.maximumLineBytes >> 20) MiB; its beginning is kept here",
            reason: .tooLarge,
            source: .event(EventOrigin(account: "", logGroup: name, logStream: "", eventId: "", timestamp: nil)),
            content: line)
    }

    private mutating func readLine(_ line: Span<UInt8>) throws {
        let hasReturn = !line.isEmpty && line[line.count - 1] == UInt8(ascii: "\r")
        let line = hasReturn ? line.extracting(..<(line.count - 1)) : line
        guard lineReader.mayHoldTag(line) else {
            if !line.isEmpty { accounting.events += 1 }
            return
        }
        let hash = unsafe line.withUnsafeBufferPointer { unsafe Array(SHA256.hash(data: UnsafeRawBufferPointer($0))) }
        let before = try lines.countBefore(LineCounter.Key(high: word(hash, 0), low: word(hash, 8)))
        let origin = EventOrigin(
            account: "", logGroup: name, logStream: "", eventId: "\(hexadecimal(hash))-\(before)",
            timestamp: Timestamp.leading(line).flatMap { $0 < RecordLimits.earliestTimeInMillis ? nil : $0 })
        for finding in lineReader.read(line, of: origin, accounting: &accounting) { try body(finding) }
    }

    private func word(_ bytes: [UInt8], _ start: Int) -> UInt64 {
        bytes[start..<start + 8].reduce(0) { $0 << 8 | UInt64($1) }
    }

    // MARK: - Documents

    private mutating func readDocuments() throws {
        while let end = document.next(in: pending) {
            let text = Array(pending[..<end])
            pending.removeFirst(end)
            document = DocumentEnd()
            try readDocument(text)
        }
    }

    private mutating func readDocument(_ text: [UInt8]) throws {
        switch InputDocument.kind(of: text.span) {
        case .envelope:
            try readEnvelope(text, source: .data(name: name))
        case .event:
            try readEvent(text)
        case .failureRecord:
            guard let event = InputDocument.event(inFailureRecord: text.span) else {
                return try reject("the failure record holds no event", content: text)
            }
            try readEvent(event)
        case .failureMetadata:
            try reject(
                "Lambda's failure record only names the records it is about; read them from the stream while it has "
                    + "them, and use S3 as on-failure destination, which keeps them whole", content: text)
        case .unknown:
            try readLines(text.span)
            if !pending.isEmpty { try endLine() }
        }
    }

    private mutating func readEvent(_ text: [UInt8]) throws {
        let event: LambdaEvent
        do throws(LambdaEvent.Unsupported) {
            event = try LambdaEvent(text.span)
        } catch {
            return try reject(error.description, content: text)
        }
        switch event {
        case .direct(let encoded):
            guard let data = encoded.decoded(in: text.span) else {
                return try reject("awslogs.data is no base64", content: text)
            }
            try readEnvelope(data, source: .data(name: name))
        case .kinesis(let records):
            for record in records {
                let source = Reject.Source.kinesis(
                    stream: record.stream, shard: record.shard, sequenceNumber: record.sequenceNumber)
                if let data = record.data?.decoded(in: text.span) {
                    try readEnvelope(data, source: source)
                } else {
                    try reject("the Kinesis record has no base64 data", source: source, content: [])
                }
            }
        }
    }

    private mutating func readEnvelope(_ data: [UInt8], source: Reject.Source) throws {
        var findings: [Finding] = []
        envelopeReader.read(data.span, source: source, accounting: &accounting) { findings.append($0) }
        for finding in findings { try body(finding) }
    }

    private mutating func reject(
        _ detail: String, reason: RejectReason = .undecodable, source: Reject.Source? = nil, content: [UInt8]
    ) throws {
        accounting.rejects[reason, default: 0] += 1
        try body(
            .reject(
                Reject(
                    reason: reason, detail: detail, tag: nil, ordinal: 0, source: source ?? .data(name: name),
                    timestamp: nil, content: content)))
    }
}

/// The search for the end of one JSON document, which goes on where it stopped when more input comes.
private struct DocumentEnd {
    private var position = 0
    private var depth = 0
    private var isInString = false
    private var hasStarted = false

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
