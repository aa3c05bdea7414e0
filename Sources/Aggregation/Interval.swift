/// How long a time bucket is; all buckets are in UTC.
///
/// Times are milliseconds since 1970-01-01T00:00:00Z, in the years 1970 through 9999. The week of 1970-01-01 begins in
/// 1969.
public enum Interval: String, CaseIterable, Sendable, Hashable {
    /// 60 seconds.
    case minute
    /// 60 minutes.
    case hour
    /// A day of UTC.
    case day
    /// An ISO week, from Monday to Sunday.
    case week
    /// A month of the Gregorian calendar.
    case month

    /// The times that have buckets: the years 1970 through 9999.
    public static let validTimes: Range<Int64> = 0..<253_402_300_800_000

    private static let millisecondsInDay: Int64 = 86_400_000
    /// 1970-01-05, the first Monday.
    private static let firstMonday: Int64 = 4 * millisecondsInDay

    /// The interval of a name such as `DAY`, in any case; nil for another name.
    public init?(name: String) {
        guard let interval = Self.allCases.first(where: { isSameName($0.rawValue, name) }) else { return nil }
        self = interval
    }

    /// The name that the API knows, in capitals.
    public var name: String { rawValue.uppercased() }

    /// How long each bucket is in milliseconds; nil for months.
    private var length: Int64? {
        switch self {
        case .minute: 60_000
        case .hour: 3_600_000
        case .day: Self.millisecondsInDay
        case .week: 7 * Self.millisecondsInDay
        case .month: nil
        }
    }

    /// The start of the bucket that has a time.
    public func start(of time: Int64) -> Int64 {
        guard let length else {
            let day = time.dividedDown(by: Self.millisecondsInDay)
            return CivilDate.firstOfMonth(day: day) * Self.millisecondsInDay
        }
        let origin = self == .week ? Self.firstMonday : 0
        return origin + (time - origin).dividedDown(by: length) * length
    }

    /// The start of the bucket after the one that starts at a time.
    public func next(after start: Int64) -> Int64 {
        guard let length else {
            let day = start.dividedDown(by: Self.millisecondsInDay)
            return CivilDate.firstOfNextMonth(day: day) * Self.millisecondsInDay
        }
        return start + length
    }

    /// The range from the start of its first bucket to the end of its last; an end on the edge of a bucket stays, and
    /// so does an empty range.
    public func widened(_ range: Range<Int64>) -> Range<Int64> {
        guard !range.isEmpty else { return range }
        return start(of: range.lowerBound)..<next(after: start(of: range.upperBound - 1))
    }

    /// The starts of all buckets that have a time of a range; nil when they are more than `limit`.
    public func starts(in range: Range<Int64>, limit: Int) -> [Int64]? {
        let widened = widened(range)
        var starts: [Int64] = []
        if let length {
            let count = (widened.upperBound - widened.lowerBound) / length
            guard count <= limit else { return nil }
            starts.reserveCapacity(Int(count))
        }
        var start = widened.lowerBound
        while start < widened.upperBound {
            guard starts.count < limit else { return nil }
            starts.append(start)
            start = next(after: start)
        }
        return starts
    }
}

/// Whether two names are the same but for the case of ASCII letters; no other letters are equal to them.
func isSameName(_ left: String, _ right: String) -> Bool {
    left.utf8.elementsEqual(right.utf8) { lowercased($0) == lowercased($1) }
}

private func lowercased(_ byte: UInt8) -> UInt8 {
    (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(byte) ? byte | 0x20 : byte
}
