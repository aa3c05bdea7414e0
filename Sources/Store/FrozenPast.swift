import Aggregation
import GRDB

/// What lies behind the retention mark: hours whose usage nothing changes any more.
///
/// Its rows in `rollup` stand on levels of their own. Intake, cancels, definitions and rebuilds read and write the other
/// levels, so that none of them can reach what is frozen; only the mark's move puts rows there, an hour at a time and with
/// the mark in one transaction. The records of a frozen hour go later, a part at a time, and nothing looks for them.
struct FrozenPast {
    /// The first hour since 1970 that is not frozen; 0 when none is.
    private(set) var hour: Int64

    init(_ db: Database) throws {
        hour = Hour.containing(try Setting.closedBefore(db))
    }

    /// The first time that is not frozen, in milliseconds since 1970.
    var time: Int64 { hour * Hour.milliseconds }

    /// The first hour of the day in which the mark stands; the days before it are frozen to their end.
    var day: Int64 { RollupCell.day(of: hour) }

    func contains(_ hour: Int64) -> Bool { hour < self.hour }

    /// Whether a bucket of a level is frozen to its end.
    func contains(_ start: Int64, on level: RollupCell.Level) -> Bool { start < end(of: level) }

    /// The first bucket of a level that can still change.
    func end(of level: RollupCell.Level) -> Int64 { level.isByDay ? day : hour }

    /// Freezes hours that hold anything, the earliest first, until the mark reaches `target` or so many rows were written.
    ///
    /// - Returns: how many rows were frozen; `target` is reached when it is 0.
    mutating func advance(to target: Int64, rows maximum: Int, _ db: Database) throws -> Int {
        var rows = 0
        while hour < target, rows < maximum {
            let next = try Self.nextHour(from: hour, db)
            hour = min(target, next.map { $0 + 1 } ?? target)
            if let next, next < hour { rows += try Self.freeze(hour: next, db) }
            rows += try Self.freeze(daysBefore: day, db)
        }
        try Setting.set("closedBefore", time, db)
        return rows
    }

    /// Notes the newest hour of a record that did not come before its time; the mark follows it, not the clock alone.
    static func note(newestHour: Int64, _ db: Database) throws {
        guard newestHour > (try Setting.value("newestHour", db) ?? -1) else { return }
        try Setting.set("newestHour", newestHour, db)
    }

    /// Where the mark may stand when records are kept for so many hours.
    ///
    /// A clock that jumps forward drops nothing, for no record is as new as it says.
    static func target(keeping hours: Int64, at now: Int64, _ db: Database) throws -> Int64 {
        let newest = min(Hour.containing(max(0, now)), try Setting.value("newestHour", db) ?? 0)
        return max(0, newest - max(0, hours))
    }

    private static func nextHour(from hour: Int64, _ db: Database) throws -> Int64? {
        try Int64.fetchOne(
            db.cachedStatement(sql: "SELECT min(start) FROM rollup WHERE level = 0 AND start >= ?"), arguments: [hour])
    }

    private static func freeze(hour: Int64, _ db: Database) throws -> Int {
        try db.cachedStatement(sql: "UPDATE rollup SET level = level + 4 WHERE level IN (0, 1) AND start = ?")
            .execute(arguments: [hour])
        return db.changesCount
    }

    private static func freeze(daysBefore day: Int64, _ db: Database) throws -> Int {
        try db.cachedStatement(sql: "UPDATE rollup SET level = level + 4 WHERE level IN (2, 3) AND start < ?")
            .execute(arguments: [day])
        return db.changesCount
    }
}

/// Reads the rows of one bucket of a meter, wherever they stand.
struct RollupRows {
    let frozen: FrozenPast
    private let ofAll: HotStatement
    private let ofCustomer: HotStatement
    private let any: HotStatement
    private let next: HotStatement

    init(_ db: Database) throws {
        let rows = "SELECT customer, dimensions, aggregate FROM rollup WHERE level = ? AND start = ? AND meter = ?"
        frozen = try FrozenPast(db)
        ofAll = try HotStatement(db, rows)
        ofCustomer = try HotStatement(db, rows + " AND customer = ?")
        any = try HotStatement(db, "SELECT 1 FROM rollup WHERE level = ? AND start = ? AND meter = ? LIMIT 1")
        next = try HotStatement(db, "SELECT min(start) FROM rollup WHERE level = ? AND start >= ?")
    }

    /// Lends the rows of a bucket, of the given customers or of all: customer, dimensions and what they add up to.
    func each(
        _ level: RollupCell.Level, _ start: Int64, meter: Int64, customers: [Int64]? = nil,
        _ body: (Int64, [UInt8], Aggregate) throws -> Void
    ) throws {
        let rows = customers == nil ? ofAll : ofCustomer
        bind(rows, try stored(level, start, meter: meter), start, meter)
        for customer in customers ?? [0] {
            if customers != nil { rows.bind(4, customer) }
            defer { rows.reset() }
            while try rows.step() {
                try body(rows.int(0), rows.bytes(1), try RollupTable.aggregate(rows, 2))
            }
        }
    }

    /// Where a bucket's rows stand.
    ///
    /// What was frozen while the meter declared no dimensions has none by dimensions, and stands for records that have none.
    private func stored(_ level: RollupCell.Level, _ start: Int64, meter: Int64) throws -> RollupCell.Level {
        guard frozen.contains(start, on: level) else { return level }
        guard level.hasDimensions else { return level.frozen }
        bind(any, level.frozen, start, meter)
        defer { any.reset() }
        return try any.step() ? level.frozen : level.withoutDimensions.frozen
    }

    /// The next bucket that has rows of any meter: a range may span centuries of which few hours are used.
    func nextStart(_ level: RollupCell.Level, from start: Int64) throws -> Int64? {
        let end = frozen.end(of: level)
        if start < end, let found = try first(level.withoutDimensions.frozen, from: start), found < end { return found }
        return try first(level, from: max(start, end))
    }

    private func first(_ level: RollupCell.Level, from start: Int64) throws -> Int64? {
        next.bind(1, level.rawValue)
        next.bind(2, start)
        defer { next.reset() }
        return try next.step() ? next.optionalInt(0) : nil
    }

    private func bind(_ statement: HotStatement, _ level: RollupCell.Level, _ start: Int64, _ meter: Int64) {
        statement.bind(1, level.rawValue)
        statement.bind(2, start)
        statement.bind(3, meter)
    }
}
