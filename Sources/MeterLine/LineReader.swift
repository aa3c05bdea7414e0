import Meter

/// Reads meter records out of the messages of log events, whatever the logger made of them.
///
/// A reader is a value without state: one can serve many tasks. It never throws; what is no valid record comes back as
/// a reject.
public struct LineReader: Sendable {
    /// The tags that mark a meter record when nothing else is configured.
    public static let defaultTags = ["amberflo_meter", "meter_record_for_cw", "meter_record_for_stream"]

    /// How many values of one message are read; the rest of such a message is one reject.
    public static let maximumValues = 10_000

    let scanner: TagScanner
    private let allowMissingCustomer: Bool

    /// Makes a reader.
    ///
    /// - Parameters:
    ///   - tags: the words that mark a record.
    ///   - allowMissingCustomer: whether a record without a customer is valid.
    /// - Throws: `InvalidTag` when a tag is no word of letters, digits, `_`, `-` and `.`, or there is none.
    public init(tags: [String] = defaultTags, allowMissingCustomer: Bool = false) throws(InvalidTag) {
        guard !tags.isEmpty else { throw InvalidTag(tag: "") }
        for tag in tags {
            let isWord = tag.utf8.allSatisfy { isWordByte($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".") }
            guard !tag.isEmpty, isWord else { throw InvalidTag(tag: tag) }
        }
        scanner = TagScanner(tags: tags)
        self.allowMissingCustomer = allowMissingCustomer
    }

    /// The tags of a list that a setting gives: `A,B`, with or without spaces around them.
    public static func tags(separatedByCommas list: String) -> [String] {
        // A space within one stays, so that it is refused.
        list.split(separator: ",").map { $0.split(separator: " ").joined(separator: " ") }
    }

    /// Whether the bytes of a tag stand in a message.
    ///
    /// Only then is there anything to read.
    public func mayHoldTag(_ message: Span<UInt8>) -> Bool {
        scanner.next(message, from: 0) != nil
    }

    /// Reads everything that stands behind tags in one message.
    ///
    /// - Parameters:
    ///   - message: the log event's message; it need be neither complete nor UTF-8.
    ///   - origin: the log event, which gives its records identity and time.
    ///   - accounting: the figures to add to.
    /// - Returns: records and rejects in the order of their ordinals.
    public func read(_ message: Span<UInt8>, of origin: EventOrigin, accounting: inout Accounting) -> [Finding] {
        accounting.events += 1
        var values = MessageValues(origin: origin)
        var reader = TaggedValueReader()
        var position = 0
        while !values.isFull, let (hit, value) = next(message, &position, &reader) {
            values.tag = scanner.tags[hit.tag]
            values.tagPosition = hit.range.lowerBound
            switch value {
            case .mention:
                accounting.mentions += 1
            case .unreadable(let rejection), .notARecord(let rejection, _):
                values.reject(rejection, message)
            case .records(let records, _):
                read(records, message, into: &values, accounting: &accounting)
            }
        }
        return values.finish(accounting: &accounting)
    }

    /// The next tag that is a word of its own, and what follows it; the position moves behind what was read.
    private func next(
        _ message: Span<UInt8>, _ position: inout Int, _ reader: inout TaggedValueReader
    ) -> (TagScanner.Hit, TaggedValue)? {
        while let hit = scanner.next(message, from: position) {
            position = hit.range.upperBound
            let (level, isCertain) = reader.level(message, behind: position)
            let wordLevel = isCertain ? level : EscapeLevel.maximum
            guard EscapeLevel.endsWord(message, before: hit.range.lowerBound, level: wordLevel) else { continue }
            let value = reader.read(message, behind: position, level: level)
            switch value {
            case .mention(let end), .notARecord(_, let end), .records(_, let end): position = end
            case .unreadable: break
            }
            return (hit, value)
        }
        return nil
    }

