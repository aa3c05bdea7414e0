import Gzip
import Meter

/// Reads meter records out of what a subscription delivers: envelopes, compressed or not.
///
/// A reader keeps its buffers for the next call. It is not shared: each task has its own.
public struct EnvelopeReader: ~Copyable {
    /// The most bytes that the data of one Kinesis record, or of one direct event, may decompress to.
    public static let maximumBytes = 64 << 20
    /// How much of compressed data may be compressed again; Kinesis takes no record that is larger.
    private static let maximumInnerBytes = 16 << 20
    /// How often data may be compressed.
    private static let maximumLayers = 5

    private let messages: MessageReader
    private var gunzip: Gunzip
    private var index = EventIndex()
    private var record = QuickRecord()

    /// Makes a reader.
    ///
    /// - Parameter limit: a smaller limit than `maximumBytes`, for who reads again what is beyond it.
    public init(lineReader: LineReader, limit: Int = maximumBytes) {
        messages = MessageReader(lineReader)
        gunzip = Gunzip(limit: min(limit, Self.maximumBytes))
    }

    /// Reads one or more envelopes, in one or more gzip members or as plain JSON.
    ///
    /// Data that cannot be decoded as a whole gives one reject that holds it; then nothing else comes of it.
    ///
    /// - Parameters:
    ///   - data: what a Kinesis record or a direct event carries.
    ///   - source: where a reject says that it came from.
    ///   - accounting: the figures to add to.
    ///   - body: takes each finding, in order.
    public mutating func read(
        _ data: Span<UInt8>, source: Reject.Source, accounting: inout Accounting, _ body: (Finding) -> Void
    ) {
        withoutActuallyEscaping(body) { body in
            var taker = FindingsByClosure(body: body)
            read(data, source: source, accounting: &accounting, to: &taker)
        }
    }

    /// Reads as the other function does, and writes what it finds as lines.
    ///
    /// - Parameters:
    ///   - lines: takes the lines.
    ///   - whenGrown: is called after each log event in which something was found; it may take the lines away.
    package mutating func read(
        _ data: Span<UInt8>, source: Reject.Source, accounting: inout Accounting, into lines: inout FoundLines,
        whenGrown: (inout FoundLines) -> Void
    ) {
        withoutActuallyEscaping(whenGrown) { whenGrown in
            var taker = FindingsAsLines(lines: lines, whenGrown: whenGrown)
            lines = FoundLines(lines.format)
            read(data, source: source, accounting: &accounting, to: &taker)
            lines = taker.lines
        }
    }

    private mutating func read(
        _ data: Span<UInt8>, source: Reject.Source, accounting: inout Accounting, to taker: inout some FindingTaker
    ) {
        do throws(Rejection) {
            if isGzip(data) {
                var index = index
                self.index = EventIndex()
                var record = QuickRecord()
                swap(&record, &self.record)
                defer {
                    self.index = index
                    swap(&record, &self.record)
                }
                try readCompressed(
                    data, layers: Self.maximumLayers, &index, &record, accounting: &accounting, to: &taker)
            } else if let result = Self.read(data, &index, &record, messages, accounting: &accounting, to: &taker) {
                throw result
            }
        } catch {
            accounting.rejects[error.reason, default: 0] += 1
            taker.take(
                .reject(
                    Reject(
                        reason: error.reason, detail: error.detail, tag: nil, ordinal: 0, source: source,
                        timestamp: nil, content: bytes(of: data))))
        }
    }

    /// Reads compressed envelopes; Firehose and re-writers of its data compress them more than once.
    private mutating func readCompressed(
        _ data: Span<UInt8>, layers: Int, _ index: inout EventIndex, _ record: inout QuickRecord,
        accounting: inout Accounting, to taker: inout some FindingTaker
    ) throws(Rejection) {
        guard layers > 0 else {
            accounting.unreadableForms += 1
            throw Rejection(.undecodable, InputForm.gzip.detail)
        }
        let messages = messages
        var inner: [UInt8]?
        let result = try decompress(data) { text in
            if isGzip(text) {
                guard text.count <= Self.maximumInnerBytes else {
                    let limit = Self.maximumInnerBytes >> 20
                    return Rejection(.tooLarge, "the data holds more than \(limit) MiB that are compressed again")
                }
                inner = MeterLine.bytes(of: text)
                return nil
            }
            return Self.read(text, &index, &record, messages, accounting: &accounting, to: &taker)
        }
        if let result { throw result }
        guard let inner else { return }
        try readCompressed(inner.span, layers: layers - 1, &index, &record, accounting: &accounting, to: &taker)
    }

    private mutating func decompress(
        _ data: Span<UInt8>, _ body: (Span<UInt8>) -> Rejection?
    ) throws(Rejection) -> Rejection? {
        do throws(GzipError) {
            return try gunzip.decompress(data, body)
        } catch {
            switch error {
            case .damaged: throw Rejection(.undecodable, "the data is no valid gzip")
            case .overLimit(let limit):
                throw Rejection(.tooLarge, "the data decompresses to more than \(limit >> 20) MiB")
            }
        }
    }

    // MARK: - Envelopes

    /// Reads the envelopes in a text; all of them are checked before anything is handed on.
    private static func read(
        _ text: Span<UInt8>, _ index: inout EventIndex, _ record: inout QuickRecord, _ messages: MessageReader,
        accounting: inout Accounting, to taker: inout some FindingTaker
    ) -> Rejection? {
        do throws(Envelope.Fault) {
            var position = 0
            let first = try next(text, &position, &index)
            if position == text.count {
                read(first, text, index, &record, messages, accounting: &accounting, to: &taker)
                return nil
            }
            while position < text.count { _ = try next(text, &position, &index) }
            position = 0
            while position < text.count {
                let envelope = try next(text, &position, &index)
                read(envelope, text, index, &record, messages, accounting: &accounting, to: &taker)
            }
        } catch {
            guard let form = InputForm(text) else { return Rejection(.undecodable, error.detail) }
            accounting.unreadableForms += 1
            return Rejection(.undecodable, form.detail)
        }
        return nil
    }

    /// The next envelope of a text; white space around it is passed over.
    private static func next(
        _ text: Span<UInt8>, _ position: inout Int, _ index: inout EventIndex
    ) throws(Envelope.Fault) -> Envelope {
        JSON.skipWhitespace(text, &position)
        let envelope = try Envelope(text, &position, index: &index)
        JSON.skipWhitespace(text, &position)
        return envelope
    }

    private static func read(
        _ envelope: Envelope, _ text: Span<UInt8>, _ index: EventIndex, _ record: inout QuickRecord,
        _ messages: MessageReader, accounting: inout Accounting, to taker: inout some FindingTaker
    ) {
        guard envelope.kind == .data else {
            accounting.controlMessages += 1
            return
        }
        accounting.envelopes += 1
        let names = EventNames(
            account: envelope.account, logGroup: envelope.logGroup, logStream: envelope.logStream)
        guard index.isComplete, text.count <= QuickRecord.maximumTextBytes else {
            return envelope.events(text) { event in
                messages.read(event, text, names, accounting: &accounting, to: &taker)
            }
        }
        ByteText.with(text) { bytes in
            var tags = NextTag()
            for entry in index.entries {
                if messages.readQuickly(
                    entry, bytes, names, &tags, &record, accounting: &accounting, to: &taker)
                {
                    continue
                }
                let event = envelope.event(text, at: entry.start)
                messages.read(event, text, names, accounting: &accounting, to: &taker)
            }
        }
    }
}
