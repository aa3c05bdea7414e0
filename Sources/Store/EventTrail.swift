import FoundationEssentials
import GRDB
import Meter

/// What is known of a record beside itself.
public struct EventTrail: Sendable {
    /// A time that the same record came again.
    public struct Repetition: Sendable {
        /// When, in milliseconds since 1970.
        public var received: Int64
        /// The way in.
        public var intake: IntakeName
        /// The object that it was read from.
        public var object: String?
    }

    /// The first times that it came again, at most a hundred; none of them was counted.
    public var repetitions: [Repetition] = []
    /// The number of the cancel that took it back, or of the record that it took back as a cancel.
    public var counterpart: Int64?
}

// The protocol documents what is public here.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension SQLiteStore {
    private static let maximumRepetitions = 100

    public func trail(of number: Int64) async throws(StoreError) -> EventTrail {
        try await read { db in
            let rows = try Row.fetchAll(
                db, sql: "SELECT received, intake, object FROM duplicate WHERE number = ? ORDER BY id LIMIT ?",
                arguments: [number, Self.maximumRepetitions])
            let repetitions = try rows.map { row in
                EventTrail.Repetition(
                    received: row[0], intake: try IntakeTable.name(of: row[1], db),
                    object: try Self.key(ofObject: row[2], db))
            }
            return EventTrail(repetitions: repetitions, counterpart: try Self.counterpart(of: number, db))
        }
    }

    private static func key(ofObject id: Int64?, _ db: Database) throws -> String? {
        guard let id else { return nil }
        return try Data.fetchOne(db, sql: "SELECT key FROM object WHERE id = ?", arguments: [id])
            .map { String(decoding: $0, as: UTF8.self) }
    }

    /// The other side of a cancel, by the identity that both share.
    private static func counterpart(of number: Int64, _ db: Database) throws -> Int64? {
        guard let row = try StoredRecord.find(number, db) else { return nil }
        let record = try details(of: row, db).record
        let deduplication = try Deduplications(db)[row.meter]
        let place = IdentityPlace(
            meter: row.meter, customer: row.customer, key: RecordKey(record, deduplication: deduplication),
            hour: Hour.containing(row.time))
        guard let known = try IdentityTable(db).find(place), known.state == .cancelled else { return nil }
        return known.number == number ? known.cancel : known.cancel == number ? known.number : nil
    }
}
