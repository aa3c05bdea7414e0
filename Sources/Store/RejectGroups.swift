import GRDB

/// Rejects that wait, of one reason and from one place.
public struct RejectGroup: Sendable {
    /// Why they are no records.
    public var reason: String
    /// The way in.
    public var intake: IntakeName
    /// The log group that they say they are from.
    public var logGroup: String?
    /// How many there are.
    public var count: Int
    /// When the newest came, in milliseconds since 1970.
    public var newest: Int64
    /// How many came on a day, by the day's start in milliseconds since 1970.
    public var days: [Int64: Int]
}

// The protocol documents what is public here.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension SQLiteStore {
    private static let maximumGroups = 200
    private static let day: Int64 = 86_400_000

    public func rejectGroups(daysSince time: Int64) async throws(StoreError) -> [RejectGroup] {
        try await read { db in
            let rows = try Row.fetchAll(
                db,
                sql: """
                    SELECT reason, intake, logGroup, count(*), max(received) FROM reject WHERE resolved IS NULL AND dismissed IS NULL
                    GROUP BY reason, intake, logGroup ORDER BY 4 DESC, 1, 2 LIMIT ?
                    """, arguments: [Self.maximumGroups])
            return try rows.map { row in
                let logGroup: Int64? = row[2]
                return RejectGroup(
                    reason: row[0], intake: try IntakeTable.name(of: row[1], db),
                    logGroup: try logGroup.map { try NameTable.text(of: $0, db) }, count: row[3], newest: row[4],
                    days: try Self.days(of: (row[0], row[1], logGroup), since: time, db))
            }
        }
    }

    private static func days(
        of group: (reason: String, intake: Int64, logGroup: Int64?), since time: Int64, _ db: Database
    ) throws -> [Int64: Int] {
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT received / \(day) * \(day), count(*) FROM reject
                WHERE resolved IS NULL AND dismissed IS NULL AND reason = ? AND intake = ? AND logGroup IS ? AND received >= ? GROUP BY 1
                """, arguments: [group.reason, group.intake, group.logGroup, time])
        return Dictionary(rows.map { ($0[0], $0[1]) }, uniquingKeysWith: +)
    }
}
