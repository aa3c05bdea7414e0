import Aggregation
import GRDB
import Meter

/// A meter as its rollups need it.
struct RollupMeter: Sendable {
    /// The number of its name.
    let name: Int64
    let definition: MeterDefinition
    /// The dimensions that usage is kept by, each name once, sorted by their bytes.
    let dimensions: [[UInt8]]

    var timeout: Int64 { Int64(definition.timeoutInMinutes ?? 0) * 60_000 }
    var isDuration: Bool { definition.meterType == .eventDuration }

    init(name: Int64, definition: MeterDefinition) {
        self.name = name
        self.definition = definition
        dimensions = Set((definition.dimensions + definition.aggregationDimensions).map { Array($0.utf8) })
            .sorted { $0.lexicographicallyPrecedes($1) }
    }

    /// All definitions by the number of the meter's name.
    static func all(_ db: Database) throws -> [Int64: RollupMeter] {
        var meters: [Int64: RollupMeter] = [:]
        for (name, definition) in try MeterTable.all(db) {
            meters[name] = RollupMeter(name: name, definition: definition)
        }
        return meters
    }

    /// The declared ones of a record's dimensions, packed.
    func declared(_ packed: [UInt8]) -> [UInt8] {
        guard !dimensions.isEmpty, !packed.isEmpty else { return [] }
        var kept = PackedBytes()
        var reader = PackedReader(packed)
        while !reader.isAtEnd, let name = reader.slice(), let value = reader.slice() {
            if dimensions.contains(where: { name.elementsEqual($0) }) {
                kept.append(name)
                kept.append(value)
            }
        }
        return kept.bytes
    }
}

/// What a rollup's row is about.
struct RollupCell: Hashable {
    /// Usage by hour or by day, without dimensions or with the declared ones; what is frozen stands apart.
    enum Level: Int64 {
        case hour = 0
        case hourByDimensions = 1
        case day = 2
        case dayByDimensions = 3
        case frozenHour = 4
        case frozenHourByDimensions = 5
        case frozenDay = 6
        case frozenDayByDimensions = 7

        /// The levels of what can still change.
        static let changing: [Level] = [.hour, .hourByDimensions, .day, .dayByDimensions]

        /// The level of days that an hour's level adds up to.
        var byDay: Level { hasDimensions ? .dayByDimensions : .day }
        /// The level of hours that a level of days is added up from.
        var byHour: Level { hasDimensions ? .hourByDimensions : .hour }
        /// Where the same rows stand without their dimensions.
        var withoutDimensions: Level { isByDay ? .day : .hour }
        /// Where the rows of a level that can change stand once they are frozen.
        var frozen: Level {
            switch self {
            case .hour, .frozenHour: .frozenHour
            case .hourByDimensions, .frozenHourByDimensions: .frozenHourByDimensions
            case .day, .frozenDay: .frozenDay
            case .dayByDimensions, .frozenDayByDimensions: .frozenDayByDimensions
            }
        }
        var isByDay: Bool { rawValue & 2 != 0 }
        var hasDimensions: Bool { rawValue & 1 != 0 }
    }

    var level: Level
    /// The hour since 1970 in which the bucket begins.
    var start: Int64
    var meter: Int64
    var customer: Int64
    /// The declared dimensions, packed; empty on the levels without.
    var dimensions: [UInt8]

    func hash(into hasher: inout Hasher) {
        hasher.combine(level)
        hasher.combine(start)
        hasher.combine(meter)
        hasher.combine(customer)
        hasher.combine(ByteKey(bytes: dimensions))
    }

    /// The first hour of the day of an hour.
    static func day(of hour: Int64) -> Int64 { hour / 24 * 24 }

    /// The day that it is a part of.
    var day: OpenDays.Day { OpenDays.Day(meter: meter, start: Self.day(of: start)) }

    static func precedes(_ left: RollupCell, _ right: RollupCell) -> Bool {
        let leftKey = (left.level.rawValue, left.start, left.meter, left.customer)
        let rightKey = (right.level.rawValue, right.start, right.meter, right.customer)
        return leftKey == rightKey
            ? left.dimensions.lexicographicallyPrecedes(right.dimensions) : leftKey < rightKey
    }
}

