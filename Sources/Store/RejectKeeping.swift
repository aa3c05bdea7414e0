import FoundationEssentials
import GRDB

// The protocol documents what is public here.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension SQLiteStore {
    /// How many rejects one transaction drops, so that nobody waits long for it.
    private static let maximumExpired = 5_000

    public func dismiss(_ id: Int64, reason: String, who: String, time: Int64) async throws(StoreError) -> StoredReject
    {
        try await write { db in
            guard var reject = try Self.find(id, db) else {
                throw StoreError(.notFound, "there is no reject \(id)")
            }
            guard reject.resolved == nil else {
                throw StoreError(.conflict, "reject \(id) was resolved before, so there is nothing to dismiss")
            }
            guard reject.dismissed == nil else {
                throw StoreError(.conflict, "reject \(id) was dismissed before")
            }
            (reject.dismissed, reject.dismissReason) = (time, reason)
            try db.execute(
                sql: "UPDATE reject SET dismissed = ?, dismissReason = ? WHERE id = ?", arguments: [time, reason, id])
            try Change.append(
                who: who, what: "reject.dismiss", subject: "reject \(id)", before: reject.line,
                after: Array(reason.utf8), time: time, db)
            return reject
        }
    }

    public func expireRejects() async throws(StoreError) -> Int {
        try await write { db in
            let mark = try FrozenPast(db).time
            let rows = try Row.fetchAll(
                db, sql: "SELECT id, resolved IS NOT NULL FROM reject WHERE received < ? ORDER BY received LIMIT ?",
                arguments: [mark, Self.maximumExpired])
            guard !rows.isEmpty else { return 0 }
            for row in rows {
                try db.execute(sql: "DELETE FROM reject WHERE id = ?", arguments: [row[0] as Int64])
            }
            let resolved = rows.count { $0[1] as Bool }
            try Self.addExpired("expiredResolvedRejects", resolved, db)
            try Self.addExpired("expiredRejects", rows.count - resolved, db)
            return rows.count
        }
    }

    /// Rejects that expired stay in the figures, which would not add up without them.
    static func expired(_ name: String, _ db: Database) throws -> Int {
        Int(try Setting.value(name, db) ?? 0)
    }

    private static func addExpired(_ name: String, _ count: Int, _ db: Database) throws {
        try Setting.set(name, Int64(try expired(name, db) + count), db)
    }
}
