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
        hour = Hour.containing(try Setting.value("closedBefore", db) ?? 0)
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
    /// - Returns: how many rows were frozen; when it is 0, `target` is reached.
    mutating func advance(to target: Int64, rows maximum: Int, _ db: Database) throws -> Int {
        guard hour < target else { return 0 }
        var rows = 0
        while hour < target, rows < maximum {
            let next = try Self.nextHour(from: hour, db)
            hour = min(target, next.map { $0 + 1 } ?? target)
            if let next, next < hour { rows += try Self.freeze(hour: next, db) }
            rows += try Self.freeze(daysBefore: day, db)
        }
        try Setting.set("closedBefore", time, db)
        for meter in try RollupMeter.all(db).values where meter.isDuration {
            try SeriesTable(db).settle(self, meter, db)
        }
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