/// What a transaction changes in the rollups: what is added, and which hours are to be counted anew.
///
/// Counts and sums can be taken back, but a maximum cannot: where a record no longer counts, its hour is counted again
/// from the records.
struct RollupChanges {
    private struct HourOfCustomer: Hashable {
        var hour: Int64
        var meter: Int64
        var customer: Int64
    }

    private var additions = RollupSums()
    private var recounts: Set<HourOfCustomer> = []

    /// How many rows are waiting to be written.
    var count: Int { additions.cells.count }

    /// Adds a record that counts from now on.
    mutating func add(_ record: CountedRecord, _ meter: RollupMeter, _ db: Database) throws {
        if meter.isDuration {
            try change(record, meter, by: 1, db)
        } else {
            let aggregate = Aggregate(value: ExactDecimal(record.value), time: record.time)
            try add(aggregate, hour: Hour.containing(record.time), record, meter)
        }
    }

    /// Takes back a record that counted.
    mutating func remove(_ record: CountedRecord, _ meter: RollupMeter, _ db: Database) throws {
        if meter.isDuration {
            try change(record, meter, by: -1, db)
        } else {
            recounts.insert(
                HourOfCustomer(
                    hour: Hour.containing(record.time), meter: record.meter, customer: record.customer))
        }
    }

    private mutating func add(
        _ aggregate: Aggregate, hour: Int64, _ record: CountedRecord, _ meter: RollupMeter
    ) throws {
        try add(aggregate, .hour, hour, record, [])
        guard !meter.dimensions.isEmpty else { return }
        try add(aggregate, .hourByDimensions, hour, record, meter.declared(record.dimensions))
    }

    private mutating func add(
        _ aggregate: Aggregate, _ level: RollupCell.Level, _ start: Int64, _ record: CountedRecord,
        _ dimensions: [UInt8]
    ) throws {
        try additions.add(
            aggregate,
            to: RollupCell(
                level: level, start: start, meter: record.meter, customer: record.customer, dimensions: dimensions))
    }

    /// Adds what a start before the retention mark makes of the hours after it, when these are counted anew.
    mutating func add(_ start: SeriesTable.Running, _ meter: RollupMeter) throws {
        for part in start.span.parts(by: .hour) {
            let seconds = Aggregate(seconds: .seconds(milliseconds: part.milliseconds))
            try add(seconds, hour: Hour.containing(part.bucket), start.record, meter)
        }
    }

    /// A start or stop comes or goes: the time between its neighbours is divided anew.
    private mutating func change(
        _ record: CountedRecord, _ meter: RollupMeter, by count: Int, _ db: Database
    ) throws {
        try add(Aggregate(seconds: .zero, records: count), hour: Hour.containing(record.time), record, meter)
        for (hour, milliseconds) in try SeriesTable(db).change(record, meter, isAdded: count > 0) {
            try add(
                Aggregate(seconds: .seconds(milliseconds: milliseconds)), hour: hour, record, meter)
        }
    }

    /// Writes everything; what is empty afterwards is deleted.
    mutating func write(_ meters: [Int64: RollupMeter], _ db: Database) throws {
        let table = try RollupTable(db)
        let frozen = table.rows.frozen
        let openDays = try OpenDays(db)
        try addSealedDays(openDays, frozen)
        // A start before the mark may end anew after it; what lies before the mark is as it was.
        try additions.each { cell, aggregate in
            if !frozen.contains(cell.start, on: cell.level) { try table.merge(aggregate, into: cell) }
        }
        var days: Set<HourOfCustomer> = []
        for var hour in recounts {
            guard let meter = meters[hour.meter], !frozen.contains(hour.hour) else { continue }
            try table.recount(hour: hour.hour, meter, customer: hour.customer, db)
            hour.hour = RollupCell.day(of: hour.hour)
            days.insert(hour)
        }
        for day in days where try !openDays.isOpen(OpenDays.Day(meter: day.meter, start: day.hour)) {
            try table.recount(day: day.hour, meter: day.meter, customer: day.customer)
        }
        additions = RollupSums()
        recounts = []
    }

