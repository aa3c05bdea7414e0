/// What is known of a bucket of a group.
struct UsageCell: Sendable {
    let start: Int64
    var tally: Tally
}

/// The buckets of one group that have records.
struct UsageRow: Sendable {
    let group: GroupKey
    /// The distinct users of all buckets.
    var total = Tally.noUsers
    /// In the order in which they came, which is usually that of time.
    private var cells: [UsageCell] = []
    /// Where each bucket is; only once a bucket came out of order.
    private var places: [Int64: Int]?

    init(group: GroupKey) {
        self.group = group
    }

    var isEmpty: Bool { cells.isEmpty }

    /// Adds to a bucket, and returns the bucket's place.
    mutating func add(_ tally: Tally, start: Int64, for function: Function) throws(ArithmeticOverflow) -> Int {
        guard let place = place(of: start) else {
            cells.append(UsageCell(start: start, tally: tally))
            places?[start] = cells.count - 1
            return cells.count - 1
        }
        try cells[place].tally.merge(tally, for: function)
        return place
    }

    /// Counts one more distinct user in a bucket.
    mutating func addUser(at place: Int) {
        cells[place].tally.addUser()
    }

    private mutating func place(of start: Int64) -> Int? {
        guard let last = cells.last else { return nil }
        if last.start == start { return cells.count - 1 }
        if last.start < start, places == nil { return nil }
        if let places { return places[start] }
        let known = Dictionary(uniqueKeysWithValues: cells.indices.map { (cells[$0].start, $0) })
        places = known
        return known[start]
    }

    /// The function's result for all buckets.
    func figure(for function: Function) throws(ArithmeticOverflow) -> Figure {
        guard function != .unique, var sum = cells.first?.tally else { return total.figure(for: function) }
        for cell in cells.dropFirst() { try sum.merge(cell.tally, for: function) }
        return sum.figure(for: function)
    }

    func cellsByTime() -> [UsageCell] {
        places == nil ? cells : cells.sorted { $0.start < $1.start }
    }
}
