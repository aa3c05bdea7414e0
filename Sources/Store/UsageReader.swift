public import Aggregation
import GRDB
import Meter

// The protocol documents what is public here.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension SQLiteStore {
    public func usage(_ query: UsageQuery) async throws(StoreError) -> UsageAnswer {
        try await read { db in try UsageReader(query, db).answer() }
    }

    public func dimensions(ofMeter meterApiName: String) async throws(StoreError) -> [String] {
        try await read { db in
            guard let meter = try NameTable.find(meterApiName, db) else { return [] }
            return try Self.seenDimensions(ofMeter: meter, db).map { String(decoding: $0, as: UTF8.self) }
        }
    }

    static func seenDimensions(ofMeter meter: Int64, _ db: Database) throws -> [[UInt8]] {
        let rows = try HotStatement(db, "SELECT name FROM dimension WHERE meter = ? ORDER BY name")
        rows.bind(1, meter)
        defer { rows.reset() }
        var names: [[UInt8]] = []
        while try rows.step() { names.append(rows.bytes(0)) }
        return names
    }
}

/// Answers one question about usage, from the coarsest rows that can.
///
/// Days are read for days, weeks and months, as far as they are sealed; hours for hours, and for days that are open; the
/// records themselves only for minutes and for dimensions that the meter does not declare.
private struct UsageReader {
    /// A row of any kind, as the table of the answer takes it.
    private struct Cell {
        var time: Int64
        var customer: Int64
        var dimensions: [UInt8]
        var aggregate: Aggregate
    }

    private let db: Database
    private let query: UsageQuery
    private let meter: RollupMeter
    private let function: Function
    private let range: Range<Int64>
    /// Customers by number, each looked up by itself; nil for all, or for so many that all are read.
    private var customers: [Int64]?
    /// Of which customers a row must be; nil for any.
    private var allowedCustomers: Set<Int64>?
    /// How many customers are looked up by themselves.
    private static let maximumLookups = 64
    /// For each filtered dimension its name and the values of which it must have one.
    private var dimensionFilters: [(name: [UInt8], values: Set<[UInt8]?>)] = []
    private let groupBy: [[UInt8]?]
    private let uniqueBy: [[UInt8]]

    init(_ query: UsageQuery, _ db: Database) throws {
        guard let (name, definition) = try MeterTable.find(named: query.meterApiName, db) else {
            throw StoreError(.notFound, "there is no meter \"\(query.meterApiName)\"; GET /meters lists them")
        }
        self.db = db
        self.query = query
        meter = RollupMeter(name: name, definition: definition)
        function = query.function ?? definition.meterType.function
        let hasUsers = !definition.aggregationDimensions.isEmpty
        guard definition.meterType.allows(function, hasAggregationDimensions: hasUsers) else {
            let type = definition.meterType.rawValue
            throw StoreError(
                .invalid,
                function == .unique && !hasUsers
                    ? "UNIQUE needs a meter with aggregationDimensions, whose distinct values it counts"
                    : "\(function.name) says nothing of a meter of the type \(type)")
        }
        range = query.interval.widened(query.range)
        groupBy = query.groupBy.map { key in
            if case .dimension(let name) = key { Array(name.utf8) } else { nil }
        }
        uniqueBy = function == .unique ? definition.aggregationDimensions.map { Array($0.utf8) } : []
        try readFilters()
        chooseLookups()
        try checkNames()
    }

    private mutating func readFilters() throws {
        for filter in query.filters {
            switch filter.key {
            case .customer:
                let ids = try filter.values.compactMap { try $0.flatMap { try NameTable.find($0, db) } }
                allowedCustomers = allowedCustomers.map { $0.intersection(ids) } ?? Set(ids)
            case .dimension(let name):
                dimensionFilters.append(
                    (Array(name.utf8), Set(filter.values.map { value in value.map { Array($0.utf8) } })))
            }
        }
    }

    /// Few customers are looked up; more than that are picked out of all.
    private mutating func chooseLookups() {
        guard let allowedCustomers, allowedCustomers.count <= Self.maximumLookups else { return }
        customers = allowedCustomers.sorted()
    }

