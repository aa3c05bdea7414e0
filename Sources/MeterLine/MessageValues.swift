import Meter

/// A tag in a message, and what follows it.
struct Tagged {
    var tag: String
    var range: Range<Int>
    /// The escape level on which the tag stands.
    var level: Int
    var value: TaggedValue

    /// The text behind the tag, on its level, from the value on and up to a position in the message.
    ///
    /// `isWhole` is false when something in it cannot be on that level.
    func valueText(_ message: Span<UInt8>, upTo end: Int) -> (bytes: [UInt8], isWhole: Bool) {
        guard range.upperBound < end else { return ([], true) }
        let behind = message.extracting(range.upperBound..<end)
        guard level > 0 else { return (bytes(of: behind.extracting(min(value.start, behind.count)...)), true) }
        let text = UnescapedText(behind, from: 0, level: level, prefix: behind.count)
        return (Array(text.text.dropFirst(value.start)), text.isWhole)
    }
}

/// The values of one message in their order, until it is known which of them are copies.
struct MessageValues {
    /// What was found behind a tag.
    struct Item {
        enum Content {
            case record(FoundRecord)
            case reject(Rejection)
        }

        var content: Content
        var ordinal: Int
        var sequence: ProducerSequence?
        /// Which of `tags` it stands behind.
        var tag: Int
    }

    let origin: EventOrigin
    /// Of the object whose values are taken.
    var sequence: ProducerSequence?
    /// The tag whose values are taken.
    var tagged: Tagged? { didSet { hasTag = false } }
    /// Whether that is the last of `tags`.
    private var hasTag = false
    /// The tags that have values.
    private var tags: [Tagged] = []
    private var items: [Item] = []
    private var mentions = 0
    /// The first tag without a value.
    private var mentioned: Tagged?

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
        if mentioned == nil { mentioned = tagged }
        mentions += 1
    }

    mutating func append(_ content: RecordContent) {
        guard hasRoom() else { return }
        let ordinal = items.count
        let record = Record(
            uniqueId: content.ownId ?? Identity.uniqueId(of: origin, ordinal: ordinal),
            meterApiName: content.meterApiName, meterValue: content.meterValue,
            meterTimeInMillis: content.meterTimeInMillis, customerId: content.customerId,
            dimensions: content.dimensions)
        let found = FoundRecord(
            record: record, origin: origin, ordinal: ordinal, timeDerived: content.timeDerived,
            idDerived: content.ownId == nil, sequence: sequence)
        append(.record(found))
        recordBytes += content.dimensions.reduce(512) { $0 + $1.name.utf8.count + $1.value.utf8.count }
    }

    mutating func reject(_ rejection: Rejection) {
        guard hasRoom() else { return }
        append(.reject(rejection))
        rejects += 1
    }

    private mutating func append(_ content: Item.Content) {
        if !hasTag, let tagged {
            tags.append(tagged)
            hasTag = true
        }
        items.append(Item(content: content, ordinal: items.count, sequence: sequence, tag: tags.count - 1))
    }

    /// Whether one more value is read; the first that is not becomes the reject that stands for the rest.
    private mutating func hasRoom() -> Bool {
        guard !isFull else { return false }
        let limit: String
        if items.count == LineReader.maximumValues {
            limit = "\(LineReader.maximumValues) values"
        } else if rejects == Self.maximumRejects {
            limit = "\(Self.maximumRejects) rejects"
        } else if recordBytes >= Self.maximumRecordBytes {
            limit = "\(Self.maximumRecordBytes >> 20) MiB of records"
        } else {
            return true
        }
        append(.reject(Rejection(.tooLarge, "more than \(limit) in one message; the rest of it is not read")))
        isFull = true
        return false
    }

    /// The findings without the copies that a logger made of them in one message.
    mutating func finish(_ message: Span<UInt8>, accounting: inout Accounting) -> [Finding] {
        accounting.mentions += mentions
        if items.isEmpty { lookForRecordNotBehindTag(message) }
        if items.isEmpty { return [] }
        accounting.tagged += 1
        if tags.count > 1 {
            let copies = MessageCopies(of: items, behind: tags, in: message)
            accounting.repeatedInMessage += copies.repeated.count
            accounting.unreadableCopies += copies.unreadable.count
            items.removeAll { copies.repeated.contains($0.ordinal) || copies.unreadable.contains($0.ordinal) }
        }
        var contents = RejectContents()
        return items.map { item in
            switch item.content {
            case .record(let found):
                accounting.records += 1
                return .record(found)
            case .reject(let rejection):
                accounting.rejects[rejection.reason, default: 0] += 1
                return .reject(reject(rejection, item, contents.next(message, from: tags[item.tag].range.lowerBound)))
            }
        }
    }

    private func reject(_ rejection: Rejection, _ item: Item, _ content: [UInt8]) -> Reject {
        Reject(
            reason: rejection.reason, detail: rejection.detail, tag: tags[item.tag].tag, ordinal: item.ordinal,
            source: .event(origin), timestamp: origin.timestamp, content: content, sequence: item.sequence)
    }

    /// A tag that is only mentioned may be meant for a record that stands elsewhere.
    private mutating func lookForRecordNotBehindTag(_ message: Span<UInt8>) {
        guard let mentioned, MessageStructure.holdsRecord(message) else { return }
        tagged = mentioned
        reject(
            Rejection(
                .recordNotBehindTag,
                "the message names the tag, and a record that does not follow it: write \(mentioned.tag): {…}"))
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
