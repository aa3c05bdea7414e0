import Aggregation
import GRDB

/// The days of meters whose usage stands by hour alone.
///
/// Rows by day are spread over all customers and dimensions of the day, so that each record that comes would write a page
/// of its own. So a day begins open, without rows by day, and questions read its hours. When no record came for a while
/// its rows by day are written, all at once and in their order. From then on the day is sealed, and what comes late is
/// added to both.
final class OpenDays {
    struct Day: Hashable {
        var meter: Int64
        /// Its first hour since 1970.
        var start: Int64
    }

    private let newest: Int64
    private var known: [Day: Bool] = [:]
    private let select: HotStatement
    private let selectRow: HotStatement
    private let touch: HotStatement

    init(_ db: Database) throws {
        newest = try Int64.fetchOne(db, sql: "SELECT max(number) FROM record") ?? 0
        select = try HotStatement(db, "SELECT 1 FROM openDay WHERE meter = ? AND day = ?")
        selectRow = try HotStatement(db, "SELECT 1 FROM rollup WHERE level = 2 AND start = ? AND meter = ? LIMIT 1")
        touch = try HotStatement(
            db,
            """
            INSERT INTO openDay (meter, day, last) VALUES (?, ?, ?)
            ON CONFLICT DO UPDATE SET last = excluded.last
            """)
    }

    /// Whether a day is open whose usage is about to change; a day without usage is.
    func isOpen(_ day: Day) throws -> Bool {
        if let isOpen = known[day] { return isOpen }
        let isOpen = try Self.exists(select, day.meter, day.start) || !Self.exists(selectRow, day.start, day.meter)
        known[day] = isOpen
        if isOpen { try open(day) }
        return isOpen
    }

    /// Lets a day, which has no rows by day, be read from its hours.
    func open(_ day: Day) throws {
        touch.bind(1, day.meter)
        touch.bind(2, day.start)
        touch.bind(3, newest)
        try touch.run()
    }

    private static func exists(_ statement: HotStatement, _ first: Int64, _ second: Int64) throws -> Bool {
        statement.bind(1, first)
        statement.bind(2, second)
        defer { statement.reset() }
        return try statement.step()
    }

    /// Seals days for which no record came among so many, until so many rows are written.
    ///
    /// A day that cannot be added up stays open, and whoever asks for it is told why: what others send must not fail for it.
    /// So does the day in which the retention mark stands, part of which may have been kept by other dimensions.
    static func seal(quietFor records: Int64, rows: Int, _ db: Database) throws {
        let newest = try Int64.fetchOne(db, sql: "SELECT max(number) FROM record") ?? 0
        let next = try HotStatement(
            db, "SELECT meter, day FROM openDay WHERE last <= ? AND day <> ? ORDER BY last LIMIT 1")
        let close = try HotStatement(db, "DELETE FROM openDay WHERE meter = ? AND day = ?")
        let postpone = try HotStatement(db, "UPDATE openDay SET last = ?3 WHERE meter = ?1 AND day = ?2")
        let table = try RollupTable(db)
        let frozen = table.rows.frozen
        var left = rows
        while left > 0 {
            next.bind(1, newest - records)
            next.bind(2, frozen.day < frozen.hour ? frozen.day : -1)
            defer { next.reset() }
            guard try next.step() else { return }
            let day = Day(meter: next.int(0), start: next.int(1))
            next.reset()
            var statement = close
            do {
                left -= try table.writeDay(day) + 1
            } catch let error where error is ArithmeticOverflow || error is StoreError {
                left -= 1
                postpone.bind(3, newest)
                statement = postpone
            }
            statement.bind(1, day.meter)
            statement.bind(2, day.start)
            try statement.run()
        }
    }

    /// The first hours of a meter's open days, ascending.
    static func starts(ofMeter meter: Int64, in hours: Range<Int64>, _ db: Database) throws -> [Int64] {
        try Int64.fetchAll(
            db.cachedStatement(sql: "SELECT day FROM openDay WHERE meter = ? AND day >= ? AND day < ? ORDER BY day"),
            arguments: [meter, hours.lowerBound, hours.upperBound])
    }
}
