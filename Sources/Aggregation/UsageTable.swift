/// Collects the aggregates that a query meets, and makes the query's answer of them.
///
/// It keeps one figure for each group and bucket that has records; gaps take no memory. Give it the aggregates of a
/// group in the order of time where that is easy: it is the fastest way, but any order is right.
public struct UsageTable {
    /// The most buckets of a query.
    public static let maximumIntervals = 100_000

    private let function: Function
    private let interval: Interval
    private let range: Range<Int64>
    private let fillsGaps: Bool
    private let take: Take?
    private let isGrouped: Bool

    private var rows: [UsageRow] = []
    private var indices: [GroupKey: Int] = [:]
    private var users = DistinctUsers()
    /// The group of the last addition, as the next one is often of the same.
    private var last: (group: GroupKey, index: Int)?
    /// The bucket of the last addition.
    private var bucket: Range<Int64> = 0..<0

    /// Makes a table for one query.
    ///
    /// - Parameters:
    ///   - function: What becomes of a bucket's records.
    ///   - interval: How long a bucket is.
    ///   - range: The query's times, in milliseconds since 1970-01-01T00:00:00Z; they are widened to the edges of buckets.
    ///     With more than `maximumIntervals` buckets an answer becomes too large; check that before.
    ///   - fillsGaps: Whether a bucket without records has the value 0; otherwise it is not listed.
    ///   - take: Which groups to answer; nil for all.
    ///   - isGrouped: Whether the query groups. If not, all is one group, which is answered even without any records.
    public init(
        function: Function, interval: Interval, range: Range<Int64>, fillsGaps: Bool, take: Take? = nil,
        isGrouped: Bool
    ) {
        self.function = function
        self.interval = interval
        self.range = interval.widened(range)
        self.fillsGaps = fillsGaps
        self.take = take
        self.isGrouped = isGrouped
        if !isGrouped { rows.append(UsageRow(group: .none)) }
    }

    /// Adds some records of one group and one bucket.
    ///
    /// Nothing happens when the time is outside of the range, or when the function can make nothing of the aggregate, as
    /// the minimum of no records.
    /// - Parameters:
    ///   - group: The group; it does not matter when the query does not group.
    ///   - time: Any time in the bucket.
    ///   - aggregate: The aggregate of the records.
    ///   - unique: Only for `Function.unique`: the values that make a distinct user of these records, written so that
    ///     different values have different bytes; nil when the records have none, and then they count no user.
    /// - Throws: `ArithmeticOverflow` when a sum or a count leaves its range; the table is of no use then.
    public mutating func add(
        group: GroupKey, time: Int64, aggregate: Aggregate, unique: [UInt8]? = nil
    ) throws(ArithmeticOverflow) {
        guard range.contains(time), let tally = Tally(of: aggregate, for: function) else { return }
        if !bucket.contains(time) {
            let start = interval.start(of: time)
            bucket = start..<interval.next(after: start)
        }
        let index = isGrouped ? index(of: group) : 0
        let place = try rows[index].add(tally, start: bucket.lowerBound, for: function)
        guard let unique else { return }
        let novelty = users.insert(unique, row: index, start: bucket.lowerBound)
        if novelty.isNewInBucket { rows[index].addUser(at: place) }
        if novelty.isNewInRow { rows[index].total.addUser() }
    }

    private mutating func index(of group: GroupKey) -> Int {
        if let last, last.group == group { return last.index }
        let index = indices[group] ?? rows.count
        if index == rows.count {
            rows.append(UsageRow(group: group))
            indices[group] = index
        }
        last = (group, index)
        return index
    }

    /// The answer of the query.
    ///
    /// - Throws: `ArithmeticOverflow` when the value of a group leaves its range.
    public consuming func answer() throws(ArithmeticOverflow) -> UsageAnswer {
        var ranked: [RankedRow] = []
        ranked.reserveCapacity(rows.count)
        for row in rows { ranked.append(RankedRow(row: row, figure: try row.figure(for: function))) }
        ranked.sort { $0.precedes($1, take: take) }
        if let take { ranked.removeLast(max(0, ranked.count - max(1, take.limit))) }
        let cells = ranked.map { $0.row.cellsByTime() }
        let intervals = fillsGaps ? filledIntervals() : Self.intervals(of: cells)
        let series = zip(ranked, cells).map { ranked, cells in
            UsageSeries(
                group: ranked.row.group, groupValue: ranked.figure.text,
                values: UsageValues(cells: cells, intervals: fillsGaps ? intervals : nil, function: function))
        }
        return UsageAnswer(function: function, intervals: intervals, series: series)
    }

    private func filledIntervals() -> [Int64] {
        interval.starts(in: range, limit: .max) ?? []
    }

    /// The buckets that any group has.
    private static func intervals(of cells: [[UsageCell]]) -> [Int64] {
        if let only = cells.first, cells.count == 1 { return only.map(\.start) }
        var starts: Set<Int64> = []
        for cell in cells.joined() { starts.insert(cell.start) }
        return starts.sorted()
    }
}

/// Which groups a query wants: those of the greatest or of the smallest values.
public struct Take: Sendable, Hashable {
    /// How many groups, at least 1.
    public var limit: Int
    /// Whether the groups of the smallest values come first; otherwise those of the greatest.
    public var isAscending: Bool

    /// Makes a wish for the first groups.
    public init(limit: Int, isAscending: Bool = false) {
        self.limit = limit
        self.isAscending = isAscending
    }
}

/// A group and what it is sorted by.
private struct RankedRow {
    let row: UsageRow
    let figure: Figure

    /// With `take` by value, otherwise and between equal values by the group's keys.
    func precedes(_ other: RankedRow, take: Take?) -> Bool {
        guard let take, figure != other.figure else { return row.group < other.row.group }
        return take.isAscending ? figure < other.figure : other.figure < figure
    }
}
