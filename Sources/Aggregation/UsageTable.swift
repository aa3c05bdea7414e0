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
    private var cells: [UsageCell] = []
    private var places: [GroupKey: Int] = [:]
    private var users = DistinctUsers()
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

    /// The place of a group, made when it is new; it does not matter when the query does not group.
    ///
    /// A group appears in the answer once something is added to it.
    public mutating func place(of group: GroupKey) -> Int {
        guard isGrouped else { return 0 }
        let place = places[group] ?? rows.count
        if place == rows.count {
            rows.append(UsageRow(group: group))
            places[group] = place
        }
        return place
    }

    /// Adds some records of one group and one bucket.
    ///
    /// Nothing happens when the time is outside of the range, or when the function can make nothing of the aggregate, as
    /// the minimum of no records.
    /// - Parameters:
    ///   - place: The group's place.
    ///   - time: Any time in the bucket.
    ///   - aggregate: The aggregate of the records.
    ///   - unique: Only for `Function.unique`: the values that make a distinct user of these records, written so that
    ///     different values have different bytes; nil when the records have none, and then they count no user.
    /// - Throws: `ArithmeticOverflow` when a sum or a count leaves its range; the table is of no use then.
    public mutating func add(
        at place: Int, time: Int64, aggregate: Aggregate, unique: [UInt8]? = nil
    ) throws(ArithmeticOverflow) {
        guard range.contains(time), let tally = Tally(of: aggregate, for: function) else { return }
        if !bucket.contains(time) {
            let start = interval.start(of: time)
            bucket = start..<interval.next(after: start)
        }
        let cell = try rows[place].add(tally, start: bucket.lowerBound, for: function, to: &cells)
        guard let unique else { return }
        let novelty = users.insert(unique, row: place, start: bucket.lowerBound)
        if novelty.isNewInBucket { cells[cell].tally.addUser() }
        if novelty.isNewInRow { rows[place].addUser() }
    }

    /// The answer of the query.
    public consuming func answer() -> UsageAnswer {
        let figures = rows.map { $0.figure(for: function) }
        // Places are sorted, not rows: those are large.
        var order = rows.indices.filter { !isGrouped || !rows[$0].isEmpty }
        order.sort { precedes($0, $1, figures) }
        if let take { order.removeLast(max(0, order.count - max(1, take.limit))) }
        let buckets = order.map { rows[$0].cellsByTime(in: cells) }
        let intervals = fillsGaps ? filledIntervals() : Self.intervals(of: buckets)
        let series = zip(order, buckets).map { place, cells in
            UsageSeries(
                group: rows[place].group, groupValue: figures[place].text,
                values: UsageValues(cells: cells, intervals: fillsGaps ? intervals : nil, function: function))
        }
        return UsageAnswer(function: function, intervals: intervals, series: series)
    }

    /// With `take` by value, otherwise and between equal values by the group's keys.
    private func precedes(_ left: Int, _ right: Int, _ figures: [Figure]) -> Bool {
        guard let take, figures[left] != figures[right] else { return rows[left].group < rows[right].group }
        return take.isAscending ? figures[left] < figures[right] : figures[right] < figures[left]
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
