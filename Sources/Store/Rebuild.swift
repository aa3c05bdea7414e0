import GRDB

/// Counts a meter's records again, when it is defined or when what its usage is kept by changes.
///
/// What is frozen stays as it is.
struct Rebuild {
    private let meter: RollupMeter
    private let db: Database
    private let frozen: FrozenPast
    private static let maximumChanges = 50_000

    init(_ meter: RollupMeter, _ db: Database) throws {
        self.meter = meter
        self.db = db
        frozen = try FrozenPast(db)
    }

    func run() throws {
        try Self.clear(meter: meter.name, db)
        var changes = RollupChanges()
        let meters = [meter.name: meter]
        if meter.isDuration {
            for start in try SeriesTable(db).running(frozen, meter, db) {
                try changes.add(start, meter)
                if changes.count >= Self.maximumChanges { try changes.write(meters, db) }
            }
        }
        var hour: Int64? = frozen.hour - 1
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

    /// Drops a meter's usage, but for what is frozen.
    static func clear(meter: Int64, _ db: Database) throws {
        let frozen = try FrozenPast(db)
        let next = try HotStatement(db, "SELECT min(start) FROM rollup WHERE level = ? AND start >= ?")
        let delete = try HotStatement(db, "DELETE FROM rollup WHERE level = ? AND start = ? AND meter = ?")
        for level in RollupCell.Level.changing {
            var start = frozen.end(of: level)
            while true {
                next.bind(1, level.rawValue)
                next.bind(2, start)
                let found = try next.step() ? next.optionalInt(0) : nil
                next.reset()
                guard let found else { break }
                delete.bind(1, level.rawValue)
                delete.bind(2, found)
                delete.bind(3, meter)
                try delete.run()
                start = found + 1
            }
        }
        try db.execute(sql: "DELETE FROM openDay WHERE meter = ? AND day >= ?", arguments: [meter, frozen.day])
        try db.execute(sql: "DELETE FROM series WHERE meter = ? AND time >= ?", arguments: [meter, frozen.time])
        // Of the mark's day the frozen hours are left, and it is read from them.
        if frozen.day < frozen.hour { try OpenDays(db).open(OpenDays.Day(meter: meter, start: frozen.day)) }
    }
}
