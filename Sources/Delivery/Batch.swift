import MeterLine

/// What is delivered together: all records and rejects of some consecutive Kinesis records, or of one direct event.
public struct Batch: Sendable {
    /// The records, in parts of as many as the sink takes at once.
    public var records: [Part] = []
    /// For each part of `records`, where its lines come from; empty when the sink never refuses single records.
    public var origins: [[RecordOrigin]] = []
    /// The rejects, if any.
    public var rejects: Part?
    /// For each part of `records`, the log events of its records, line by line; empty when the records tell them.
    public var manifests: [Part] = []
    /// What the positions are unique in.
    public var scope: [String]
    /// For each Kinesis record, in order, what must be durable before it is acknowledged.
    public var sources: [Source] = []

    /// What came of one Kinesis record.
    public struct Source: Sendable {
        /// How many records the batch holds up to here, those of this source included.
        var recordsEnd: Int
        /// Whether it gave a reject.
        var hasRejects: Bool
    }

    /// The log event of a record, for the case that the sink refuses it.
    public struct RecordOrigin: Sendable {
        var origin: EventOrigin
        var ordinal: Int
        var position: Position
    }
}

/// How batches are made for a sink.
public struct BatchFormat: Sendable {
    /// Whether each record says which log event it comes from; where it does not, a manifest does.
    public var provenance: Bool
    /// The most records of a part; nil for any number.
    public var maximumRecords: Int?
    /// Whether the parts of records are neither compressed nor named.
    var isPlain: Bool

    /// What a sink asks for.
    init(provenance: Bool, of sink: any RecordSink) {
        self.provenance = provenance
        maximumRecords = sink.maximumRecords
        isPlain = sink.takesPlainLines
    }

    /// How findings are written for it.
    var lines: LineFormat {
        LineFormat(provenance: provenance, manifest: !provenance, entries: maximumRecords != nil)
    }
}

/// Collects the findings of a batch.
struct BatchBuilder: ~Copyable {
    /// A batch of this size is closed before the next Kinesis record: so that a part is seldom larger than what is
    /// compressed as a whole, `GzipWriter.bufferBytes`.
    static let closingBytes = 6 << 20
    /// Lines are handed on to compression in pieces of about this size.
    private static let flushBytes = 256 << 10

    private let format: BatchFormat
    private let scope: [String]
    private var batch: Batch
    private var records: PartBuilder
    private var rejects: PartBuilder
    private var manifest: PartBuilder
    private var partOrigins: [Batch.RecordOrigin] = []
    private var recordCount = 0
    /// Whether the current source gave a reject.
    private var hasRejects = false

    /// Lines that are not yet in their part, and where they come from.
    private var pending: FoundLines
    private var position: Position?

    /// - Parameter scope: what the positions are unique in.
    init(format: BatchFormat, scope: [String]) {
        self.format = format
        self.scope = scope
        pending = FoundLines(format.lines)
        batch = Batch(scope: scope)
        records = PartBuilder(.records, scope: scope, isPlain: format.isPlain)
        rejects = PartBuilder(.rejects, scope: scope)
        manifest = PartBuilder(.manifest, scope: scope)
    }

    /// The size of the records and rejects from the sources that have ended.
    var uncompressedBytes: Int { records.uncompressedBytes + rejects.uncompressedBytes }

    /// Takes one finding.
    mutating func append(_ finding: Finding, at position: Position) {
        move(to: position)
        pending.append(finding)
        if pending.bytes >= Self.flushBytes { flush() }
    }

    /// Says from where the next lines come.
    mutating func move(to position: Position) {
        // Lines of several positions are never in one piece.
        if self.position?.name != position.name { flush() }
        self.position = position
    }

    /// Lends its lines to `body`, which adds some, and the function that is to be called whenever there are more.
    mutating func fill<Result>(
        _ body: (inout FoundLines, _ whenGrown: (inout FoundLines) -> Void) -> Result
    ) -> Result {
        guard let position else { preconditionFailure("lines have a position") }
        var lines = FoundLines(format.lines)
        swap(&lines, &pending)
        defer { swap(&lines, &pending) }
        return body(&lines) { grown in
            guard grown.bytes >= Self.flushBytes else { return }
            append(grown, at: position)
            grown.removeAll()
        }
    }

    /// Takes the lines of findings.
    ///
    /// - Parameter position: where all of them come from; nil for where their entries say.
    mutating func append(_ lines: FoundLines, at position: Position?) {
        let positions = position.map { [$0] } ?? lines.rejectEntries.map { Position($0.origin) }
        rejects.append(lines.rejects, lines: lines.rejectCount, at: positions)
        hasRejects = hasRejects || lines.rejectCount > 0
        recordCount += lines.recordCount
        var taken = 0
        while let maximum = format.maximumRecords, records.lines + lines.recordCount - taken >= maximum {
            let end = taken + maximum - records.lines
            append(lines, taken..<end, at: position)
            closePart()
            taken = end
        }
        append(lines, taken..<lines.recordCount, at: position)
    }

    private mutating func append(_ lines: FoundLines, _ range: Range<Int>, at position: Position?) {
        guard !range.isEmpty else { return }
        let positions = position.map { [$0] } ?? lines.entries[range].map { Position($0.origin) }
        records.append(lines.recordText(range), lines: range.count, at: positions)
        if !format.provenance { manifest.append(lines.manifestText(range), lines: range.count, at: positions) }
        guard format.maximumRecords != nil else { return }
        for entry in lines.entries[range] {
            partOrigins.append(
                Batch.RecordOrigin(
                    origin: entry.origin, ordinal: entry.ordinal, position: position ?? Position(entry.origin)))
        }
    }

    /// Ends what comes from one Kinesis record, also when nothing came of it.
    mutating func endSource() {
        flush()
        batch.sources.append(Batch.Source(recordsEnd: recordCount, hasRejects: hasRejects))
        hasRejects = false
    }

    private mutating func flush() {
        guard let position else { return }
        append(pending, at: position)
        pending.removeAll()
    }

    private mutating func closePart() {
        var closedRecords = PartBuilder(.records, scope: scope, isPlain: format.isPlain)
        var closedManifest = PartBuilder(.manifest, scope: scope)
        swap(&closedRecords, &records)
        swap(&closedManifest, &manifest)
        batch.append(closedRecords.finish(), partOrigins, closedManifest.finish())
        partOrigins = []
    }

    /// The finished batch.
    consuming func finish() -> Batch {
        flush()
        var finished = batch
        finished.append(records.finish(), partOrigins, manifest.finish())
        finished.rejects = rejects.finish()
        return finished
    }
}

extension Batch {
    fileprivate mutating func append(_ part: Part?, _ origins: [RecordOrigin], _ manifest: Part?) {
        guard let part else { return }
        records.append(part)
        self.origins.append(origins)
        if let manifest { manifests.append(manifest) }
    }
}
