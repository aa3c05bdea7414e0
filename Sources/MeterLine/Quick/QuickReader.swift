import Meter

/// Reads the record of a message with one tag, if both are written as nearly all are, right where it stands.
///
/// This is the fast way, and only that: what it reads is what `LineReader` would read, and of everything unusual it
/// keeps its hands off. `QuickReaderTests` and the soak compare the two.
///
/// A record within JSON strings has longer quotation marks (`\"`, `\\\"`, …) and is otherwise written like one in plain
/// text, since what needs no escape looks the same on every level. So nothing is decoded: a record is read on its level,
/// that of an envelope's string around the message included.
struct QuickReader: Sendable {
    /// The message's place in a text.
    struct Message {
        /// The bytes of the message.
        var range: Range<Int>
        /// Whether the message is the content of a JSON string in the text, so that it is escaped once.
        var isEscaped: Bool
        /// The log event's time.
        var timestamp: Int64?
    }

    /// What comes of a message.
    enum Outcome {
        /// It holds no tag, so there is nothing to read.
        case untagged
        /// Its record was read, and it holds nothing else.
        case record
        /// `LineReader` must read it, by all the rules.
        case givenUp
    }

    /// Finds the tag of a message, reads the record behind it, and sees that no second tag follows.
    ///
    /// This is the one place where the quick way gives up. It does so when
    /// - the text is longer than places can tell;
    /// - the tag may not be a word of its own, or no object follows it, but an array or another value;
    /// - the object is not JSON, or a string in it has an escape;
    /// - a field is unknown, null or there twice, under whichever names, or there are more than 16 dimensions;
    /// - the meter, the customer, the value or any time is missing;
    /// - a number has an exponent, or is a zero with a sign;
    /// - the record is to become a reject for what else is wrong with it;
    /// - the message holds a second tag.
    ///
    /// A message that may hide a tag behind escapes must not be given to it.
    ///
    /// - Parameter tags: finds the tags of the text; its messages must come in their order.
    func read(
        _ message: Message, of text: ByteText, _ tags: inout NextTag, _ scanner: TagScanner,
        into record: inout QuickRecord
    ) -> Outcome {
        guard text.count <= QuickRecord.maximumTextBytes else { return .givenUp }
        guard let tag = tags.first(in: message.range, of: text, scanner) else { return .untagged }
        guard let end = read(text, tag: tag.range, of: message, into: &record),
            tags.first(in: end..<message.range.upperBound, of: text, scanner) == nil
        else { return .givenUp }
        return .record
    }

    /// Reads the value behind a tag; where it ends, or nil to give up.
    private func read(_ text: ByteText, tag: Range<Int>, of message: Message, into record: inout QuickRecord) -> Int? {
        guard isWordStart(text, tag.lowerBound, of: message),
            let value = QuickValue(text, behind: tag.upperBound, isEscaped: message.isEscaped)
        else { return nil }
        guard let end = read(text, value, message.timestamp, into: &record) else { return nil }
        guard let outer = value.outer else { return end }
        // The string that holds the record ends right behind it.
        return outer.isAt(end, of: text) ? end + outer.width : nil
    }

    /// Reads a record that is the whole of a line, with the log event that it is from as its last member.
    ///
    /// - Returns: where the log event's parts stand; nil to give up.
    func readStored(_ text: ByteText, _ line: Range<Int>, into record: inout QuickRecord) -> QuickSource? {
        guard text.byte(at: line.lowerBound) == UInt8(ascii: "{"),
            let quote = QuickQuote(text, at: line.lowerBound + 1), quote.width == 1
        else { return nil }
        record.clear()
        let values = QuickValues(text: text, eventTime: nil)
        var object = QuickObject(values, at: line.lowerBound, quote: quote, takesSource: true)
        return object.readByRules(into: &record) == line.upperBound ? object.source : nil
    }

    /// Reads the object of a record: as one of a known shape, else by the rules, and then its shape becomes known.
    @inline(__always)
    private func read(
        _ text: ByteText, _ value: QuickValue, _ eventTime: Int64?, into record: inout QuickRecord
    ) -> Int? {
        let values = QuickValues(text: text, eventTime: eventTime)
        var object = QuickObject(values, at: value.start, quote: value.quote)
        record.clear()
        return object.readKnownShape(into: &record) ?? readByRules(values, value, into: &record)
    }

