import Meter

/// Takes the values of a record, and checks each by the rules; what is false makes a quick reader give up.
struct QuickValues {
    typealias Place = QuickRecord.Place

    let text: ByteText
    /// The log event's time.
    let eventTime: Int64?

    /// Takes the content of a string.
    @inline(__always)
    func take(
        _ content: Place, as reading: QuickShapes.Value, _ name: Place, _ record: inout QuickRecord
    ) -> Bool {
        switch reading {
        case .meter: return take(content, as: &record.meter)
        case .customer: return take(content, as: &record.customer)
        case .ownId: return take(content, as: &record.ownId)
        case .dimension:
            record.append(name, content)
            return content.count <= RecordLimits.dimensionValueBytes
        case .timeText: return time(content).map { take($0, &record) } ?? false
        case .quantity:
            guard let number = QuickNumber(text, at: content.lowerBound), number.end == content.range.upperBound
            else { return false }
            return take(number, &record)
        case .customerNumber, .ownIdNumber, .time, .scalarDimension, .end: return false
        }
    }

    /// Takes a number.
    @inline(__always)
    func take(_ number: QuickNumber, as reading: QuickShapes.Value, _ record: inout QuickRecord) -> Bool {
        switch reading {
        case .quantity: return take(number, &record)
        case .customerNumber: return number.isWhole && take(number.place, as: &record.customer)
        case .ownIdNumber: return number.isWhole && take(number.place, as: &record.ownId)
        case .time:
            guard number.isWhole, number.start == number.integerStart, let time = text.number(number.start..<number.end)
            else { return false }
            record.timeDigits = number.place
            return take(time, &record)
        case .meter, .customer, .ownId, .timeText, .dimension, .scalarDimension, .end: return false
        }
    }

    /// Takes a text, which must not be empty.
    @inline(__always)
    func take(_ content: Place, as field: inout Place) -> Bool {
        field = content
        return content.count > 0 && content.count <= RecordLimits.nameBytes
    }

    /// Takes a quantity whose canonical text stands in how it is written.
    @inline(__always)
    func take(_ number: QuickNumber, _ record: inout QuickRecord) -> Bool {
        guard let end = number.endOfCanonical(text) else { return false }
        record.value = Place(number.start, end)
        return true
    }

    @inline(__always)
    func take(_ time: Int64, _ record: inout QuickRecord) -> Bool {
        (record.time, record.timeDerived) = (time, false)
        return time >= RecordLimits.earliestTimeInMillis
            && time <= eventTime.map { $0 + RecordLimits.futureInMillis } ?? RecordLimits.timesInMillis.upperBound
    }

    /// Takes the log event's time for a record without one; false when there is none.
    @inline(__always)
    func takeEventTime(_ record: inout QuickRecord) -> Bool {
        guard let eventTime else { return false }
        (record.time, record.timeDerived) = (eventTime, true)
        return true
    }

    /// The time that a string tells.
    @inline(never)
    func time(_ content: Place) -> Int64? {
        let range = content.range
        return text.endOfDigits(from: range.lowerBound) >= range.upperBound
            ? text.number(range) : text.part(range).withSpan { Timestamp.rfc3339($0) }
    }
}

/// A number without an exponent.
struct QuickNumber {
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
    func endOfScalar(at position: Int) -> Int? {
        end(of: "true", at: position) ?? end(of: "false", at: position) ?? QuickNumber(self, at: position)?.end
    }
}
