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
        while !values.isFull, let (place, content) = next(message, &position, &reader) {
            values.place = place
            switch content {
            case .mention: values.mention()
            case .unreadable(let rejection), .notARecord(let rejection): values.reject(rejection)
            case .records(let records): read(records, message, into: &values, accounting: &accounting)
            }
        }
        return values.finish(message, accounting: &accounting)
    }

    /// The next tag that is a word of its own, and what follows it; the position moves behind what was read.
    private func next(
        _ message: Span<UInt8>, _ position: inout Int, _ reader: inout TaggedValueReader
    ) -> (TagPlace, TaggedValue.Content)? {
        while let hit = scanner.next(message, from: position) {
            position = hit.range.upperBound
            let (level, isCertain) = reader.level(message, behind: position)
            let wordLevel = isCertain ? level : EscapeLevel.maximum
            guard EscapeLevel.endsWord(message, before: hit.range.lowerBound, level: wordLevel) else { continue }
            let value = reader.read(message, behind: position, level: level)
            position = value.end
            let place = TagPlace(
                tag: scanner.tags[hit.tag], range: hit.range, level: level, valueStart: value.start, end: value.end)
            return (place, value.content)
        }
        return nil
    }

    /// Where tags and their values stand in a message, to show them.
    package func places(in message: Span<UInt8>) -> [LinePlace] {
        var places: [LinePlace] = []
        var reader = TaggedValueReader()
        var position = 0
        while places.count < Self.maximumValues, let (place, content) = next(message, &position, &reader) {
            let kind: LinePlace.Kind =
                switch content {
                case .mention: .mention
                case .unreadable: .unreadable
                case .notARecord, .records: .value
                }
            places.append(LinePlace(kind: kind, tag: place.range, end: position))
        }
        return places
    }

    private func read(
        _ records: TaggedRecords, _ message: Span<UInt8>, into values: inout MessageValues,
        accounting: inout Accounting
    ) {
        for element in records.elements where !values.isFull {
            guard let fields = element else {
                values.reject(Rejection(.notARecord, "an element of the array is no object"))
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
                case .success(let content): values.append(content)
                case .failure(let rejection): values.reject(rejection)
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

/// Appends the bytes of a span.
func append(_ span: Span<UInt8>, to output: inout [UInt8]) {
    unsafe span.withUnsafeBufferPointer { unsafe output.append(contentsOf: $0) }
}

/// A copy of the bytes of a span.
package func bytes(of span: Span<UInt8>) -> [UInt8] {
    unsafe span.withUnsafeBufferPointer { unsafe Array($0) }
}
