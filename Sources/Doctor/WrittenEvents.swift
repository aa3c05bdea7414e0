package import FilterPattern
public import Meter
package import MeterLine

/// What a log group's recent events hold: figures alone, never a message.
public struct WrittenEvents: Sendable, Hashable {
    /// Log events that were read: those with a tag or a meter's name, and where there are none the latest.
    public var events = 0
    /// Whether there was any log event at all; nil where that was not found out.
    public var receives: Bool?
    /// Whether everything of the time was read, and not only the latest.
    public var isComplete = true
    /// Records under a tag that the agent knows.
    public var records = 0
    /// Rejects under a tag that the agent knows, by reason.
    public var rejects: [RejectReason: Int] = [:]
    /// Records and rejects that no filter of ours hands on.
    public var leftOut = 0
    /// Records under tags that the agent does not know, by tag.
    public var otherTags: [String: Int] = [:]
    /// Records and rejects that the filters' patterns take only if terms are found within longer words.
    public var unsure = 0
    /// Log events without a tag that look like records that were meant, by what is wrong with them.
    public var nearMisses: [NearMiss: Int] = [:]
    /// One log event of each kind of near miss.
    public var nearMissPlaces: [NearMiss: EventPlace] = [:]
    /// How the tags are spelt in near misses, the first few.
    public var spellings: [String] = []
    /// Records and rejects with a run of asterisks in them, as data protection leaves it.
    public var masked = 0
    /// Records with a uniqueId of their own and without a time of their own.
    public var ownIdWithoutTime = 0
    /// Records whose time lies after their log event's.
    public var early = 0
    /// Records whose time lies long before their log event's.
    public var late = 0
    /// Records that name two customers.
    public var conflictingCustomer = 0

    /// Nothing was read yet.
    public init() {}

    /// Records and rejects under a tag that the agent knows.
    public var found: Int { records + rejected }
    /// All rejects.
    public var rejected: Int { rejects.values.reduce(0, +) }
    /// Whether any log event carries a tag with a value.
    public var isTagged: Bool { found > 0 || !otherTags.isEmpty }
}

/// Reads log events the way the agent does, and beside it asks whether our filters would have handed them on.
package struct WrittenReader: Sendable {
    /// From here on a record's time is earlier than its log event allows: clocks of one system are not an hour apart.
    package static let mostMillisecondsEarly: Int64 = 3_600_000
    /// From here on a record belongs to a month that is billed.
    package static let mostMillisecondsLate: Int64 = 31 * 86_400_000
    /// So many spellings are told.
    private static let mostSpellings = 3

    /// Reads as the agent does.
    package let lineReader: LineReader
    private let others: [(tag: String, reader: LineReader)]
    private let patterns: [FilterPattern]?
    private let nearMisses: NearMissFinder
    private let tags: [String]

    /// Makes a reader.
    ///
    /// - Parameters:
    ///   - tags: the tags that the agent knows.
    ///   - otherTags: those that records may stand under all the same.
    ///   - patterns: what our filters on the log group hand on; nil where there are none, or one cannot be read.
    package init(
        tags: [String], otherTags: [String], allowMissingCustomer: Bool, patterns: [FilterPattern]?
    ) throws(InvalidTag) {
        lineReader = try LineReader(tags: tags, allowMissingCustomer: allowMissingCustomer)
        var others: [(tag: String, reader: LineReader)] = []
        for tag in otherTags where !tags.contains(tag) {
            others.append((tag, try LineReader(tags: [tag], allowMissingCustomer: allowMissingCustomer)))
        }
        self.others = others
        self.patterns = patterns
        self.tags = tags
        nearMisses = NearMissFinder(tags: tags + otherTags)
    }

    /// Adds what one log event holds.
    ///
    /// - Returns: the tags under which the agent finds something in it, where the filters' patterns take it; else none.
    @discardableResult
    package func read(_ message: [UInt8], of origin: EventOrigin, into written: inout WrittenEvents) -> [String] {
        written.events += 1
        var accounting = Accounting()
        let findings = lineReader.read(message.span, of: origin, accounting: &accounting)
        written.records += accounting.records
        written.rejects.merge(accounting.rejects, uniquingKeysWith: +)
        written.conflictingCustomer += accounting.conflictingCustomer
        for finding in findings { add(finding, to: &written) }
        let isOther = readOtherTags(message, of: origin, into: &written)
        guard accounting.found > 0 else {
            if accounting.mentions == 0, !isOther { readNearMiss(message, of: origin, into: &written) }
            return []
        }
        let text = String(decoding: message, as: UTF8.self)
        if let patterns {
            guard patterns.contains(where: { $0.matches(text) }) else {
                written.leftOut += accounting.found
                return []
            }
            if !patterns.contains(where: { $0.matchesWholeWords(text) }) { written.unsure += accounting.found }
        }
        return tags.filter { text.contains($0) }
    }

    private func readNearMiss(_ message: [UInt8], of origin: EventOrigin, into written: inout WrittenEvents) {
        guard let (kind, spelling) = nearMisses.find(in: message) else { return }
        written.nearMisses[kind, default: 0] += 1
        if written.nearMissPlaces[kind] == nil {
            written.nearMissPlaces[kind] = EventPlace(id: origin.eventId, timestamp: origin.timestamp ?? 0)
        }
        if let spelling, !written.spellings.contains(spelling), written.spellings.count < Self.mostSpellings {
            written.spellings.append(spelling)
        }
    }

    private func readOtherTags(
        _ message: [UInt8], of origin: EventOrigin, into written: inout WrittenEvents
    ) -> Bool {
        var isOther = false
        for (tag, reader) in others {
            var accounting = Accounting()
            _ = reader.read(message.span, of: origin, accounting: &accounting)
            guard accounting.records > 0 else { continue }
            written.otherTags[tag, default: 0] += accounting.records
            isOther = true
        }
        return isOther
    }

    private func add(_ finding: MeterLine.Finding, to written: inout WrittenEvents) {
        switch finding {
        case .reject(let reject):
            if isMasked(String(decoding: reject.content, as: UTF8.self)) { written.masked += 1 }
        case .record(let found):
            let record = found.record
            let texts =
                [record.customerId ?? "", record.meterApiName, record.uniqueId] + record.dimensions.map(\.value)
            if texts.contains(where: isMasked) { written.masked += 1 }
            addTimes(found, to: &written)
        }
    }

    private func addTimes(_ found: FoundRecord, to written: inout WrittenEvents) {
        let record = found.record
        if found.timeDerived {
            let given = Identity.uniqueId(of: found.origin, ordinal: found.ordinal)
            if record.uniqueId != given { written.ownIdWithoutTime += 1 }
        } else if let logged = found.origin.timestamp {
            let ahead = record.meterTimeInMillis - logged
            if ahead > Self.mostMillisecondsEarly { written.early += 1 }
            if ahead < -Self.mostMillisecondsLate { written.late += 1 }
        }
    }

    /// Data protection puts asterisks in the place of what it masks.
    private func isMasked(_ text: String) -> Bool { text.contains("***") }
}
