import Aggregation
import GRDB

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
