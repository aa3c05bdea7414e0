import Meter

/// Times as log lines and records write them, in milliseconds since 1970-01-01T00:00:00Z.
package enum Timestamp {
    /// Seconds since 1970 with a fraction, as AWS writes them in JSON, in milliseconds; what is beyond is cut off.
    static func milliseconds(seconds: String) -> Int64? {
        guard let quantity = Quantity(seconds), let whole = quantity.truncated,
            (0...RecordLimits.timesInMillis.upperBound / 1_000).contains(whole)
        else { return nil }
        let fraction = quantity.text.drop { $0 != "." }.dropFirst().prefix(3)
        let padded = fraction + String(repeating: "0", count: 3 - fraction.count)
        return RecordLimits.timeInMillis(Int64(padded).map { whole * 1_000 + $0 })
    }

    /// Reads an RFC 3339 date-time that is all of the bytes.
    ///
    /// Fractions are cut off to milliseconds.
    package static func rfc3339(_ bytes: Span<UInt8>) -> Int64? {
        guard let (time, end) = rfc3339Prefix(bytes), end == bytes.count else { return nil }
        return time
    }

    /// Reads an RFC 3339 date-time (section 5.6) at the beginning of the bytes; `T` may also be `t` or a space.
    package static func rfc3339Prefix(_ bytes: Span<UInt8>) -> (time: Int64, end: Int)? {
        guard bytes.count >= 20, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"),
            bytes[10] | 0x20 == UInt8(ascii: "t") || bytes[10] == UInt8(ascii: " "),
            bytes[13] == UInt8(ascii: ":"), bytes[16] == UInt8(ascii: ":"),
            let year = number(bytes, 0..<4), let month = number(bytes, 5..<7), let day = number(bytes, 8..<10),
            let hour = number(bytes, 11..<13), let minute = number(bytes, 14..<16),
            let second = number(bytes, 17..<19),
            (1...12).contains(month), day >= 1, day <= daysIn(month: month, year: year),
            hour <= 23, minute <= 59, second <= 60
        else { return nil }
        var end = 19
        var milliseconds: Int64 = 0
        if bytes[end] == UInt8(ascii: ".") {
            var scale: Int64 = 100
            end += 1
            let start = end
            while end < bytes.count, isDigit(bytes[end]) {
                milliseconds += Int64(bytes[end] - UInt8(ascii: "0")) * scale
                scale /= 10
                end += 1
            }
            guard end > start else { return nil }
        }
        guard let (offset, zoneEnd) = zone(bytes, at: end) else { return nil }
        let days = daysSince1970(year: year, month: month, day: day)
        let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second - offset * 60
        return (seconds * 1_000 + milliseconds, zoneEnd)
    }

    /// The offset from UTC in minutes.
    private static func zone(_ bytes: Span<UInt8>, at position: Int) -> (minutes: Int64, end: Int)? {
        guard position < bytes.count else { return nil }
        if bytes[position] | 0x20 == UInt8(ascii: "z") { return (0, position + 1) }
        let isEast = bytes[position] == UInt8(ascii: "+")
        guard isEast || bytes[position] == UInt8(ascii: "-"), position + 6 <= bytes.count,
            bytes[position + 3] == UInt8(ascii: ":"),
            let hours = number(bytes, position + 1..<position + 3),
            let minutes = number(bytes, position + 4..<position + 6), hours <= 23, minutes <= 59
        else { return nil }
        let total = hours * 60 + minutes
        return (isEast ? total : -total, position + 6)
    }

    /// The time at the beginning of a line of a log file: RFC 3339, or 10 digits of seconds or 13 of milliseconds since
    /// 1970; an opening bracket before it is skipped.
    package static func leading(_ line: Span<UInt8>) -> Int64? {
        guard !line.isEmpty else { return nil }
        let start = line[0] == UInt8(ascii: "[") ? 1 : 0
        let text = line.extracting(start...)
        if let (time, _) = rfc3339Prefix(text) { return time }
        var digits = 0
        while digits < text.count, digits <= 13, isDigit(text[digits]) { digits += 1 }
        switch digits {
        case 10: return number(text, 0..<10).map { $0 * 1_000 }
        case 13: return number(text, 0..<13)
        default: return nil
        }
    }

    /// The date of a time in UTC, as `YYYY-MM-DD`.
    package static func date(_ milliseconds: Int64) -> String {
        // Days to civil date (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
        var days = milliseconds / 86_400_000
        if milliseconds % 86_400_000 < 0 { days -= 1 }
        let shifted = days + 719_468
        let era = (shifted >= 0 ? shifted : shifted - 146_096) / 146_097
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shiftedMonth = (5 * dayOfYear + 2) / 153
        let day = dayOfYear - (153 * shiftedMonth + 2) / 5 + 1
        let month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9
        let year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
        return "\(padded(year, 4))-\(padded(month, 2))-\(padded(day, 2))"
    }

    private static func padded(_ number: Int64, _ width: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }

    private static func number(_ bytes: Span<UInt8>, _ range: Range<Int>) -> Int64? {
        var value: Int64 = 0
        for index in range {
            guard isDigit(bytes[index]) else { return nil }
            value = value * 10 + Int64(bytes[index] - UInt8(ascii: "0"))
        }
        return value
    }

    private static func daysIn(month: Int64, year: Int64) -> Int64 {
        switch month {
        case 2: year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }

    /// Days from civil date (the same source as above).
    private static func daysSince1970(year: Int64, month: Int64, day: Int64) -> Int64 {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = (shiftedYear >= 0 ? shiftedYear : shiftedYear - 399) / 400
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        let dayOfEra = yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear
        return era * 146_097 + dayOfEra - 719_468
    }
}
