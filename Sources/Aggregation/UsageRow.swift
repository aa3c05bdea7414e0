/// What is known of a bucket of a group.
struct UsageCell: Sendable {
    let start: Int64
    var tally: Tally
    /// The place of the group's next cell; -1 at the end.
    fileprivate var next = -1

    init(start: Int64, tally: Tally) {
        self.start = start
        self.tally = tally
    }
}

/// One group, and where its cells are.
///
/// The cells of all groups stand in one array in the order in which they came, each with the place of the next one of its
/// group: a query has many groups, and an array for each would be scattered over the memory.
struct UsageRow: Sendable {
    let group: GroupKey
    /// What is known of all buckets together.
    private(set) var total: Tally?
    private var first = -1
    private var last = -1
    /// The start of the last cell.
    private var lastStart: Int64 = 0
    /// Where each bucket is; only once a bucket came out of order.
    private var places: [Int64: Int]?

    init(group: GroupKey) {
        self.group = group
    }

    var isEmpty: Bool { first < 0 }

    /// Adds to a bucket, and returns the place of its cell.
    mutating func add(
        _ tally: Tally, start: Int64, for function: Function, to cells: inout [UsageCell]
    ) throws(ArithmeticOverflow) -> Int {
        if total == nil { total = tally } else { try total?.merge(tally, for: function) }
        if let place = place(of: start, in: cells) {
            try cells[place].tally.merge(tally, for: function)
            return place
        }
        let place = cells.count
        cells.append(UsageCell(start: start, tally: tally))
        if last < 0 { first = place } else { cells[last].next = place }
        last = place
        lastStart = start
        places?[start] = place
        return place
    }

    /// Counts one more distinct user of all buckets.
    mutating func addUser() {
        total?.addUser()
    }

    private mutating func place(of start: Int64, in cells: [UsageCell]) -> Int? {
        guard last >= 0 else { return nil }
        if lastStart == start { return last }
        if lastStart < start, places == nil { return nil }
        if let places { return places[start] }
        var known: [Int64: Int] = [:]
        var place = first
        while place >= 0 {
            known[cells[place].start] = place
            place = cells[place].next
        }
        places = known
        return known[start]
    }

    /// The function's result for all buckets.
    func figure(for function: Function) -> Figure {
        (total ?? .noUsers).figure(for: function)
    }

    func cellsByTime(in cells: [UsageCell]) -> [UsageCell] {
        var own: [UsageCell] = []
        var place = first
        while place >= 0 {
            own.append(cells[place])
            place = cells[place].next
        }
        return places == nil ? own : own.sorted { $0.start < $1.start }
    }
}
