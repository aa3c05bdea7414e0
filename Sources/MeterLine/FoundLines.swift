import Meter

/// How findings are written as lines.
package struct LineFormat: Sendable {
    /// Whether each record says which log event it comes from.
    package var provenance: Bool
    /// Whether each record has a line in a manifest that says so.
    package var manifest: Bool
    /// Whether it is kept where the lines of each record and reject end and which log event it comes from.
    package var entries: Bool
    /// Whether rejects have lines.
    package var rejects: Bool

    /// Whether something is written or kept of the log event that a record comes from.
    var tellsEvents: Bool { provenance || manifest || entries }

    /// Makes a format.
    package init(provenance: Bool, manifest: Bool = false, entries: Bool = false, rejects: Bool = true) {
        self.provenance = provenance
        self.manifest = manifest
        self.entries = entries
        self.rejects = rejects
    }
}

/// Findings as the lines that are stored or written.
package struct FoundLines: Sendable {
    /// Which log event a record comes from, and where its lines end.
    package struct Entry: Sendable {
        /// The log event.
        package var origin: EventOrigin
        /// The place among the values of its message.
        package var ordinal: Int
        var recordEnd: Int
        var manifestEnd: Int
    }

    /// Which log event a reject comes from, and where its line ends.
    package struct RejectEntry: Sendable {
        /// The log event; nil for what came from none.
        package var origin: EventOrigin?
        var end: Int
    }

    /// One line for each record.
    package private(set) var records: [UInt8] = []
    /// How many records there are.
    package private(set) var recordCount = 0
    /// One line for each record where the records do not tell their log events.
    package private(set) var manifest: [UInt8] = []
    /// One line for each reject.
    package private(set) var rejects: [UInt8] = []
    /// How many rejects there are.
    package private(set) var rejectCount = 0
    /// One for each record where records are cut out or may be refused.
    package private(set) var entries: [Entry] = []
    /// One for each reject, where entries are kept.
    package private(set) var rejectEntries: [RejectEntry] = []
    /// Whether there was a reject that was too large.
    package private(set) var hasTooLarge = false
    /// Beyond this size nothing more is taken, until it is emptied.
    package var limit = Int.max

    /// How they are written.
    package let format: LineFormat

    /// Starts without a line.
    package init(_ format: LineFormat) {
        self.format = format
    }

    /// The size of the lines.
    package var bytes: Int { records.count + manifest.count + rejects.count }

    /// How many records and rejects there are.
    package var count: Int { recordCount + rejectCount }

    /// Takes one finding.
    package mutating func append(_ finding: Finding) {
        switch finding {
        case .record(let found): found.withPlaces { append($0, of: $1, $2, from: found.origin) }
        case .reject(let reject):
            if bytes > limit { return }
            if reject.reason == .tooLarge { hasTooLarge = true }
            if format.rejects { NDJSON.append(reject, to: &rejects) }
            rejectCount += 1
            if format.entries { rejectEntries.append(RejectEntry(origin: reject.source.event, end: rejects.count)) }
        }
    }

    /// Takes a record that is places in a text.
    ///
    /// - Parameter origin: the log event; nil when the record was read the quick way, and it is as `event` and `names` say.
    mutating func append(
        _ record: borrowing QuickRecord, of event: QuickEvent, _ names: EventNames, from origin: EventOrigin? = nil
    ) {
        if bytes > limit { return }
        RecordLine.append(record, of: event, names, provenance: format.provenance, to: &records)
        if format.manifest { RecordLine.appendManifest(record, of: event, names, to: &manifest) }
        recordCount += 1
        guard format.entries else { return }
        entries.append(
            Entry(
                origin: origin ?? event.origin(names), ordinal: event.ordinal, recordEnd: records.count,
                manifestEnd: manifest.count))
    }

    /// Empties it; the memory for records stays, since there will be more.
    package mutating func removeAll() {
        records.removeAll(keepingCapacity: true)
        manifest.removeAll(keepingCapacity: true)
        entries.removeAll(keepingCapacity: true)
        rejectEntries = []
        rejects = []
        (recordCount, rejectCount) = (0, 0)
    }

    /// Some of the records and rejects, where entries are kept.
    package func part(records range: Range<Int>, rejects rejectRange: Range<Int>) -> FoundLines {
        var part = FoundLines(format)
        let start = entries[..<range.lowerBound].last
        part.records = recordText(range)
        part.manifest = manifestText(range)
        part.recordCount = range.count
        part.entries = entries[range].map { entry in
            var entry = entry
            entry.recordEnd -= start?.recordEnd ?? 0
            entry.manifestEnd -= start?.manifestEnd ?? 0
            return entry
        }
        let rejectStart = rejectEntries[..<rejectRange.lowerBound].last?.end ?? 0
        part.rejectEntries = rejectEntries[rejectRange].map { entry in
            RejectEntry(origin: entry.origin, end: entry.end - rejectStart)
        }
        part.rejects = Array(rejects[rejectStart..<(rejectStart + (part.rejectEntries.last?.end ?? 0))])
        part.rejectCount = rejectRange.count
        part.hasTooLarge = hasTooLarge
        return part
    }

    /// The lines of some records.
    package func recordText(_ range: Range<Int>) -> [UInt8] {
        text(records, range, \.recordEnd)
    }

    /// The lines of some records' manifest.
    package func manifestText(_ range: Range<Int>) -> [UInt8] {
        text(manifest, range, \.manifestEnd)
    }

    private func text(_ all: [UInt8], _ range: Range<Int>, _ end: KeyPath<Entry, Int>) -> [UInt8] {
        if range == 0..<recordCount { return all }
        if range.isEmpty { return [] }
        let start = range.lowerBound == 0 ? 0 : entries[range.lowerBound - 1][keyPath: end]
        return Array(all[start..<entries[range.upperBound - 1][keyPath: end]])
    }
}
