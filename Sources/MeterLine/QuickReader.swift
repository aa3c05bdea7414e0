import Meter

/// Reads the record of a message with one tag, if both are written as nearly all are, right where it stands.
///
/// This is the fast way, and only that: what it reads is what `LineReader` would read, and of everything unusual it
/// keeps its hands off. Escapes in strings, unknown, repeated or null fields, exponents, arrays, several tags, whatever
/// is to become a reject: each of these makes it give up, and then `LineReader` reads the message, by all the rules.
/// `QuickReaderTests` and the soak compare the two.
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

    /// Reads the value behind a tag, which must be the message's only one.
    ///
    /// - Returns: where the value ends; nil to give up.
    func read(_ text: ByteText, tag: Range<Int>, of message: Message, into record: inout QuickRecord) -> Int? {
        guard isWordStart(text, tag.lowerBound, of: message),
            let value = QuickValue(text, behind: tag.upperBound, isEscaped: message.isEscaped)
        else { return nil }
        record.clear()
        var object = QuickObject(text, at: value.start, quote: value.quote, message.timestamp)
        guard let end = object.read(into: &record) else { return nil }
        guard let outer = value.outer else { return end }
        // The string that holds the record ends right behind it.
        return outer.isAt(end, of: text) ? end + outer.width : nil
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

    /// The bytes of the widest one.
    private static let widest = UInt64(littleEndian: 0x225c_5c5c_5c5c_5c5c)

    /// The quotation mark at a position.
    @inline(__always)
    init?(_ text: ByteText, at position: Int) {
        let word = text.word(at: position)
        if UInt8(truncatingIfNeeded: word) == UInt8(ascii: "\"") {
            width = 1
        } else if UInt16(truncatingIfNeeded: word) == UInt16(truncatingIfNeeded: Self.widest &>> 48) {
            width = 2
        } else if UInt32(truncatingIfNeeded: word) == UInt32(truncatingIfNeeded: Self.widest &>> 32) {
            width = 4
        } else if word == Self.widest {
            width = 8
        } else {
            return nil
        }
    }

    private init(width: Int) {
        self.width = width
    }

    /// The one of the next level; nil when that is too deep.
    var inner: QuickQuote? { width < 8 ? QuickQuote(width: 2 * width) : nil }

    @inline(__always)
    func isAt(_ position: Int, of text: ByteText) -> Bool {
        let bits = UInt64(8 * (8 - width))
        return text.word(at: position) &<< bits == (Self.widest &>> bits) &<< bits
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
        while byte(at: position) == 0x20 { position += 1 }
        return position
    }
}

/// A field of a record.
private enum QuickField: UInt8 {
    case meter, customer, value, time, ownId, dimensions

    /// The field that the bytes of a range name; `RecordFields.Name` has the same names.
    @inline(__always)
    init?(_ text: ByteText, _ range: Range<Int>) {
        func isName(_ name: StaticString) -> Bool { text.has(name, at: range.lowerBound) }
        switch range.count {
        case 4 where isName("time"): self = .time
        case 5 where isName("value"): self = .value
        case 6 where isName("tenant"): self = .customer
        case 8 where isName("uniqueId"): self = .ownId
        case 8 where isName("customer"): self = .customer
        case 9 where isName("tenant_id"): self = .customer
        case 9 where isName("meterName"): self = .meter
        case 9 where isName("unique_id"): self = .ownId
        case 10 where isName("customerId"): self = .customer
        case 10 where isName("meterValue"): self = .value
        case 10 where isName("dimensions"): self = .dimensions
        case 10 where isName("meter_name"): self = .meter
        case 11 where isName("meter_value"): self = .value
        case 12 where isName("meterApiName"): self = .meter
        case 14 where isName("meter_api_name"): self = .meter
        case 17 where isName("meterTimeInMillis"): self = .time
        case 20 where isName("meter_time_in_millis"): self = .time
        default: return nil
        }
    }
}

