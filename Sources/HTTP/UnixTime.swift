#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// A moment of the wall clock: milliseconds since 1970-01-01 00:00 UTC, without leap seconds.
///
/// It stands in for Foundation's `Date`, which the Lambda executable does without. Arithmetic stops at the first and the
/// last moment that there is, since servers and clocks tell times that nobody checked.
public struct UnixTime: Sendable, Hashable, Comparable {
    /// Milliseconds since 1970-01-01 00:00 UTC; negative before.
    public var milliseconds: Int64

    /// Makes a moment from milliseconds since 1970-01-01 00:00 UTC.
    public init(milliseconds: Int64) {
        self.milliseconds = milliseconds
    }

    /// Makes a moment from seconds since 1970-01-01 00:00 UTC.
    public init(seconds: Int64) {
        self.milliseconds = seconds.clampedProduct(1000)
    }

    /// Reads the system's wall clock.
    public static func now() -> UnixTime {
        var time = timespec()
        guard unsafe clock_gettime(CLOCK_REALTIME, &time) == 0 else { return UnixTime(milliseconds: 0) }
        return UnixTime(milliseconds: Int64(time.tv_sec) * 1000 + Int64(time.tv_nsec) / 1_000_000)
    }

    /// Reads an HTTP date, `Sun, 06 Nov 1994 08:49:37 GMT` (RFC 9110 section 5.6.7, IMF-fixdate only).
    ///
    /// The two obsolete forms give nil, as does a date that does not exist.
    public init?(httpDate: String) {
        let parts = httpDate.split(separator: " ", omittingEmptySubsequences: true)
        guard parts.count == 6, parts[5] == "GMT" || parts[5] == "UTC",
            let month = Self.months.firstIndex(of: String(parts[2])),
            let day = Int(parts[1]), let year = Int(parts[3])
        else { return nil }
        let clock = parts[4].split(separator: ":").map { Int($0) }
        guard clock.count == 3, let hour = clock[0], let minute = clock[1], let second = clock[2] else { return nil }
        self.init(year: year, month: month + 1, day: day, hour: hour, minute: minute, second: second)
    }

    /// Reads a moment as AWS writes it, `2026-01-31T23:59:59Z`; a fraction of a second is dropped.
    ///
    /// Another offset than `Z`, or a date that does not exist, gives nil.
    public init?(iso8601: String) {
        let bytes = Array(iso8601.utf8)
        func number(_ range: Range<Int>) -> Int? {
            bytes[range].allSatisfy { (0x30...0x39).contains($0) }
                ? bytes[range].reduce(0) { $0 * 10 + Int($1 - 0x30) } : nil
        }
        guard bytes.count >= 20, bytes.last == UInt8(ascii: "Z"),
            bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-"), bytes[10] == UInt8(ascii: "T"),
            bytes[13] == UInt8(ascii: ":"), bytes[16] == UInt8(ascii: ":"),
            bytes.count == 20 || bytes[19] == UInt8(ascii: "."),
            let year = number(0..<4), let month = number(5..<7), let day = number(8..<10),
            let hour = number(11..<13), let minute = number(14..<16), let second = number(17..<19)
        else { return nil }
        self.init(year: year, month: month, day: day, hour: hour, minute: minute, second: second)
    }

    /// The moment as AWS signatures write it: `20260131T235959Z` (ISO 8601, basic form, UTC, whole seconds).
    public var basicISO8601: String {
        let parts = parts
        return parts.year + parts.month + parts.day + "T" + parts.hour + parts.minute + parts.second + "Z"
    }

    /// The moment as RFC 3339 writes it, in UTC: `2026-01-31T23:59:59.000Z`.
    public var iso8601Milliseconds: String {
        let parts = parts
        let remainder = milliseconds % 1000
        let rest = remainder < 0 ? remainder + 1000 : remainder
        return "\(parts.year)-\(parts.month)-\(parts.day)T\(parts.hour):\(parts.minute):\(parts.second)."
            + Self.padded(rest, 3) + "Z"
    }

    private typealias Parts = (
        year: String, month: String, day: String, hour: String, minute: String, second: String
    )

    private var parts: Parts {
        let seconds = milliseconds.flooredQuotient(1000)
        let days = seconds.flooredQuotient(86_400)
        let second = seconds - days * 86_400
        let (year, month, day) = Self.civil(days)
        return (
            Self.padded(year, 4), Self.padded(month, 2), Self.padded(day, 2), Self.padded(second / 3600, 2),
            Self.padded(second / 60 % 60, 2), Self.padded(second % 60, 2)
        )
    }

    /// The moment that lies `duration` later, to the millisecond.
    public func advanced(by duration: Duration) -> UnixTime {
        UnixTime(milliseconds: milliseconds.clampedSum(duration.wholeMilliseconds))
    }

    /// How long it is from this moment to `other`; negative when `other` is earlier.
    public func duration(to other: UnixTime) -> Duration {
        .milliseconds(other.milliseconds) - .milliseconds(milliseconds)
    }

    /// Whether `left` is earlier than `right`.
    public static func < (left: UnixTime, right: UnixTime) -> Bool {
        left.milliseconds < right.milliseconds
    }

    private init?(year: Int, month: Int, day: Int, hour: Int, minute: Int, second: Int) {
        guard (1...9999).contains(year), (1...12).contains(month), (1...31).contains(day),
            (0...23).contains(hour), (0...59).contains(minute), (0...60).contains(second)
        else { return nil }
        let days = Self.days(Int64(year), Int64(month), Int64(day))
        guard Self.civil(days) == (Int64(year), Int64(month), Int64(day)) else { return nil }
        self.init(seconds: days * 86_400 + Int64(hour * 3600 + minute * 60 + second))
    }

    private static let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

    // Days since 1970 from a date of the Gregorian calendar, and back. The year starts in March, so that the leap day is
    // its last: https://howardhinnant.github.io/date_algorithms.html
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let year = month <= 2 ? year - 1 : year
        let era = year.flooredQuotient(400)
        let yearOfEra = year - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    private static func civil(_ days: Int64) -> (year: Int64, month: Int64, day: Int64) {
        let days = days + 719_468
        let era = days.flooredQuotient(146_097)
        let dayOfEra = days - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        let month = shifted < 10 ? shifted + 3 : shifted - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month, dayOfYear - (153 * shifted + 2) / 5 + 1)
    }

    private static func padded(_ number: Int64, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}

extension Int64 {
    fileprivate func flooredQuotient(_ divisor: Int64) -> Int64 {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }

    fileprivate func clampedProduct(_ factor: Int64) -> Int64 {
        let (product, isTooLarge) = multipliedReportingOverflow(by: factor)
        return isTooLarge ? (self < 0) == (factor < 0) ? .max : .min : product
    }

    fileprivate func clampedSum(_ other: Int64) -> Int64 {
        let (sum, isTooLarge) = addingReportingOverflow(other)
        return isTooLarge ? other < 0 ? .min : .max : sum
    }
}

extension Duration {
    /// The duration in milliseconds, the rest dropped; the greatest or least number for one that does not fit.
    package var wholeMilliseconds: Int64 {
        components.seconds.clampedProduct(1000).clampedSum(components.attoseconds / 1_000_000_000_000_000)
    }
}
