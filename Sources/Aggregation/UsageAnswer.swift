/// The answer of a usage query.
public struct UsageAnswer: Sendable {
    /// What became of a bucket's records.
    public let function: Function
    /// The starts of the buckets, in milliseconds since 1970-01-01T00:00:00Z, ascending.
    ///
    /// With filled gaps all of the range, otherwise those that any group of the answer has.
    public let intervals: [Int64]
    /// The groups, in their order.
    public let series: [UsageSeries]
}

/// One group of an answer.
public struct UsageSeries: Sendable {
    /// What the records of the group have in common.
    public let group: GroupKey
    /// The function's result over all buckets of the group, as a JSON number.
    public let groupValue: String
    /// The results of the buckets.
    public let values: UsageValues
}

/// The function's result for one bucket.
public struct UsageValue: Sendable, Hashable {
    /// The start of the bucket, in milliseconds since 1970-01-01T00:00:00Z.
    public let start: Int64
    /// The result, as a JSON number.
    public let value: String
    /// By how many percent the result differs from the one before it in the list, as a JSON number; 0 for the first.
    public let percentageFromPrevious: String
}

/// The results of a group's buckets in the order of time, made as they are asked for.
public struct UsageValues: Sequence, Sendable {
    /// Those that have records, in the order of time.
    private let cells: [UsageCell]
    /// All buckets when gaps are filled.
    private let intervals: [Int64]?
    private let function: Function

    init(cells: [UsageCell], intervals: [Int64]?, function: Function) {
        self.cells = cells
        self.intervals = intervals
        self.function = function
    }

    /// How many values there are.
    public var count: Int { intervals?.count ?? cells.count }
    /// The exact number of values.
    public var underestimatedCount: Int { count }

    /// Begins with the first bucket.
    public func makeIterator() -> Iterator {
        Iterator(values: self)
    }

    /// Makes one value after the other.
    public struct Iterator: IteratorProtocol {
        private let values: UsageValues
        private var position = 0
        private var cell = 0
        private var previous: Figure?

        fileprivate init(values: UsageValues) {
            self.values = values
        }

        /// The value of the next bucket; nil after the last.
        public mutating func next() -> UsageValue? {
            guard position < values.count else { return nil }
            let start = values.intervals?[position] ?? values.cells[position].start
            position += 1
            var figure = Figure.zero
            if cell < values.cells.count, values.cells[cell].start == start {
                figure = values.cells[cell].tally.figure(for: values.function)
                cell += 1
            }
            let percentage = previous.map { figure.percentage(from: $0) } ?? "0"
            previous = figure
            return UsageValue(start: start, value: figure.text, percentageFromPrevious: percentage)
        }
    }
}
