import Meter

/// Where a tag and its value stand in a message.
struct TagPlace {
    var tag: String
    var range: Range<Int>
    /// The escape level on which the tag stands.
    var level: Int
    /// Where the value begins: so many bytes behind the tag, in a text on the tag's level.
    var valueStart: Int
    /// Where the value ends.
    var end: Int

    /// The text behind the tag, on its level, from the value on and up to a position in the message.
    ///
    /// `isWhole` is false when something in it cannot be on that level.
    func valueText(_ message: Span<UInt8>, upTo end: Int) -> (bytes: [UInt8], isWhole: Bool) {
        guard range.upperBound < end else { return ([], true) }
        let behind = message.extracting(range.upperBound..<end)
        guard level > 0 else { return (bytes(of: behind.extracting(min(valueStart, behind.count)...)), true) }
        let text = UnescapedText(behind, from: 0, level: level, prefix: behind.count)
        return (Array(text.text.dropFirst(valueStart)), text.isWhole)
    }
}

/// The values of one message in their order, until it is known which of them are copies.
struct MessageValues {
    let origin: EventOrigin
    /// Of the object whose values are taken.
    var sequence: ProducerSequence?
    /// The tag whose values are taken.
    var place = TagPlace(tag: "", range: 0..<0, level: 0, valueStart: 0, end: 0) { didSet { hasPlace = false } }
    /// Whether that is the last of `places`.
    private var hasPlace = false
    /// The tags that have values.
    private var places: [TagPlace] = []
    /// The values; rejects hold nothing of the message yet.
    private var findings: [Finding] = []
    /// Behind which of the tags each of them stands.
    private var tags: [Int] = []
    private var mentions = 0
    /// The first tag without a value.
    private var mentioned: TagPlace?

    /// How many bytes of records come out of one message; `values` with long dimensions would multiply them.
    private static let maximumRecordBytes = 16 << 20
    /// How many rejects come out of one message.
    private static let maximumRejects = 100

    private var recordBytes = 0
    private var rejects = 0
    /// Whether there was more in the message than is read.
    private(set) var isFull = false

    init(origin: EventOrigin) {
        self.origin = origin
    }

    /// Takes a tag without a value.
    mutating func mention() {
        if mentioned == nil { mentioned = place }
        mentions += 1
    }

    mutating func append(_ content: RecordContent) {
        guard hasRoom() else { return }
        let ordinal = findings.count
        let record = Record(
            uniqueId: content.ownId ?? Identity.uniqueId(of: origin, ordinal: ordinal),
            meterApiName: content.meterApiName, meterValue: content.meterValue,
            meterTimeInMillis: content.meterTimeInMillis, customerId: content.customerId,
            dimensions: content.dimensions)
        append(
            .record(
                FoundRecord(
                    record: record, origin: origin, ordinal: ordinal, timeDerived: content.timeDerived,
                    idDerived: content.ownId == nil, sequence: sequence)))
        recordBytes += content.dimensions.reduce(512) { $0 + $1.name.utf8.count + $1.value.utf8.count }
    }

    mutating func reject(_ rejection: Rejection) {
        if hasRoom() { keep(rejection) }
    }

    private mutating func keep(_ rejection: Rejection) {
        append(
            .reject(
                Reject(
                    reason: rejection.reason, detail: rejection.detail, tag: place.tag, ordinal: findings.count,
                    source: .event(origin), timestamp: origin.timestamp, content: [], sequence: sequence)))
        rejects += 1
    }

    private mutating func append(_ finding: Finding) {
        if !hasPlace {
            places.append(place)
            hasPlace = true
        }
        findings.append(finding)
        tags.append(places.count - 1)
    }

    /// Whether one more value is read; the first that is not becomes the reject that stands for the rest.
    private mutating func hasRoom() -> Bool {
        guard !isFull else { return false }
        let limit: String
        if findings.count == LineReader.maximumValues {
            limit = "\(LineReader.maximumValues) values"
        } else if rejects == Self.maximumRejects {
            limit = "\(Self.maximumRejects) rejects"
        } else if recordBytes >= Self.maximumRecordBytes {
            limit = "\(Self.maximumRecordBytes >> 20) MiB of records"
        } else {
            return true
        }
        keep(Rejection(.tooLarge, "more than \(limit) in one message; the rest of it is not read"))
        isFull = true
        return false
    }

    /// The findings without the copies that a logger made of them in one message.
    mutating func finish(_ message: Span<UInt8>, accounting: inout Accounting) -> [Finding] {
        accounting.mentions += mentions
        if findings.isEmpty { lookForRecordNotBehindTag(message) }
        if findings.isEmpty { return [] }
        accounting.tagged += 1
        if places.count > 1 { leaveOutCopies(message, &accounting) }
        accounting.records += findings.count
        if rejects > 0 { fillRejects(message, &accounting) }
        return findings
    }

    private mutating func leaveOutCopies(_ message: Span<UInt8>, _ accounting: inout Accounting) {
        let copies = MessageCopies(of: findings, behind: tags, places, in: message)
        guard !copies.repeated.isEmpty || !copies.unreadable.isEmpty else { return }
        accounting.repeatedInMessage += copies.repeated.count
        accounting.unreadableCopies += copies.unreadable.count
        let kept = findings.indices.filter { !copies.repeated.contains($0) && !copies.unreadable.contains($0) }
        (findings, tags) = (kept.map { findings[$0] }, kept.map { tags[$0] })
    }

    /// Counts each reject, and gives it what it holds of the message.
    private mutating func fillRejects(_ message: Span<UInt8>, _ accounting: inout Accounting) {
        var contents = RejectContents()
        for index in findings.indices {
            guard case .reject(var reject) = findings[index] else { continue }
            reject.content = contents.next(message, from: places[tags[index]].range.lowerBound)
            findings[index] = .reject(reject)
            accounting.records -= 1
            accounting.rejects[reject.reason, default: 0] += 1
        }
    }

    /// A tag that is only mentioned may be meant for a record that stands elsewhere.
    private mutating func lookForRecordNotBehindTag(_ message: Span<UInt8>) {
        guard let mentioned, MessageStructure.holdsRecord(message) else { return }
        place = mentioned
        reject(
            Rejection(
                .recordNotBehindTag,
                "the message names the tag, but its record doesn't follow the tag: write \(mentioned.tag): {…}"))
    }
}

/// What rejects hold of their message: all of it, until that would multiply it too often.
private struct RejectContents {
    /// As long as the rejects of a message hold less than this, each holds the whole message.
    private static let wholeMessagesBytes = 64 << 10
    /// What further rejects hold: so much of the message, from the tag on.
    private static let excerptBytes = 256

    private var bytes: Int?

    /// What the next reject holds.
    mutating func next(_ message: Span<UInt8>, from tag: Int) -> [UInt8] {
        let isWhole = bytes.map { $0 + message.count <= Self.wholeMessagesBytes } ?? true
        let kept = isWhole ? 0..<message.count : tag..<min(message.count, tag + Self.excerptBytes)
        bytes = (bytes ?? 0) + kept.count
        return MeterLine.bytes(of: message.extracting(kept))
    }
}