/// The object of one record, read member by member.
private struct QuickObject {
    private let text: ByteText
    private var position: Int
    private let quote: QuickQuote
    private let eventTime: Int64?
    /// One bit for each field that was read.
    private var seen: UInt8 = 0

    init(_ text: ByteText, at start: Int, quote: QuickQuote, _ eventTime: Int64?) {
        self.text = text
        position = start
        self.quote = quote
        self.eventTime = eventTime
    }

    /// Reads the object; where it ends, or nil to give up.
    mutating func read(into record: inout QuickRecord) -> Int? {
        let start = position
        guard readMembers({ object, name in object.readField(name, &record) }) else { return nil }
        guard !record.meter.isMissing, !record.customer.isMissing, !record.value.isMissing else { return nil }
        if seen & bit(.time) == 0 {
            guard let eventTime else { return nil }
            (record.time, record.timeDerived) = (eventTime, true)
        }
        guard text.isASCII(start..<position) || isUTF8(start..<position) else { return nil }
        return position
    }

    private func isUTF8(_ range: Range<Int>) -> Bool {
        text.part(range).withSpan { (try? UTF8Span(validating: $0)) != nil }
    }

    /// Reads the members of the object at the position, of which there is one at least.
    @inline(__always)
    private mutating func readMembers(_ body: (inout QuickObject, Range<Int>) -> Bool) -> Bool {
        position += 1
        while true {
            position = text.behindSpaces(position)
            guard let name = readString() else { return false }
            position = text.behindSpaces(position)
            guard text.byte(at: position) == UInt8(ascii: ":") else { return false }
            position = text.behindSpaces(position + 1)
            guard body(&self, name) else { return false }
            position = text.behindSpaces(position)
            let byte = text.byte(at: position)
            position += 1
            if byte == UInt8(ascii: "}") { return true }
            guard byte == UInt8(ascii: ",") else { return false }
        }
    }

    private func bit(_ field: QuickField) -> UInt8 { 1 &<< field.rawValue }

    private mutating func readField(_ name: Range<Int>, _ record: inout QuickRecord) -> Bool {
        guard let field = QuickField(text, name), seen & bit(field) == 0 else { return false }
        seen |= bit(field)
        switch field {
        case .meter: return readText(RecordLimits.nameBytes, mayBeNumber: false, into: &record.meter)
        case .customer: return readText(RecordLimits.nameBytes, mayBeNumber: true, into: &record.customer)
        case .ownId: return readText(RecordLimits.nameBytes, mayBeNumber: true, into: &record.ownId)
        case .value: return readQuantity(&record)
        case .time: return readTime(&record)
        case .dimensions: return readDimensions(&record)
        }
    }

    // MARK: - Strings

    /// The content of the string at the position.
    @inline(__always)
    private mutating func readString() -> Range<Int>? {
        guard quote.isAt(position, of: text) else { return nil }
        let start = position + quote.width
        guard let end = text.endOfPlainText(from: start), quote.isAt(end, of: text) else {
            return nil
        }
        position = end + quote.width
        return start..<end
    }

    private var isAtString: Bool {
        let byte = text.byte(at: position)
        return byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\")
    }

    /// A string that is not empty, or a whole number as its digits.
    private mutating func readText(
        _ limit: Int, mayBeNumber: Bool, into place: inout QuickRecord.Place
    ) -> Bool {
        let range: Range<Int>
        if isAtString {
            guard let content = readString() else { return false }
            range = content
        } else {
            guard mayBeNumber, let number = readNumber(), number.fraction.isEmpty else { return false }
            range = number.range
        }
        place = QuickRecord.Place(range)
        return !range.isEmpty && range.count <= limit
    }

    // MARK: - Numbers

    private struct Number {
        var range: Range<Int>
        var integer: Range<Int>
        /// The digits behind the point.
        var fraction: Range<Int>
    }