    /// Adds what changes in hours to their days, where these have rows.
    private mutating func addSealedDays(_ openDays: OpenDays, _ frozen: FrozenPast) throws {
        for (index, cell) in additions.cells.enumerated()
        where try !frozen.contains(cell.start) && !openDays.isOpen(cell.day) {
            var day = cell
            day.level = cell.level.byDay
            day.start = cell.day.start
            try additions.add(additions.aggregates[index], to: day)
        }
    }
}

/// Aggregates by what they are about.
struct RollupSums {
    // Aggregates are large: they stay where they are while the table grows and while its cells are put into order.
    private var places: [RollupCell: Int] = [:]
    private(set) var cells: [RollupCell] = []
    private(set) var aggregates: [Aggregate] = []

    mutating func add(_ aggregate: Aggregate, to cell: RollupCell) throws {
        if let place = places[cell] {
            try aggregates[place].merge(aggregate)
        } else {
            places[cell] = cells.count
            cells.append(cell)
            aggregates.append(aggregate)
        }
    }

    /// Lends each cell, in the order of the table's key.
    func each(_ body: (RollupCell, Aggregate) throws -> Void) rethrows {
        for place in cells.indices.sorted(by: { RollupCell.precedes(cells[$0], cells[$1]) }) {
            try body(cells[place], aggregates[place])
        }
    }
}

/// The rows of the rollups.
struct RollupTable {
    /// What stands in it, frozen or not.
    let rows: RollupRows
    private let db: Database
    private let insert: HotStatement
    private let select: HotStatement
    private let upsert: HotStatement
    private let delete: HotStatement
    private let deleteAll: HotStatement

    init(_ db: Database) throws {
        let cell = "level = ? AND start = ? AND meter = ? AND customer = ?"
        self.db = db
        rows = try RollupRows(db)
        insert = try HotStatement(
            db,
            """
            INSERT INTO rollup (level, start, meter, customer, dimensions, aggregate) VALUES (?, ?, ?, ?, ?, ?)
            ON CONFLICT DO NOTHING
            """)
        select = try HotStatement(db, "SELECT aggregate FROM rollup WHERE \(cell) AND dimensions = ?")
        upsert = try HotStatement(
            db,
            "INSERT OR REPLACE INTO rollup (level, start, meter, customer, dimensions, aggregate) VALUES (?, ?, ?, ?, ?, ?)"
        )
        delete = try HotStatement(db, "DELETE FROM rollup WHERE \(cell) AND dimensions = ?")
        deleteAll = try HotStatement(db, "DELETE FROM rollup WHERE \(cell)")
    }

    func merge(_ aggregate: Aggregate, into cell: RollupCell) throws {
        // Where a transaction changes many cells most are new, and looking for each first would cost a search more. What
        // takes records back has less than none, and its cell is there.
        if aggregate.count > 0 {
            try run(insert, cell, aggregate)
            if db.changesCount > 0 { return }
        }
        bind(select, cell.level, cell.start, cell.meter, cell.customer)
        select.bind(5, cell.dimensions)
        defer { select.reset() }
        guard try select.step() else {
            try write(aggregate, to: cell)
            return
        }
        var merged = try Self.aggregate(select, 0)
        try merged.merge(aggregate)
        try write(merged, to: cell)
    }

    private func write(_ aggregate: Aggregate, to cell: RollupCell) throws {
        try run(aggregate.isEmpty ? delete : upsert, cell, aggregate.isEmpty ? nil : aggregate)
    }

    private func run(_ statement: HotStatement, _ cell: RollupCell, _ aggregate: Aggregate?) throws {
        bind(statement, cell.level, cell.start, cell.meter, cell.customer)
        statement.bind(5, cell.dimensions)
        if let aggregate {
            var bytes: [UInt8] = []
            aggregate.encode(into: &bytes)
            statement.bind(6, bytes)
        }
        try statement.run()
    }

