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
}

/// Collects the findings of a batch.
struct BatchBuilder: ~Copyable {
    /// A batch of this size is closed before the next Kinesis record.
    static let closingBytes = 8 << 20
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

    /// Lines that are not yet in their part.
    private var recordLines: (text: [UInt8], count: Int) = ([], 0)
    private var manifestLines: (text: [UInt8], count: Int) = ([], 0)

    /// - Parameter scope: what the positions are unique in.
    init(format: BatchFormat, scope: [String]) {
        self.format = format
        self.scope = scope
        batch = Batch(scope: scope)
        records = PartBuilder(.records, scope: scope)
        rejects = PartBuilder(.rejects, scope: scope)
        manifest = PartBuilder(.manifest, scope: scope)
    }

    /// Roughly how many bytes of lines there are.
    var uncompressedBytes: Int {
        records.uncompressedBytes + rejects.uncompressedBytes + recordLines.text.count
    }

    /// Takes one finding.
    mutating func append(_ finding: Finding, at position: Position) {
        switch finding {
        case .record(let found): append(found, at: position)
        case .reject(let reject):
            var line: [UInt8] = []
            NDJSON.append(reject, to: &line)
            rejects.append(line, lines: 1, at: position)
            hasRejects = true
        }
    }

    private mutating func append(_ found: FoundRecord, at position: Position) {
        NDJSON.append(found, provenance: format.provenance, to: &recordLines.text)
        recordLines.count += 1
        recordCount += 1
        if !format.provenance {
            NDJSON.appendManifest(found, to: &manifestLines.text)
            manifestLines.count += 1
        }
        if let maximum = format.maximumRecords {
            partOrigins.append(Batch.RecordOrigin(origin: found.origin, ordinal: found.ordinal, position: position))
            if records.lines + recordLines.count >= maximum { closePart(at: position) }
        }
        if recordLines.text.count >= Self.flushBytes { flush(at: position) }
    }

    /// Ends what comes from one Kinesis record, also when nothing came of it.
    mutating func endSource(_ position: Position) {
        flush(at: position)
        batch.sources.append(Batch.Source(recordsEnd: recordCount, hasRejects: hasRejects))
        hasRejects = false
    }

    private mutating func flush(at position: Position) {
        records.append(recordLines.text, lines: recordLines.count, at: position)
        recordLines.text.removeAll(keepingCapacity: true)
        recordLines.count = 0
        manifest.append(manifestLines.text, lines: manifestLines.count, at: position)
        manifestLines.text.removeAll(keepingCapacity: true)
        manifestLines.count = 0
    }

    private mutating func closePart(at position: Position) {
        flush(at: position)
        var closedRecords = PartBuilder(.records, scope: scope)
        var closedManifest = PartBuilder(.manifest, scope: scope)
        swap(&closedRecords, &records)
        swap(&closedManifest, &manifest)
        batch.append(closedRecords.finish(), partOrigins, closedManifest.finish())
        partOrigins = []
    }

    /// The finished batch.
    consuming func finish() -> Batch {
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
