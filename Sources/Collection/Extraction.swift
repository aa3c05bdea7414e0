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

    /// How much of a line is read; a tag behind that is a reject.
    public static let maximumLineBytes = 8 << 20
    /// How much of a line that is too long its reject holds.
    private static let excerptBytes = 1 << 20
    /// Longer than any tag.
    private static let overlapBytes = 512
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
    /// The first bytes of the text, until it is known whether they are a byte order mark.
    private var markBytes: [UInt8]? = []
    private let lines: LineCounter
    /// Input that is not yet a whole line or document.
    private var pending: [UInt8] = []
    /// Where the search for the end of a document goes on.
    private var document = DocumentEnd(position: 0)
    /// Whether the line goes on behind its limit.
    private var isPassingOver = false
    /// The last bytes that were passed over, in which a tag may begin.
    private var passedTail: [UInt8] = []
    private var hasPassedTag = false

    /// Makes an extraction.
    ///
    /// - Parameters:
    ///   - name: what stands for the log group of lines: the file's base name, or what its user calls it.
    ///   - format: what the input holds.
    ///   - lines: counts equal lines; inputs of one name must share it, or equal lines of two become one.
    ///   - body: takes each finding, in order.
    public init(
        name: String, format: Format, lineReader: LineReader, lines: LineCounter = LineCounter(),
        body: @escaping (Finding) throws -> Void
    ) {
        self.name = name
        self.lines = lines
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
            if firstByte != nil { return }
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
        if let held = markBytes {
            markBytes = nil
            try readText(held.span)
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

    /// Takes decompressed input; a byte order mark at its beginning is passed over.
    private mutating func readPlain(_ bytes: Span<UInt8>) throws {
        guard let held = markBytes else { return try readText(bytes) }
        let beginning = held + MeterLine.bytes(of: bytes)
        let mark: [UInt8] = [0xef, 0xbb, 0xbf]
        if beginning.count < mark.count, mark.starts(with: beginning) {
            markBytes = beginning
        } else {
            markBytes = nil
            try readText(beginning.span.extracting((beginning.starts(with: mark) ? mark.count : 0)...))
        }
    }

    private mutating func readText(_ bytes: Span<UInt8>) throws {
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

    /// Keeps a piece of a line that is not whole yet; behind the limit only tags are looked for.
    private mutating func hold(_ piece: Span<UInt8>) {
        var rest = piece
        if !isPassingOver {
            let room = Self.maximumLineBytes - pending.count
            let held = piece.extracting(..<min(room, piece.count))
            unsafe held.withUnsafeBufferPointer { unsafe pending.append(contentsOf: $0) }
            if piece.count <= room { return }
            isPassingOver = true
            passedTail = Array(pending.suffix(Self.overlapBytes))
            rest = piece.extracting(room...)
        }
        let passed = passedTail + MeterLine.bytes(of: rest)
        hasPassedTag = hasPassedTag || lineReader.mayHoldTag(passed.span)
        passedTail = Array(passed.suffix(Self.overlapBytes))
    }

    private mutating func endLine() throws {
        let line = pending
        pending = []
        try readLine(line.span)
        if hasPassedTag {
            try reject(
                "a tag stands behind the first \(Self.maximumLineBytes >> 20) MiB of the line, which alone are read",
                reason: .tooLarge,
                source: .event(EventOrigin(account: "", logGroup: name, logStream: "", eventId: "", timestamp: nil)),
                content: Array(line.prefix(Self.excerptBytes)))
        }
        isPassingOver = false
        hasPassedTag = false
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
        var start = 0
        defer {
            pending.removeFirst(start)
            document.position -= start
        }
        while let end = document.next(in: pending) {
            let text = Array(pending[start..<end])
            document = DocumentEnd(position: end)
            start = end
            try readDocument(text)
        }
    }

    private mutating func readDocument(_ text: [UInt8]) throws {
        let kind = InputDocument.kind(of: text.span)
        if kind != .unknown, text.first(where: { !isSpace($0) }) == UInt8(ascii: "[") {
            guard let elements = InputDocument.elements(of: text.span) else {
                return try reject("the array of documents cannot be read", content: text)
            }
            for element in elements { try readDocument(Array(text[element])) }
            return
        }
        switch kind {
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
            for line in text.split(separator: UInt8(ascii: "\n")) { try readLine(Array(line).span) }
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
        var failure: (any Error)?
        envelopeReader.read(data.span, source: source, accounting: &accounting) { finding in
            guard failure == nil else { return }
            do { try body(finding) } catch { failure = error }
        }
        if let failure { throw failure }
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