    /// Reads the object as JSON, member by member.
    @inline(never)
    private func readByRules(_ values: QuickValues, _ value: QuickValue, into record: inout QuickRecord) -> Int? {
        var object = QuickObject(values, at: value.start, quote: value.quote)
        record.clear()
        record.shapes.clear()
        guard let end = object.readByRules(into: &record) else { return nil }
        record.shapes.learn(value.start..<end, of: values.text)
        return end
    }

    /// Whether what stands before a tag certainly ends a word.
    @inline(__always)
    private func isWordStart(_ text: ByteText, _ position: Int, of message: Message) -> Bool {
        guard position > message.range.lowerBound else { return true }
        let byte = text[position - 1]
        if !isWordByte(byte) { return byte != UInt8(ascii: "\\") }
        // A tabulator or a line break of the message, as the string around it has them.
        guard message.isEscaped, position - 2 >= message.range.lowerBound, text[position - 2] == UInt8(ascii: "\\"),
            position - 2 == message.range.lowerBound || text[position - 3] != UInt8(ascii: "\\")
        else { return false }
        return byte == UInt8(ascii: "t") || byte == UInt8(ascii: "n") || byte == UInt8(ascii: "r")
    }
}

/// A quotation mark as it is written on an escape level.
struct QuickQuote: Equatable {
    /// How many bytes it has: 1, 2, 4 or 8.
    let width: Int
    /// Its bytes, the first one lowest, and which bits of a word these are.
    private let bytes: UInt64
    private let mask: UInt64

    /// The bytes of the widest one.
    private static let widest = UInt64(littleEndian: 0x225c_5c5c_5c5c_5c5c)

    /// The quotation mark at a position.
    @inline(__always)
    init?(_ text: ByteText, at position: Int) {
        let word = text.word(at: position)
        if UInt8(truncatingIfNeeded: word) == UInt8(ascii: "\"") {
            self.init(width: 1)
        } else if UInt16(truncatingIfNeeded: word) == UInt16(truncatingIfNeeded: Self.widest &>> 48) {
            self.init(width: 2)
        } else if UInt32(truncatingIfNeeded: word) == UInt32(truncatingIfNeeded: Self.widest &>> 32) {
            self.init(width: 4)
        } else if word == Self.widest {
            self.init(width: 8)
        } else {
            return nil
        }
    }

    @inline(__always)
    private init(width: Int) {
        let others = UInt64(8 * (8 - width))
        self.width = width
        bytes = Self.widest &>> others
        mask = UInt64.max &>> others
    }

    /// The one of the next level; nil when that is too deep.
    var inner: QuickQuote? { width < 8 ? QuickQuote(width: 2 * width) : nil }

    @inline(__always)
    func isAt(_ position: Int, of text: ByteText) -> Bool {
        (text.word(at: position) ^ bytes) & mask == 0
    }
}

/// Where the value behind a tag begins, and on which level its object is written.
private struct QuickValue {
    /// The opening brace.
    var start: Int
    var quote: QuickQuote
    /// The quotation mark of the string that holds the record, if one does.
    var outer: QuickQuote?

    init?(_ text: ByteText, behind end: Int, isEscaped: Bool) {
        var position = end
        let tagQuote = QuickQuote(text, at: position)
        if let tagQuote { position += tagQuote.width }
        position = text.behindSpaces(position)
        let byte = text.byte(at: position)
        if byte == UInt8(ascii: ":") || byte == UInt8(ascii: "=") {
            position = text.behindSpaces(position + 1)
            outer = QuickQuote(text, at: position)
        } else if tagQuote != nil {
            return nil
        }
        var expected = tagQuote
        if let outer {
            guard tagQuote == nil || tagQuote == outer, let inner = outer.inner else { return nil }
            expected = inner
            position = text.behindSpaces(position + outer.width)
        }
        guard text.byte(at: position) == UInt8(ascii: "{"),
            let quote = QuickQuote(text, at: text.behindSpaces(position + 1)), quote == expected ?? quote,
            !isEscaped || (outer ?? quote).width > 1
        else { return nil }
        start = position
        self.quote = quote
    }
}

extension ByteText {
    @inline(__always)
    func behindSpaces(_ start: Int) -> Int {
        var position = start
        while byte(at: position) == 0x20 { position &+= 1 }
        return position
    }
}