    /// A name that is neither declared nor seen is a slip of the pen, and its answer would be empty or one group.
    private func checkNames() throws {
        let unknown = (groupBy.compactMap { $0 } + dimensionFilters.map(\.name)).filter {
            !meter.dimensions.contains($0)
        }
        guard !unknown.isEmpty else { return }
        let seen = Set(try SQLiteStore.seenDimensions(ofMeter: meter.name, db))
        for name in unknown where !seen.contains(name) {
            throw StoreError(
                .invalid,
                "the meter \"\(query.meterApiName)\" has no dimension \"\(String(decoding: name, as: UTF8.self))\", neither declared nor in a record"
            )
        }
    }

    func answer() throws -> UsageAnswer {
        var table = UsageTable(
            function: function, interval: query.interval, range: range, fillsGaps: query.fillsGaps, take: query.take,
            isGrouped: !groupBy.isEmpty)
        var places: [Int64: Int] = [:]
        var names: [Int64: [UInt8]] = [:]
        let isByCustomerAlone = groupBy.count == 1 && groupBy[0] == nil
        try cells { cell in
            if customers == nil, let allowedCustomers, !allowedCustomers.contains(cell.customer) { return }
            for filter in dimensionFilters {
                let value = DimensionSet.value(of: filter.name, in: cell.dimensions).map { Array($0) }
                guard filter.values.contains(value) else { return }
            }
            let place: Int
            if isByCustomerAlone, let known = places[cell.customer] {
                place = known
            } else {
                place = table.place(of: try group(of: cell, &names))
                places[cell.customer] = place
            }
            try table.add(
                at: place, time: cell.time, aggregate: cell.aggregate, unique: uniqueTuple(cell.dimensions))
        }
        return table.answer()
    }

    private func group(of cell: Cell, _ names: inout [Int64: [UInt8]]) throws -> GroupKey {
        var group: [[UInt8]?] = []
        group.reserveCapacity(groupBy.count)
        for key in groupBy {
            if let key {
                group.append(DimensionSet.value(of: key, in: cell.dimensions).map { Array($0) })
            } else {
                let name = try names[cell.customer] ?? NameTable.bytes(of: cell.customer, db)
                names[cell.customer] = name
                group.append(name)
            }
        }
        return GroupKey(group)
    }

    /// The values whose distinct combinations are counted; nil when the record has none of them.
    private func uniqueTuple(_ dimensions: [UInt8]) -> [UInt8]? {
        guard !uniqueBy.isEmpty else { return nil }
        var tuple = PackedBytes()
        var hasAny = false
        for name in uniqueBy {
            if let value = DimensionSet.value(of: name, in: dimensions) {
                hasAny = true
                tuple.append(1)
                tuple.append(value)
            } else {
                tuple.append(0)
            }
        }
        return hasAny ? tuple.bytes : nil
    }

    // MARK: - Where the figures come from

    private func cells(_ body: (Cell) throws -> Void) throws {
        let names = groupBy.compactMap { $0 } + dimensionFilters.map(\.name) + uniqueBy
        let isDeclared = names.allSatisfy { meter.dimensions.contains($0) }
        if query.interval == .minute || !isDeclared {
            try rawCells(body)
        } else {
            let byHour = query.interval == .hour
            let level: RollupCell.Level =
                names.isEmpty ? (byHour ? .hour : .day) : (byHour ? .hourByDimensions : .dayByDimensions)
            try rollupCells(level, body)
        }
    }

    private func rollupCells(_ level: RollupCell.Level, _ body: (Cell) throws -> Void) throws {
        let end = (range.upperBound + Hour.milliseconds - 1) / Hour.milliseconds
        let hours = Hour.containing(range.lowerBound)..<end
        let openDays = level.isByDay ? try OpenDays.starts(ofMeter: meter.name, in: hours, db) : []
        let rows = try RollupRows(db)
        var start = hours.lowerBound
        for openDay in openDays {
            try rollupCells(rows, level, start..<openDay, body)
            try rollupCells(rows, level.byHour, openDay..<openDay + 24, body)
            start = openDay + 24
        }
        try rollupCells(rows, level, start..<max(start, end), body)
    }

