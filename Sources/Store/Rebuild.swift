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
        try open(dayOf: closedHour)
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

    /// The day in which the records begin holds hours without records too, which are read until it is sealed.
    private func open(dayOf closedHour: Int64) throws {
        let day = OpenDays.Day(meter: meter.name, start: RollupCell.day(of: closedHour))
        guard day.start < closedHour else { return }
        try OpenDays(db).open(day)
    }

    /// Drops a meter's usage: that of hours whose records are there, or, without a closed hour, all of it.
    static func clear(meter: Int64, before closedHour: Int64?, _ db: Database) throws {
        let next = try HotStatement(db, "SELECT min(start) FROM rollup WHERE level = ? AND start >= ?")
        let delete = try HotStatement(db, "DELETE FROM rollup WHERE level = ? AND start = ? AND meter = ?")
        for level in RollupCell.Level.allCases {
            let first = closedHour ?? 0
            var start = level.isByDay ? RollupCell.day(of: first) : first
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
        if closedHour == nil {
            try db.execute(sql: "DELETE FROM openDay WHERE meter = ?", arguments: [meter])
        }
        try db.execute(sql: "DELETE FROM series WHERE meter = ?", arguments: [meter])
    }
}