    /// Where tags and their values stand in a message, to show them.
    package func places(in message: Span<UInt8>) -> [LinePlace] {
        var places: [LinePlace] = []
        var reader = TaggedValueReader()
        var position = 0
        while places.count < Self.maximumValues, let (hit, value) = next(message, &position, &reader) {
            let kind: LinePlace.Kind =
                switch value {
                case .mention: .mention
                case .unreadable: .unreadable
                case .notARecord, .records: .value
                }
            places.append(LinePlace(kind: kind, tag: hit.range, end: position))
        }
        return places
    }

    private func read(
        _ records: TaggedRecords, _ message: Span<UInt8>, into values: inout MessageValues,
        accounting: inout Accounting
    ) {
        for element in records.elements where !values.isFull {
            guard let fields = element else {
                values.reject(Rejection(.notARecord, "an element of the array is no object"), message)
                continue
            }
            let reader = RecordReader(
                fields: fields, eventTimestamp: values.origin.timestamp, allowMissingCustomer: allowMissingCustomer)
            let results: [Result<RecordContent, Rejection>]
            if let text = records.text {
                results = reader.read(text.span)
                values.sequence = Self.sequence(reader, text.span, &accounting)
                if reader.hasConflictingCustomer(text.span) { accounting.conflictingCustomer += 1 }
            } else {
                results = reader.read(message.extracting(records.offset...))
                values.sequence = Self.sequence(reader, message.extracting(records.offset...), &accounting)
                if reader.hasConflictingCustomer(message.extracting(records.offset...)) {
                    accounting.conflictingCustomer += 1
                }
            }
            for name in fields.ignoredKeys { accounting.countIgnored(name) }
            for result in results {
                switch result {
                case .success(let content): values.append(content, level: records.level, message)
                case .failure(let rejection): values.reject(rejection, message)
                }
            }
            values.sequence = nil
        }
    }

    private static func sequence(
        _ reader: RecordReader, _ bytes: Span<UInt8>, _ accounting: inout Accounting
    ) -> ProducerSequence? {
        switch reader.sequence(bytes) {
        case .absent: return nil
        case .valid(let sequence): return sequence
        case .invalid:
            accounting.invalidSequence += 1
            return nil
        }
    }
}

/// Where a tag stands in a message, and how far its value goes.
package struct LinePlace: Sendable, Equatable {
    /// What follows the tag.
    package enum Kind: Sendable {
        /// No value, or null.
        case mention
        /// Something that cannot be read.
        case unreadable
        /// A value, accepted or not.
        case value
    }

    /// What follows the tag.
    package var kind: Kind
    /// The bytes of the tag.
    package var tag: Range<Int>
    /// Where what was read ends.
    package var end: Int
}

/// A word that cannot be a tag.
public struct InvalidTag: Error, CustomStringConvertible {
    /// The word.
    public var tag: String

    /// What is wrong, for people.
    public var description: String {
        tag.isEmpty
            ? "no tag is configured: name at least one"
            : "'\(tag)' cannot be a tag: use letters, digits, '_', '-' and '.' only"
    }
}

/// The values of one message in their order, and the copies among them.
private struct MessageValues {
    let origin: EventOrigin
    var tag = ""
    var tagPosition = 0
    /// Of the object whose values are taken.
    var sequence: ProducerSequence?
    private var count = 0
    private var findings: [Finding] = []
    /// Records without an id of their own: what they say, on which level, and where they stand in `findings`.
    private var unnamed: [(content: RecordContent, level: Int, index: Int)] = []

    /// How many bytes of records come out of one message; `values` with long dimensions would multiply them.
    private static let maximumRecordBytes = 16 << 20
    /// How many rejects come out of one message.
    private static let maximumRejects = 100
    /// As long as the rejects of a message hold less than this, each holds the whole message.
    private static let wholeMessagesBytes = 64 << 10
    /// What further rejects hold: so much of the message, from the tag on.
    private static let excerptBytes = 256

    private var recordBytes = 0
    private var rejects = 0
    private var rejectedBytes = 0
    /// Whether there was more in the message than is read.
    private(set) var isFull = false

    init(origin: EventOrigin) {
        self.origin = origin
    }