    private func rollupCells(
        _ rows: RollupRows, _ level: RollupCell.Level, _ hours: Range<Int64>, _ body: (Cell) throws -> Void
    ) throws {
        var hour = try rows.nextStart(level, from: hours.lowerBound)
        while let start = hour, start < hours.upperBound {
            try rows.each(level, start, meter: meter.name, customers: customers) { customer, dimensions, aggregate in
                try body(
                    Cell(
                        time: start * Hour.milliseconds, customer: customer, dimensions: dimensions,
                        aggregate: aggregate))
            }
            hour = try rows.nextStart(level, from: start + 1)
        }
    }

    private func rawCells(_ body: (Cell) throws -> Void) throws {
        try checkIsKept()
        let needsSeconds = meter.isDuration && function == .sum
        let sql = """
            SELECT \(StoredRecord.columns) FROM identity i JOIN record r ON r.number = i.number
            WHERE i.hour = ? AND i.meter = ? AND i.state = 1
            """
        let rows = try HotStatement(db, customers == nil ? sql : sql + " AND i.customer = ?")
        let nextHour = try HotStatement(db, "SELECT min(hour) FROM identity WHERE hour > ?")
        var hour = Hour.containing(range.lowerBound) - 1
        while true {
            nextHour.bind(1, hour)
            let next = try nextHour.step() ? nextHour.optionalInt(0) : nil
            nextHour.reset()
            guard let next, next * Hour.milliseconds < range.upperBound else { break }
            hour = next
            rows.bind(1, hour)
            rows.bind(2, meter.name)
            for customer in customers ?? [0] {
                if customers != nil { rows.bind(3, customer) }
                defer { rows.reset() }
                while try rows.step() {
                    guard let record = StoredRecord(rows) else { throw RollupTable.damaged }
                    guard range.contains(record.time) else { continue }
                    let aggregate =
                        meter.isDuration
                        ? Aggregate(seconds: .zero, records: 1)
                        : Aggregate(value: ExactDecimal(record.value), time: record.time)
                    try body(
                        Cell(
                            time: record.time, customer: record.customer, dimensions: record.dimensions,
                            aggregate: aggregate))
                }
            }
        }
        if needsSeconds { try spanCells(body) }
    }

    private func checkIsKept() throws {
        let frozen = try FrozenPast(db)
        guard range.lowerBound >= frozen.time || frozen.hour == 0 else {
            throw StoreError(
                .pastRetention,
                "records before \(frozen.time) are no longer kept; ask for hours or days, by declared dimensions, or for a later time"
            )
        }
    }

    /// The time between starts and stops, where no rollup tells it.
    private func spanCells(_ body: (Cell) throws -> Void) throws {
        let sql = "SELECT customer, dimensions, time, rank FROM series WHERE meter = ?"
        let rows = try HotStatement(
            db,
            (customers == nil ? sql : sql + " AND customer = ?") + " ORDER BY customer, dimensions, time, rank")
        rows.bind(1, meter.name)
        for customer in customers ?? [0] {
            if customers != nil { rows.bind(2, customer) }
            defer { rows.reset() }
            var pending: (customer: Int64, dimensions: [UInt8], event: DurationEvent)?
            while try rows.step() {
                let row = (
                    customer: rows.int(0), dimensions: rows.bytes(1),
                    event: DurationEvent(time: rows.int(2), isStart: rows.int(3) == 0)
                )
                if let pending {
                    let isSameSeries = pending.customer == row.customer && pending.dimensions == row.dimensions
                    try add(pending, next: isSameSeries ? row.event : nil, body)
                }
                pending = row
            }
            if let pending { try add(pending, next: nil, body) }
        }
    }

    private func add(
        _ start: (customer: Int64, dimensions: [UInt8], event: DurationEvent), next: DurationEvent?,
        _ body: (Cell) throws -> Void
    ) throws {
        let span = DurationSpan(of: start.event, next: next, timeout: meter.timeout)?.clamped(to: range)
        guard let span else { return }
        for part in span.parts(by: query.interval) {
            try body(
                Cell(
                    time: part.bucket, customer: start.customer, dimensions: start.dimensions,
                    aggregate: Aggregate(seconds: .seconds(milliseconds: part.milliseconds))))
        }
    }
}
