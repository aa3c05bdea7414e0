import GRDB

/// What came in within a minute by one way in: `received` includes the other two.
public struct Arrivals: Sendable {
    /// The start of the minute, in milliseconds since 1970.
    public var minute: Int64
    /// The way in.
    public var intake: IntakeName
    /// Everything that came.
    public var received: Int
    /// What was known already.
    public var duplicate: Int
    /// What was no valid record.
    public var rejected: Int

    /// How long a minute is, in milliseconds.
    public static let length: Int64 = 60_000

    static func add(_ result: IntakeResult, at time: Int64, _ intake: Int64, _ db: Database) throws {
        try db.cachedStatement(
            sql: """
                INSERT INTO arrival (minute, intake, received, duplicate, rejected) VALUES (?, ?, ?, ?, ?)
                ON CONFLICT DO UPDATE SET received = received + excluded.received,
                    duplicate = duplicate + excluded.duplicate, rejected = rejected + excluded.rejected
                """
        ).execute(arguments: [time / length * length, intake, result.received, result.duplicates, result.rejected])
    }
}

// The protocol documents what is public here.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension SQLiteStore {
    public func arrivals(since time: Int64) async throws(StoreError) -> [Arrivals] {
        try await read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT minute, intake, received, duplicate, rejected FROM arrival WHERE minute >= ?
                    ORDER BY minute, intake
                    """, arguments: [time / Arrivals.length * Arrivals.length]
            ).map { row in
                Arrivals(
                    minute: row[0], intake: try IntakeTable.name(of: row[1], db), received: row[2], duplicate: row[3],
                    rejected: row[4])
            }
        }
    }
}