    /// The number at the position; nil for none, and for one with an exponent.
    private mutating func readNumber() -> Number? {
        let start = position
        let integerStart = text.byte(at: start) == UInt8(ascii: "-") ? start + 1 : start
        let integer = digits(from: integerStart)
        guard !integer.isEmpty, integer.count == 1 || text[integerStart] != UInt8(ascii: "0") else { return nil }
        var fraction = integer.upperBound..<integer.upperBound
        if text.byte(at: integer.upperBound) == UInt8(ascii: ".") {
            fraction = digits(from: integer.upperBound + 1)
            if fraction.isEmpty { return nil }
        }
        position = fraction.upperBound
        if text.byte(at: position) | 0x20 == UInt8(ascii: "e") { return nil }
        return Number(range: start..<position, integer: integer, fraction: fraction)
    }

    @inline(__always)
    private func digits(from start: Int) -> Range<Int> {
        var end = start
        while isDigit(text.byte(at: end)) { end += 1 }
        return start..<end
    }

    /// A number, or a string that holds one, whose canonical text stands in it.
    private mutating func readQuantity(_ record: inout QuickRecord) -> Bool {
        let isString = isAtString
        if isString {
            guard quote.isAt(position, of: text) else { return false }
            position += quote.width
        }
        guard let number = readNumber() else { return false }
        if isString {
            guard quote.isAt(position, of: text) else { return false }
            position += quote.width
        }
        guard number.integer.count <= Quantity.maximumIntegerDigits,
            number.fraction.count <= Quantity.maximumDecimalPlaces
        else { return false }
        var end = number.fraction.upperBound
        while end > number.fraction.lowerBound, text[end - 1] == UInt8(ascii: "0") { end -= 1 }
        if end == number.fraction.lowerBound { end = number.integer.upperBound }
        // Zero has no sign.
        let isNegative = number.integer.lowerBound > number.range.lowerBound
        if isNegative, end == number.integer.upperBound, text[number.integer.lowerBound] == UInt8(ascii: "0") {
            return false
        }
        record.value = QuickRecord.Place(number.range.lowerBound..<end)
        return true
    }

    // MARK: - Time

    private mutating func readTime(_ record: inout QuickRecord) -> Bool {
        let time: Int64?
        if isAtString {
            guard let content = readString() else { return false }
            let digits = digits(from: content.lowerBound)
            time =
                digits.upperBound >= content.upperBound
                ? text.number(content) : text.part(content).withSpan { Timestamp.rfc3339($0) }
        } else {
            guard let number = readNumber(), number.fraction.isEmpty, number.integer == number.range else {
                return false
            }
            time = text.number(number.range)
            record.timeDigits = QuickRecord.Place(number.range)
        }
        guard let time, time >= RecordLimits.earliestTimeInMillis,
            time <= eventTime.map({ $0 + RecordLimits.futureInMillis }) ?? Timestamp.latest
        else { return false }
        (record.time, record.timeDerived) = (time, false)
        return true
    }

    // MARK: - Dimensions

    private mutating func readDimensions(_ record: inout QuickRecord) -> Bool {
        guard text.byte(at: position) == UInt8(ascii: "{") else { return false }
        let behindBrace = text.behindSpaces(position + 1)
        if text.byte(at: behindBrace) == UInt8(ascii: "}") {
            position = behindBrace + 1
            return true
        }
        return readMembers { object, name in
            var dimension = QuickRecord.Dimension()
            dimension.name = QuickRecord.Place(name)
            return name.count <= RecordLimits.nameBytes && object.readDimensionValue(&dimension.value)
                && record.insert(dimension, object.text)
        }
    }

    /// A string, a number or a boolean, as text.
    private mutating func readDimensionValue(_ place: inout QuickRecord.Place) -> Bool {
        let range: Range<Int>
        if isAtString {
            guard let content = readString() else { return false }
            range = content
        } else if let end = text.end(of: "true", at: position) ?? text.end(of: "false", at: position) {
            range = position..<end
            position = end
        } else {
            guard let number = readNumber() else { return false }
            range = number.range
        }
        place = QuickRecord.Place(range)
        return range.count <= RecordLimits.dimensionValueBytes
    }
}
