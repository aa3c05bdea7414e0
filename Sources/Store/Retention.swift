import GRDB
import Meter

// The protocol documents what is public here.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension SQLiteStore {
    /// How many records one transaction drops, so that nobody waits long for it.
    private static let maximumDropped = 10_000

    public func closeRecords(before time: Int64) async throws(StoreError) -> Int {
        try await write { db in
            let hour = Hour.containing(max(0, time))
            let closedBefore = max(try Setting.closedBefore(db), hour * Hour.milliseconds)
            // The mark moves with the first record that goes, so that none can come back.
            try Setting.set("closedBefore", closedBefore, db)
            let rows = try HotStatement(
                db,
                """
                SELECT hour, meter, customer, key, number, cancel FROM identity WHERE hour < ? ORDER BY hour LIMIT ?
                """)
            rows.bind(1, closedBefore / Hour.milliseconds)
            rows.bind(2, Int64(Self.maximumDropped))
            var identities: [Closing] = []
            while try rows.step() { identities.append(Closing(rows)) }
            rows.reset()
            for identity in identities { try identity.drop(db) }
            try db.execute(sql: "DELETE FROM arrival WHERE minute < ?", arguments: [closedBefore])
            return try identities.count + Self.dropSuperseded(before: closedBefore, db)
        }
    }

    /// Drops records that no identity leads to any more.
    private static func dropSuperseded(before time: Int64, _ db: Database) throws -> Int {
        try db.execute(
            sql: """
                DELETE FROM record WHERE number IN
                    (SELECT number FROM record WHERE flags & 4 <> 0 AND time < ? ORDER BY time LIMIT ?)
                """, arguments: [time, maximumDropped])
        return db.changesCount
    }
}

/// An identity whose hour is closed.
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
        for table in ["identity", "timeless"] {
            let statement = try HotStatement(
                db, "DELETE FROM \(table) WHERE hour = ? AND meter = ? AND customer = ? AND key = ?")
            statement.bind(1, hour)
            statement.bind(2, meter)
            statement.bind(3, customer)
            statement.bind(4, key)
            try statement.run()
        }
        for number in [number, cancel].compactMap({ $0 }) {
            for sql in ["DELETE FROM record WHERE number = ?", "DELETE FROM duplicate WHERE number = ?"] {
                let statement = try HotStatement(db, sql)
                statement.bind(1, number)
                try statement.run()
            }
        }
    }
}
