private import Gzip
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
    /// How much of the input tells its format.
    private static let detectionBytes = 64 << 10
    /// How often input may be compressed.
    private static let maximumLayers = 4

    /// The figures so far.
    public var accounting: Accounting { findings.accounting }

    private var format: Format
    private var findings: Findings
    private var lines: LineExtraction
    private var documents: DocumentExtraction

    /// The input, and what was compressed in it, for compressed input may be compressed once more.
    private var layers = [InputLayer()]
    /// Whether it was looked at whether the input is text.
    private var hasBegun = false
    /// Whether the input is no text, so that nothing more of it is read.
    private var isRefused = false
    /// The first bytes of the text, until it is known whether they are a byte order mark.
    private var markBytes: [UInt8]? = []
    /// The beginning of the text, until it tells the format.
    private var beginning: [UInt8] = []

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
        let findings = Findings(name: name, taker: .each(body), lines: FoundLines(LineFormat(provenance: false)))
        self.init(format, lineReader, lines, findings)
    }

    /// Makes an extraction that writes what it finds as lines.
    ///
    /// - Parameters:
    ///   - name: as above, like `format` and `lines`.
    ///   - lineFormat: how findings are written.
    ///   - whenGrown: is called whenever there are more lines; it may take them away. It must take what is left when
    ///     `finish` has returned, or anything has thrown.
    package init(
        name: String, format: Format, lineReader: LineReader, lines: LineCounter, lineFormat: LineFormat,
        whenGrown: @escaping (inout FoundLines) throws -> Void
    ) {
        let findings = Findings(name: name, taker: .lines(whenGrown: whenGrown), lines: FoundLines(lineFormat))
        self.init(format, lineReader, lines, findings)
    }

    private init(_ format: Format, _ lineReader: LineReader, _ counter: LineCounter, _ findings: Findings) {
        self.format = format
        self.findings = findings
        lines = LineExtraction(lineReader: lineReader, name: findings.name, counter: counter)
        documents = DocumentExtraction(lineReader: lineReader)
    }

    /// The lines that were not taken away.
    package var foundLines: FoundLines { findings.lines }

    /// Takes the next piece of input, compressed with gzip or not.
    ///
    /// - Throws: `GzipError` for damaged compression, `Errno`, or what the body throws.
    public mutating func read(_ bytes: Span<UInt8>) throws {
        try read(bytes, layer: 0)
    }

    private mutating func read(_ bytes: Span<UInt8>, layer index: Int) throws {
        let layer = layers[index]
        guard let held = layer.firstBytes else { return try readCompressedOrPlain(bytes, layer, index) }
        let beginning = held + MeterLine.bytes(of: bytes)
        layer.firstBytes = beginning.count < 2 ? beginning : nil
        if layer.firstBytes != nil { return }
        if isGzip(beginning.span), index < Self.maximumLayers {
            layer.inflate = InflateStream()
            layers.append(InputLayer())
        }
        try readCompressedOrPlain(beginning.span, layer, index)
    }

    private mutating func readCompressedOrPlain(_ bytes: Span<UInt8>, _ layer: InputLayer, _ index: Int) throws {
        guard var inflate = layer.inflate.take() else { return try readPlain(bytes) }
        try inflate.decompress(bytes) { try read($0, layer: index + 1) }
        layer.inflate = consume inflate
    }

    /// Reads what is left when the input is at its end.
    ///
    /// - Throws: as `read`.
    public mutating func finish() throws {
        if let layer = layers.last, let first = layer.firstBytes {
            layer.firstBytes = nil
            try readPlain(first.span)
        }
        if let held = markBytes {
            markBytes = nil
            try readText(held.span)
        }
        if format == .auto { try decideFormat() }
        switch format {
        case .lines, .auto: try lines.finish(&findings)
        case .event: try documents.finish(&findings)
        }
        for layer in layers { try layer.inflate?.finish() }
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
        if isRefused || bytes.isEmpty { return }
        switch format {
        case .lines, .event:
            if !hasBegun { try refuseUnlessText(bytes) }
            if isRefused { return }
            if format == .lines {
                try lines.read(bytes, &findings)
            } else {
                try documents.read(bytes, &lines, &findings)
            }
        case .auto:
            unsafe bytes.withUnsafeBufferPointer { unsafe beginning.append(contentsOf: $0) }
            if beginning.count >= Self.detectionBytes { try decideFormat() }
        }
    }

    /// Tells of input that is no text as a whole, by the beginning of it.
    private mutating func refuseUnlessText(_ beginning: Span<UInt8>) throws {
        hasBegun = true
        guard let form = InputForm(beginning) else { return }
        isRefused = true
        let excerpt = beginning.extracting(..<min(beginning.count, Self.detectionBytes))
        try findings.reject(form.detail, content: MeterLine.bytes(of: excerpt))
    }

    private mutating func decideFormat() throws {
        format = InputDocument.kind(of: beginning.span) == .unknown ? .lines : .event
        let text = beginning
        beginning = []
        try readText(text.span)
    }
}

/// Input as it is, or what one decompression gave.
private final class InputLayer {
    /// The first bytes, until there are enough of them to tell whether they are compressed.
    var firstBytes: [UInt8]? = []
    var inflate: InflateStream?
}
