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

    /// Reads a record that is the whole of a line, with the log event that it is from as its last member.
    ///
    /// - Returns: where the log event's parts stand; nil to give up.
    func readStored(_ text: ByteText, _ line: Range<Int>, into record: inout QuickRecord) -> QuickSource? {
        guard text.byte(at: line.lowerBound) == UInt8(ascii: "{"),
            let quote = QuickQuote(text, at: line.lowerBound + 1), quote.width == 1
        else { return nil }
        record.clear()
        var object = QuickObject(text, at: line.lowerBound, quote: quote, nil, takesSource: true)
        return object.read(into: &record) == line.upperBound ? object.source : nil
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

/// Where the parts of a record's `source` stand in a text.
struct QuickSource {
    var account: QuickRecord.Place
    var logGroup: QuickRecord.Place
    var logStream: QuickRecord.Place
    /// Digits.
    var eventId: QuickRecord.Place
    var timestamp: Int64
    var ordinal: Int64
    var timeDerived: Bool
}

/// A field of a record.
private enum QuickField: UInt8 {
    case meter, customer, value, time, ownId, dimensions

    /// The field that some bytes name; `RecordFields.Name` has the same names.
    @inline(__always)
    init?(_ text: ByteText, _ place: QuickRecord.Place) {
        func isName(_ name: StaticString) -> Bool { text.has(name, at: place.lowerBound) }
        switch place.count {
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

/// The object of one record, read member by member; the members of its dimensions are read in the same loop.
///
/// Strings are read in two places alone, so that both are inlined and what they need stays in registers.
private struct QuickObject {
    private typealias Place = QuickRecord.Place

    private let text: ByteText
    private var position: Int
    private let quote: QuickQuote
    private let eventTime: Int64?
    private var stops: StringStops
    /// Whether all strings so far are ASCII.
    private var isASCII = true
    /// One bit for each field that was read.
    private var seen: UInt8 = 0
    private let takesSource: Bool
    /// The log event that the record says it is from.
    private(set) var source: QuickSource?

    init(_ text: ByteText, at start: Int, quote: QuickQuote, _ eventTime: Int64?, takesSource: Bool = false) {
        self.text = text
        position = start
        self.quote = quote
        self.eventTime = eventTime
        self.takesSource = takesSource
        stops = StringStops(from: start)
    }

    /// Reads the object; where it ends, or nil to give up.
    mutating func read(into record: inout QuickRecord) -> Int? {
        let start = position
        position &+= 1
        guard readMembers(into: &record) else { return nil }
        guard !record.meter.isMissing, !record.customer.isMissing, !record.value.isMissing else { return nil }
        if seen & bit(.time) == 0 {
            guard let eventTime else { return nil }
            (record.time, record.timeDerived) = (eventTime, true)
        }
        guard isASCII || isUTF8(start..<position) else { return nil }
        record.bytes = position - start
        return position
    }

    private func isUTF8(_ range: Range<Int>) -> Bool {
        text.part(range).withSpan { (try? UTF8Span(validating: $0)) != nil }
    }

    /// Reads members, of which there is one at least, to the end of the object.
    @inline(__always)
    private mutating func readMembers(into record: inout QuickRecord) -> Bool {
        var isInDimensions = false
        while true {
            position = text.behindSpaces(position)
            guard let name = readString() else { return false }
            position = text.behindSpaces(position)
            guard text.byte(at: position) == UInt8(ascii: ":") else { return false }
            position = text.behindSpaces(position &+ 1)
            if let content = readString() {
                guard isInDimensions ? record.insert(name, content, text) : read(content, of: name, &record)
                else { return false }
            } else if isInDimensions {
                guard let end = text.endOfScalar(at: position), record.insert(name, Place(position, end), text)
                else { return false }
                position = end
            } else if text.byte(at: position) == UInt8(ascii: "{") {
                guard QuickField(text, name) == .dimensions else { return takesSource && readSource(named: name) }
                guard isFirst(.dimensions) else { return false }
                position = text.behindSpaces(position &+ 1)
                isInDimensions = true
                if text.byte(at: position) != UInt8(ascii: "}") { continue }
            } else {
                guard let number = QuickNumber(text, at: position), read(number, of: name, &record)
                else { return false }
                position = number.end
            }
            position = text.behindSpaces(position)
            if isInDimensions, text.byte(at: position) == UInt8(ascii: "}") {
                isInDimensions = false
                position = text.behindSpaces(position &+ 1)
            }
            let byte = text.byte(at: position)
            position &+= 1
            if byte == UInt8(ascii: "}") { return true }
            guard byte == UInt8(ascii: ",") else { return false }
        }
    }

    /// Reads the member `source`, as `NDJSON` writes it, and the end of the record behind it.
    @inline(never)
    private mutating func readSource(named name: Place) -> Bool {
        guard name.count == 6, text.has("source", at: name.lowerBound),
            let account = sourceText("{\"account\":"), let logGroup = sourceText(",\"logGroup\":"),
            let logStream = sourceText(",\"logStream\":"), let eventId = sourceText(",\"eventId\":"),
            let time = sourceNumber(",\"timestamp\":"), let ordinal = sourceNumber(",\"ordinal\":"),
            eventId.count > 0, text.endOfDigits(from: eventId.lowerBound) == eventId.range.upperBound,
            let timestamp = Timestamp.plausible(time)
        else { return false }
        let derived = text.end(of: ",\"timeDerived\":true", at: position)
        guard let end = text.end(of: "}}", at: derived ?? position) else { return false }
        position = end
        source = QuickSource(
            account: account, logGroup: logGroup, logStream: logStream, eventId: eventId, timestamp: timestamp,
            ordinal: ordinal, timeDerived: derived != nil)
        return true
    }

    @inline(never)
    private mutating func sourceText(_ name: StaticString) -> Place? {
        guard let start = text.end(of: name, at: position) else { return nil }
        position = start
        guard let content = readString(), content.count <= RecordSource.maximumBytes else { return nil }
        return content
    }

    private mutating func sourceNumber(_ name: StaticString) -> Int64? {
        guard let start = text.end(of: name, at: position), let number = QuickNumber(text, at: start),
            number.isWhole, number.start == number.integerStart
        else { return nil }
        position = number.end
        return text.number(number.start..<number.end)
    }

    private func bit(_ field: QuickField) -> UInt8 { 1 &<< field.rawValue }

    private mutating func isFirst(_ field: QuickField) -> Bool {
        defer { seen |= bit(field) }
        return seen & bit(field) == 0
    }

    /// The content of the string at the position; nil when there is none.
    @inline(__always)
    private mutating func readString() -> Place? {
        guard quote.isAt(position, of: text) else { return nil }
        let start = position &+ quote.width
        var end = stops.first(text, from: start)
        while !quote.isAt(end, of: text) {
            // A character that is not ASCII may stand in a string; nothing else at which it stops may.
            guard text.byte(at: end) > 0x7f else { return nil }
            isASCII = false
            end = stops.first(text, from: end &+ 1)
        }
        position = end &+ quote.width
        return Place(start, end)
    }

    /// Takes a field's value that is a string.
    @inline(__always)
    private mutating func read(_ content: Place, of name: Place, _ record: inout QuickRecord) -> Bool {
        guard let field = QuickField(text, name), isFirst(field) else { return false }
        switch field {
        case .meter: return take(content, as: &record.meter)
        case .customer: return take(content, as: &record.customer)
        case .ownId: return take(content, as: &record.ownId)
        case .value:
            let range = content.range
            guard let number = QuickNumber(text, at: range.lowerBound), number.end == range.upperBound
            else { return false }
            return take(number, &record)
        case .time:
            guard let time = time(content) else { return false }
            return take(time, &record)
        case .dimensions: return false
        }
    }

    /// Takes a field's value that is a number.
    @inline(__always)
    private mutating func read(_ number: QuickNumber, of name: Place, _ record: inout QuickRecord) -> Bool {
        guard let field = QuickField(text, name), isFirst(field) else { return false }
        switch field {
        case .value: return take(number, &record)
        case .customer: return number.isWhole && take(number.place, as: &record.customer)
        case .ownId: return number.isWhole && take(number.place, as: &record.ownId)
        case .time:
            guard number.isWhole, number.start == number.integerStart, let time = text.number(number.start..<number.end)
            else { return false }
            record.timeDigits = number.place
            return take(time, &record)
        case .meter, .dimensions: return false
        }
    }

    // MARK: - Values

    /// Takes a text, which must not be empty.
    @inline(__always)
    private func take(_ content: Place, as field: inout Place) -> Bool {
        field = content
        return content.count > 0 && content.count <= RecordLimits.nameBytes
    }

    /// Takes a quantity whose canonical text stands in how it is written.
    @inline(__always)
    private func take(_ number: QuickNumber, _ record: inout QuickRecord) -> Bool {
        guard let end = number.endOfCanonical(text) else { return false }
        record.value = Place(number.start, end)
        return true
    }

    @inline(__always)
    private func take(_ time: Int64, _ record: inout QuickRecord) -> Bool {
        (record.time, record.timeDerived) = (time, false)
        return time >= RecordLimits.earliestTimeInMillis
            && time <= eventTime.map { $0 + RecordLimits.futureInMillis } ?? Timestamp.latest
    }

    /// The time that a string tells.
    @inline(never)
    private func time(_ content: Place) -> Int64? {
        let range = content.range
        return text.endOfDigits(from: range.lowerBound) >= range.upperBound
            ? text.number(range) : text.part(range).withSpan { Timestamp.rfc3339($0) }
    }
}

/// A number without an exponent.
private struct QuickNumber {
    var start: Int
    /// Behind the sign.
    var integerStart: Int
    var integerEnd: Int
    var end: Int

    /// Whether it has no point.
    var isWhole: Bool { end == integerEnd }
    var place: QuickRecord.Place { QuickRecord.Place(start, end) }

    /// The number at a position; nil for none, and for one with an exponent.
    @inline(__always)
    init?(_ text: ByteText, at position: Int) {
        start = position
        integerStart = text.byte(at: position) == UInt8(ascii: "-") ? position &+ 1 : position
        integerEnd = text.endOfDigits(from: integerStart)
        let digits = integerEnd &- integerStart
        guard digits > 0, digits == 1 || text.byte(at: integerStart) != UInt8(ascii: "0") else { return nil }
        end = integerEnd
        if text.byte(at: end) == UInt8(ascii: ".") {
            end = text.endOfDigits(from: integerEnd &+ 1)
            if end == integerEnd &+ 1 { return nil }
        }
        if text.byte(at: end) | 0x20 == UInt8(ascii: "e") { return nil }
    }

    /// Behind the canonical text of the quantity that it is; nil when it is none, or is written otherwise.
    @inline(__always)
    func endOfCanonical(_ text: ByteText) -> Int? {
        guard integerEnd &- integerStart <= Quantity.maximumIntegerDigits,
            isWhole || end &- integerEnd &- 1 <= Quantity.maximumDecimalPlaces
        else { return nil }
        var last = end
        while last > integerEnd, text.byte(at: last &- 1) == UInt8(ascii: "0") { last &-= 1 }
        // A point is not left alone.
        if last == integerEnd &+ 1 { last = integerEnd }
        // Zero has no sign.
        if integerStart > start, last == integerEnd, text.byte(at: integerStart) == UInt8(ascii: "0") { return nil }
        return last
    }
}

extension ByteText {
    /// Behind the number or the boolean at a position; nil for none.
    @inline(never)
    fileprivate func endOfScalar(at position: Int) -> Int? {
        end(of: "true", at: position) ?? end(of: "false", at: position) ?? QuickNumber(self, at: position)?.end
    }
}
