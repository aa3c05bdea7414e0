import FoundationEssentials
import GRDB

/// What an audit of a range of a log group found; the audit itself names every record.
public struct StoredAudit: Sendable, Codable {
    /// When it was noted, in milliseconds since 1970.
    public var time: Int64
    /// The name of the key that noted it.
    public var who: String
    /// The account of the log group.
    public var account: String
    /// The log group.
    public var logGroup: String
    /// Where the range begins, in milliseconds since 1970.
    public var from: Int64
    /// Where it ends.
    public var to: Int64
    /// How many values stood behind tags.
    public var found: Int
    /// How many of them were not received.
    public var missing: Int
    /// How many were received as something else.
    public var different: Int
    /// How many were received that the logs do not hold.
    public var extra: Int
    /// How many of the missing ones were ingested by it.
    public var repaired: Int

    /// Makes a note.
    public init(
        time: Int64, who: String, account: String, logGroup: String, from: Int64, to: Int64, found: Int, missing: Int,
        different: Int, extra: Int, repaired: Int
    ) {
        self.time = time
        self.who = who
        self.account = account
        self.logGroup = logGroup
        self.from = from
        self.to = to
        self.found = found
        self.missing = missing
        self.different = different
        self.extra = extra
        self.repaired = repaired
    }

    /// Whether everything in the logs was received as it is, or is now.
    public var isClean: Bool { missing <= repaired && different == 0 }
}

// The protocol documents what is public here.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension SQLiteStore {
    public func note(_ audit: StoredAudit) async throws(StoreError) {
        try await write { db in
            try db.execute(
                sql: "INSERT INTO audit (definition) VALUES (?)", arguments: [try JSONEncoder().encode(audit)])
        }
    }

    public func audits(limit: Int) async throws(StoreError) -> [StoredAudit] {
        try await read { db in
            try Data.fetchAll(db, sql: "SELECT definition FROM audit ORDER BY id DESC LIMIT ?", arguments: [limit])
                .map { try JSONDecoder().decode(StoredAudit.self, from: $0) }
        }
    }
}
