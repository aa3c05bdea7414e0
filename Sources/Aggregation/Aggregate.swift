/// What is known of the records of one time bucket, enough for every function but the number of distinct users.
///
/// Aggregates of disjoint sets of records merge into the aggregate of all of them, in any order.
public struct Aggregate: Sendable, Equatable {
    /// The value of the latest record; of the records of one time, the greatest.
    public struct Latest: Sendable, Equatable {
        /// When the record was, in milliseconds since 1970-01-01T00:00:00Z.
        public var time: Int64
        /// Its value.
        public var value: ExactDecimal

        /// Makes a latest value.
        public init(time: Int64, value: ExactDecimal) {
            self.time = time
            self.value = value
        }
    }

    /// What exists only where there are values.
    struct Extent: Sendable, Equatable {
        var minimum: ExactDecimal
        var maximum: ExactDecimal
        var latest: Latest
    }

    /// How many records there are, 0 or more.
    public private(set) var count: Int
    /// What the values add up to; of a duration, its seconds.
    public private(set) var sum: ExactDecimal
    private(set) var extent: Extent?

    /// The smallest value; nil without values.
    public var minimum: ExactDecimal? { extent?.minimum }
    /// The greatest value; nil without values.
    public var maximum: ExactDecimal? { extent?.maximum }
    /// The latest value; nil without values.
    public var latest: Latest? { extent?.latest }
    /// Whether there is neither a record nor a second.
    public var isEmpty: Bool { count == 0 && sum == .zero }

    init(count: Int, sum: ExactDecimal, extent: Extent?) {
        self.count = count
        self.sum = sum
        self.extent = extent
    }

    /// The aggregate of no records.
    public init() {
        self.init(count: 0, sum: .zero, extent: nil)
    }

    /// The aggregate of one record.
    ///
    /// - Parameters:
    ///   - value: The record's value.
    ///   - time: The record's time in milliseconds since 1970-01-01T00:00:00Z.
    public init(value: ExactDecimal, time: Int64) {
        let extent = Extent(minimum: value, maximum: value, latest: Latest(time: time, value: value))
        self.init(count: 1, sum: value, extent: extent)
    }

    /// The aggregate of a part of a duration, and of records that start or stop one: they count, but have no values.
    ///
    /// A bucket in which a duration only goes on has seconds and no records.
    /// - Parameters:
    ///   - seconds: How long it was.
    ///   - records: How many records there are; below 0 when merging it takes records back.
    public init(seconds: ExactDecimal, records: Int = 0) {
        self.init(count: records, sum: seconds, extent: nil)
    }
}

extension Aggregate {
    /// Adds the records of another aggregate.
    ///
    /// - Throws: `ArithmeticOverflow` when the sum or the count leaves its range; the aggregate is then as it was.
    public mutating func merge(_ other: Aggregate) throws(ArithmeticOverflow) {
        let newSum = try sum.adding(other.sum)
        count = try count.adding(other.count)
        sum = newSum
        guard let addition = other.extent else { return }
        extent?.merge(addition)
        extent = extent ?? addition
    }
}

extension Aggregate.Extent {
    fileprivate mutating func merge(_ other: Aggregate.Extent) {
        minimum = min(minimum, other.minimum)
        maximum = max(maximum, other.maximum)
        latest = max(latest, other.latest)
    }
}

extension Aggregate.Latest: Comparable {
    /// Whether the left value is superseded by the right one.
    public static func < (left: Aggregate.Latest, right: Aggregate.Latest) -> Bool {
        (left.time, left.value) < (right.time, right.value)
    }
}

extension Int {
    /// The sum of two counts.
    func adding(_ other: Int) throws(ArithmeticOverflow) -> Int {
        let (sum, overflow) = addingReportingOverflow(other)
        guard !overflow else { throw ArithmeticOverflow() }
        return sum
    }
}
