import MeterLine

/// Findings as the lines that are stored, not yet in a part.
struct FoundLines: Sendable {
    /// Which log event a record comes from, and where its lines end.
    struct Entry: Sendable {
        var origin: EventOrigin
        var ordinal: Int
        var recordEnd: Int
        var manifestEnd: Int
    }

    /// One line for each record.
    private(set) var records: [UInt8] = []
    /// How many records there are.
    private(set) var recordCount = 0
    /// One line for each record where the records do not tell their log events.
    private(set) var manifest: [UInt8] = []
    /// One line for each reject.
    private(set) var rejects: [UInt8] = []
    /// How many rejects there are.
    private(set) var rejectCount = 0
    /// One for each record where the sink limits the records of a part; there records are cut out and may be refused.
    private(set) var entries: [Entry] = []

    /// The size of the lines.
    var bytes: Int { records.count + manifest.count + rejects.count }

    /// Takes one finding.
    mutating func append(_ finding: Finding, _ format: BatchFormat) {
        switch finding {
        case .record(let found):
            NDJSON.append(found, provenance: format.provenance, to: &records)
            if !format.provenance { NDJSON.appendManifest(found, to: &manifest) }
            recordCount += 1
            guard format.maximumRecords != nil else { return }
            entries.append(
                Entry(
                    origin: found.origin, ordinal: found.ordinal, recordEnd: records.count, manifestEnd: manifest.count)
            )
        case .reject(let reject):
            NDJSON.append(reject, to: &rejects)
            rejectCount += 1
        }
    }

    /// Empties it; the memory for records stays, since there will be more.
    mutating func removeAll() {
        records.removeAll(keepingCapacity: true)
        manifest.removeAll(keepingCapacity: true)
        entries.removeAll(keepingCapacity: true)
        rejects = []
        (recordCount, rejectCount) = (0, 0)
    }

    /// The lines of some records.
    func recordText(_ range: Range<Int>) -> [UInt8] {
        text(records, range, \.recordEnd)
    }

    /// The lines of some records' manifest.
    func manifestText(_ range: Range<Int>) -> [UInt8] {
        text(manifest, range, \.manifestEnd)
    }

    private func text(_ all: [UInt8], _ range: Range<Int>, _ end: KeyPath<Entry, Int>) -> [UInt8] {
        if range == 0..<recordCount { return all }
        let start = range.lowerBound == 0 ? 0 : entries[range.lowerBound - 1][keyPath: end]
        return Array(all[start..<entries[range.upperBound - 1][keyPath: end]])
    }
}