    mutating func append(_ content: RecordContent, level: Int, _ message: Span<UInt8>) {
        guard hasRoom(message) else { return }
        if content.ownId == nil { unnamed.append((content, level, findings.count)) }
        let record = Record(
            uniqueId: content.ownId ?? Identity.uniqueId(of: origin, ordinal: count),
            meterApiName: content.meterApiName, meterValue: content.meterValue,
            meterTimeInMillis: content.meterTimeInMillis, customerId: content.customerId,
            dimensions: content.dimensions)
        findings.append(
            .record(
                FoundRecord(
                    record: record, origin: origin, ordinal: count, timeDerived: content.timeDerived,
                    idDerived: content.ownId == nil, sequence: sequence)))
        recordBytes += content.dimensions.reduce(512) { $0 + $1.name.utf8.count + $1.value.utf8.count }
        count += 1
    }

    mutating func reject(_ rejection: Rejection, _ message: Span<UInt8>) {
        if hasRoom(message) { keep(rejection, message) }
    }

    /// Whether one more value is read; the first that is not becomes the reject that stands for the rest.
    private mutating func hasRoom(_ message: Span<UInt8>) -> Bool {
        guard !isFull else { return false }
        let limit: String
        if count == LineReader.maximumValues {
            limit = "\(LineReader.maximumValues) values"
        } else if rejects == Self.maximumRejects {
            limit = "\(Self.maximumRejects) rejects"
        } else if recordBytes >= Self.maximumRecordBytes {
            limit = "\(Self.maximumRecordBytes >> 20) MiB of records"
        } else {
            return true
        }
        keep(Rejection(.tooLarge, "more than \(limit) in one message; the rest of it is not read"), message)
        isFull = true
        return false
    }

    /// Keeps a reject with its message: whole, until the message would be multiplied too often.
    private mutating func keep(_ rejection: Rejection, _ message: Span<UInt8>) {
        let isWhole = rejects == 0 || rejectedBytes + message.count <= Self.wholeMessagesBytes
        let kept =
            isWhole ? 0..<message.count : tagPosition..<min(message.count, tagPosition + Self.excerptBytes)
        rejects += 1
        rejectedBytes += kept.count
        findings.append(
            .reject(
                Reject(
                    reason: rejection.reason, detail: rejection.detail, tag: tag, ordinal: count,
                    source: .event(origin), timestamp: origin.timestamp,
                    content: bytes(of: message.extracting(kept)), sequence: sequence)))
        count += 1
    }

    /// The findings without the copies that a logger made of them on other escape levels.
    mutating func finish(accounting: inout Accounting) -> [Finding] {
        let copies = surplusCopies()
        accounting.repeatedInMessage += copies.count
        if !copies.isEmpty {
            findings = findings.indices.filter { !copies.contains($0) }.map { findings[$0] }
        }
        for finding in findings {
            switch finding {
            case .record: accounting.records += 1
            case .reject(let reject): accounting.rejects[reject.reason, default: 0] += 1
            }
        }
        if !findings.isEmpty { accounting.tagged += 1 }
        return findings
    }

    /// Equal records without an id of their own count as often as they stand on the level that has the most of them;
    /// the first ones are kept.
    private func surplusCopies() -> Set<Int> {
        guard let first = unnamed.first, unnamed.contains(where: { $0.level != first.level }) else { return [] }
        let values = unnamed.map { (content: $0.content.sameness, level: $0.level, index: $0.index) }
        var countsByLevel: [[UInt8]: [Int: Int]] = [:]
        for value in values { countsByLevel[value.content, default: [:]][value.level, default: 0] += 1 }
        var remaining = countsByLevel.mapValues { $0.values.max() ?? 0 }
        var copies: Set<Int> = []
        for value in values {
            if remaining[value.content, default: 0] > 0 {
                remaining[value.content, default: 0] -= 1
            } else {
                copies.insert(value.index)
            }
        }
        return copies
    }
}

/// Appends the bytes of a span.
func append(_ span: Span<UInt8>, to output: inout [UInt8]) {
    unsafe span.withUnsafeBufferPointer { unsafe output.append(contentsOf: $0) }
}

/// A copy of the bytes of a span.
package func bytes(of span: Span<UInt8>) -> [UInt8] {
    unsafe span.withUnsafeBufferPointer { unsafe Array($0) }
}