    /// Counts an hour of a customer again, from the records.
    func recount(hour: Int64, _ meter: RollupMeter, customer: Int64, _ db: Database) throws {
        var whole = Aggregate()
        var byDimensions: [[UInt8]: Aggregate] = [:]
        let rows = try HotStatement(
            db,
            """
            SELECT r.time, r.value, r.dimensions FROM identity i JOIN record r ON r.number = i.number
            WHERE i.hour = ? AND i.meter = ? AND i.customer = ? AND i.state = 1
            """)
        rows.bind(1, hour)
        rows.bind(2, meter.name)
        rows.bind(3, customer)
        defer { rows.reset() }
        while try rows.step() {
            guard let value = rows.withBytes(1, { Quantity(jsonNumber: $0) }) else { throw Self.damaged }
            let aggregate = Aggregate(value: ExactDecimal(value), time: rows.int(0))
            try whole.merge(aggregate)
            if !meter.dimensions.isEmpty {
                try byDimensions[meter.declared(rows.bytes(2)), default: Aggregate()].merge(aggregate)
            }
        }
        try replace(.hour, hour, meter.name, customer, [[]: whole])
        try replace(.hourByDimensions, hour, meter.name, customer, byDimensions)
    }

    /// Adds a day of a customer up again, from its hours.
    func recount(day: Int64, meter: Int64, customer: Int64) throws {
        for level in [RollupCell.Level.hour, .hourByDimensions] {
            var sums: [[UInt8]: Aggregate] = [:]
            for hour in day..<day + 24 {
                try rows.each(level, hour, meter: meter, customers: [customer]) { _, dimensions, aggregate in
                    try sums[dimensions, default: Aggregate()].merge(aggregate)
                }
            }
            try replace(level.byDay, day, meter, customer, sums)
        }
    }

    /// Adds up a day that has no rows, from its hours.
    ///
    /// - Returns: how many rows were written.
    func writeDay(_ day: OpenDays.Day) throws -> Int {
        var sums = RollupSums()
        let isFrozen = rows.frozen.contains(day.start, on: .day)
        for level in [RollupCell.Level.hour, .hourByDimensions] {
            let byDay = isFrozen ? level.byDay.frozen : level.byDay
            for hour in day.start..<day.start + 24 {
                try rows.each(level, hour, meter: day.meter) { customer, dimensions, aggregate in
                    let cell = RollupCell(
                        level: byDay, start: day.start, meter: day.meter, customer: customer, dimensions: dimensions)
                    try sums.add(aggregate, to: cell)
                }
            }
        }
        try sums.each { cell, aggregate in try write(aggregate, to: cell) }
        return sums.cells.count
    }

    private func replace(
        _ level: RollupCell.Level, _ start: Int64, _ meter: Int64, _ customer: Int64,
        _ aggregates: [[UInt8]: Aggregate]
    ) throws {
        bind(deleteAll, level, start, meter, customer)
        try deleteAll.run()
        for (dimensions, aggregate) in aggregates where !aggregate.isEmpty {
            try write(
                aggregate,
                to: RollupCell(level: level, start: start, meter: meter, customer: customer, dimensions: dimensions))
        }
    }

    private func bind(
        _ statement: HotStatement, _ level: RollupCell.Level, _ start: Int64, _ meter: Int64, _ customer: Int64
    ) {
        statement.bind(1, level.rawValue)
        statement.bind(2, start)
        statement.bind(3, meter)
        statement.bind(4, customer)
    }

    /// The aggregate in a column.
    static func aggregate(_ row: HotStatement, _ column: Int32) throws -> Aggregate {
        let aggregate = row.withBytes(column) { bytes in
            var position = 0
            return Aggregate(decoding: bytes, at: &position)
        }
        guard let aggregate else { throw damaged }
        return aggregate
    }

    static var damaged: StoreError {
        StoreError(
            .failed, "a row of the database is damaged; restore a backup, and run an audit for what came after it")
    }
}
