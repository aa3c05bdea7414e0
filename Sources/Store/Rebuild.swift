import GRDB

/// Counts a meter's records again, when it is defined or when what its usage is kept by changes.
///
/// Hours whose records are dropped keep the usage that they had.
struct Rebuild {
    private let meter: RollupMeter
    private let db: Database
    private static let maximumChanges = 50_000

    init(_ meter: RollupMeter, _ db: Database) {
        self.meter = meter
        self.db = db
    }

    func run() throws {
        let closedHour = Hour.containing(try Setting.closedBefore(db))
        try Self.clear(meter: meter.name, before: closedHour, db)
        var changes = RollupChanges()
        let meters = [meter.name: meter]
        var hour: Int64? = -1
        while let last = hour {
            hour = try Int64.fetchOne(
                db.cachedStatement(sql: "SELECT min(hour) FROM identity WHERE hour > ?"), arguments: [last])
            guard let hour else { break }
            for record in try records(of: hour) {
                try changes.add(record, meter, db)
                if changes.count >= Self.maximumChanges { try changes.write(meters, db) }
            }
        }
        try changes.write(meters, db)
        try addDays(of: closedHour)
    }

    private func records(of hour: Int64) throws -> [CountedRecord] {
        let rows = try HotStatement(
            db,
            """
            SELECT \(StoredRecord.columns) FROM identity i JOIN record r ON r.number = i.number
            WHERE i.hour = ? AND i.meter = ? AND i.state = 1
            """)
        rows.bind(1, hour)
        rows.bind(2, meter.name)
        defer { rows.reset() }
        var records: [CountedRecord] = []
        while try rows.step() {
            if let record = StoredRecord(rows) { records.append(record.counted) }
        }
        return records
    }

    /// The day in which the records begin holds hours without records too: it is added up from its hours.
    private func addDays(of closedHour: Int64) throws {
        guard closedHour % 24 != 0 else { return }
        let day = RollupCell.day(of: closedHour)
        let table = try RollupTable(db)
        let customers = try Int64.fetchAll(
            db,
            sql: "SELECT DISTINCT customer FROM rollup WHERE level = 0 AND start >= ? AND start < ? AND meter = ?",
            arguments: [day, day + 24, meter.name])
        for customer in customers { try table.recount(day: day, meter: meter.name, customer: customer) }
    }

    /// Drops a meter's usage: that of hours whose records are there, or, without a closed hour, all of it.
    static func clear(meter: Int64, before closedHour: Int64?, _ db: Database) throws {
        try db.execute(
            sql: "DELETE FROM rollup WHERE meter = ? AND start >= ? AND level IN (0, 1)",
            arguments: [meter, closedHour ?? 0])
        try db.execute(
            sql: "DELETE FROM rollup WHERE meter = ? AND start >= ? AND level IN (2, 3)",
            arguments: [meter, RollupCell.day(of: closedHour ?? 0)])
        try db.execute(sql: "DELETE FROM series WHERE meter = ?", arguments: [meter])
    }
}
