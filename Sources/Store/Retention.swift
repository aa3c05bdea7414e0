import GRDB
import Meter

// The protocol documents what is public here.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension SQLiteStore {
    /// How many rows one transaction freezes or drops, so that nobody waits long for it.
    private static let maximumRows = 10_000

    public func closeRecords(keeping hours: Int64, at now: Int64) async throws(StoreError) -> Int {
        try await write { db in
            var frozen = try FrozenPast(db)
            let target = try FrozenPast.target(keeping: hours, at: now, db)
            let rows = try frozen.advance(to: target, rows: Self.maximumRows, db)
            return rows > 0 ? rows : try Self.dropRecords(frozen, db)
        }
    }

    /// Drops a part of what nothing looks for any more.
    private static func dropRecords(_ frozen: FrozenPast, _ db: Database) throws -> Int {
        let rows = try HotStatement(
            db,
            """
            SELECT hour, meter, customer, key, number, cancel FROM identity WHERE hour < ? ORDER BY hour LIMIT ?
            """)
        rows.bind(1, frozen.hour)
        rows.bind(2, Int64(maximumRows))
        var identities: [Closing] = []
        while try rows.step() { identities.append(Closing(rows)) }
        rows.reset()
        for identity in identities { try identity.drop(db) }
        try db.execute(sql: "DELETE FROM arrival WHERE minute < ?", arguments: [frozen.time])
        return try identities.count + dropSuperseded(before: frozen.time, db)
    }

    /// Drops records that no identity leads to any more.
    private static func dropSuperseded(before time: Int64, _ db: Database) throws -> Int {
        try db.execute(
            sql: """
                DELETE FROM record WHERE number IN
                    (SELECT number FROM record WHERE flags & 4 <> 0 AND time < ? ORDER BY time LIMIT ?)
                """, arguments: [time, maximumRows])
        return db.changesCount
    }
}

/// An identity whose hour is frozen.
private struct Closing {
    let hour: Int64
    let meter: Int64
    let customer: Int64
    let key: [UInt8]
    let number: Int64
    let cancel: Int64?

    init(_ row: HotStatement) {
        hour = row.int(0)
        meter = row.int(1)
        customer = row.int(2)
        key = row.bytes(3)
        number = row.int(4)
        cancel = row.optionalInt(5)
    }

    func drop(_ db: Database) throws {
        let statement = try HotStatement(
            db, "DELETE FROM identity WHERE hour = ? AND meter = ? AND customer = ? AND key = ?")
        statement.bind(1, hour)
        statement.bind(2, meter)
        statement.bind(3, customer)
        statement.bind(4, key)
        try statement.run()
        for number in [number, cancel].compactMap({ $0 }) {
            for sql in ["DELETE FROM record WHERE number = ?", "DELETE FROM duplicate WHERE number = ?"] {
                let statement = try HotStatement(db, sql)
                statement.bind(1, number)
                try statement.run()
            }
        }
    }
}
