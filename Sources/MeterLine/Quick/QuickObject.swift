import Meter

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

/// The object of one record: read by a shape that is known, or member by member, those of its dimensions in the same loop.
///
/// Strings are read in few places, so that all are inlined and what they need stays in registers.
struct QuickObject {
    private typealias Place = QuickRecord.Place

    private let values: QuickValues
    private var position: Int
    private let quote: QuickQuote
    private var stops: StringStops
    /// Whether all strings so far are ASCII.
    private var isASCII = true
    /// One bit for each field that was read.
    private var seen: UInt8 = 0
    private let takesSource: Bool
    /// The log event that the record says it is from.
    private(set) var source: QuickSource?

    private var text: ByteText { values.text }

    init(_ values: QuickValues, at start: Int, quote: QuickQuote, takesSource: Bool = false) {
        self.values = values
        position = start
        self.quote = quote
        self.takesSource = takesSource
        stops = StringStops(from: start)
    }

    /// Reads the object; where it ends, or nil to give up.
    mutating func readByRules(into record: inout QuickRecord) -> Int? {
        let start = position
        position &+= 1
        guard readMembers(into: &record) else { return nil }
        guard !record.meter.isMissing, !record.customer.isMissing, !record.value.isMissing else { return nil }
        if seen & bit(.time) == 0 {
            guard values.takeEventTime(&record) else { return nil }
        }
        return end(of: start, &record)
    }

    /// Reads the object if it has the shape of one before it; where it ends, or nil if it has none of them, or to give up.
    @inline(__always)
    mutating func readKnownShape(into record: inout QuickRecord) -> Int? {
        let start = position
        var next = record.shapes.first
        while let node = record.shapes.node(next, at: position, of: text) {
            let name = Place(position &+ node.name.lowerBound, position &+ node.name.upperBound)
            position &+= node.count
            switch node.value {
            case .end:
                guard node.hasTime || values.takeEventTime(&record) else { return nil }
                record.setOrder(node.order)
                record.shapes.hit()
                return end(of: start, &record)
            case .meter, .customer, .ownId, .dimension, .timeText:
                let content = readContent()
                guard values.take(content, as: node.value, name, &record) else { return nil }
            case .quantity, .customerNumber, .ownIdNumber, .time:
                guard let number = QuickNumber(text, at: position), values.take(number, as: node.value, &record)
                else { return nil }
                position = number.end
            case .scalarDimension:
                guard let end = text.endOfScalar(at: position), end &- position <= RecordLimits.dimensionValueBytes
                else { return nil }
                record.append(name, Place(position, end))
                position = end
            }
            next = node.next
        }
        return nil
    }

    private func end(of start: Int, _ record: inout QuickRecord) -> Int? {
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
                guard let reading = isInDimensions ? .dimension : reading(of: name, isString: true),
                    isInDimensions
                        ? record.insert(name, content, text) : values.take(content, as: reading, name, &record)
                else { return false }
                record.shapes.note(name, content, reading)
            } else if isInDimensions {
                guard let end = text.endOfScalar(at: position), record.insert(name, Place(position, end), text)
                else { return false }
                record.shapes.note(name, Place(position, end), .scalarDimension)
                position = end
            } else if text.byte(at: position) == UInt8(ascii: "{") {
                guard field(name) == .dimensions else { return takesSource && readSource(named: name) }
                guard isFirst(.dimensions) else { return false }
                position = text.behindSpaces(position &+ 1)
                isInDimensions = true
                if text.byte(at: position) != UInt8(ascii: "}") { continue }
            } else {
                guard let number = QuickNumber(text, at: position), let reading = reading(of: name, isString: false),
                    values.take(number, as: reading, &record)
                else { return false }
                record.shapes.note(name, number.place, reading)
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
            let timestamp = RecordLimits.timeInMillis(time)
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

    @inline(__always)
    private func field(_ name: Place) -> RecordFields.Field? { RecordFields.Name(text, name.range)?.field }

    private func bit(_ field: RecordFields.Field) -> UInt8 { 1 &<< field.rawValue }

    private mutating func isFirst(_ field: RecordFields.Field) -> Bool {
        defer { seen |= bit(field) }
        return seen & bit(field) == 0
    }

    /// The content of the string at the position; nil when there is none.
    @inline(__always)
    private mutating func readString() -> Place? {
        guard quote.isAt(position, of: text) else { return nil }
        position &+= quote.width
        let content = readContent()
        guard quote.isAt(position, of: text) else { return nil }
        position &+= quote.width
        return content
    }

    /// What stands from the position on up to where no string goes on as it is, be it at its end or not.
    @inline(__always)
    private mutating func readContent() -> Place {
        let start = position
        position = stops.first(text, from: start)
        // A character that is not ASCII may stand in a string; nothing else at which it stops may.
        while text.byte(at: position) > 0x7f {
            isASCII = false
            position = stops.first(text, from: position &+ 1)
        }
        return Place(start, position)
    }

    /// How the value of a member is read; nil to give up.
    private mutating func reading(of name: Place, isString: Bool) -> QuickShapes.Value? {
        guard let field = field(name), isFirst(field) else { return nil }
        return switch field {
        case .meter: isString ? .meter : nil
        case .customer: isString ? .customer : .customerNumber
        case .ownId: isString ? .ownId : .ownIdNumber
        case .value: .quantity
        case .time: isString ? .timeText : .time
        case .dimensions, .values, .sequence: nil
        }
    }
}
