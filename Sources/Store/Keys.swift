import FoundationEssentials
import GRDB

// The protocol documents what is public here.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension SQLiteStore {
    public func keys() async throws(StoreError) -> [StoredKey] {
        try await read { db in
            try Row.fetchAll(
                db,
                sql:
                    "SELECT id, name, rights, hash, created, used FROM apiKey WHERE revoked IS NULL ORDER BY created, id"
            ).map(Self.key)
        }
    }

    public func revokedKey(hash: [UInt8]) async throws(StoreError) -> StoredKey? {
        try await read { db in
            try Row.fetchOne(
                db,
                sql: "SELECT id, name, rights, hash, created, used FROM apiKey WHERE hash = ? AND revoked IS NOT NULL",
                arguments: [Data(hash)]
            ).map(Self.key)
        }
    }

    private static func key(_ row: Row) -> StoredKey {
        StoredKey(
            id: row[0], name: row[1], rights: (row[2] as String).split(separator: " ").map { String($0) },
            hash: Array(row[3] as Data), created: row[4], used: row[5])
    }

    public func add(_ key: StoredKey, who: String) async throws(StoreError) {
        try await write { db in
            try db.execute(
                sql: "INSERT INTO apiKey (id, name, rights, hash, created) VALUES (?, ?, ?, ?, ?)",
                arguments: [key.id, key.name, key.rights.joined(separator: " "), Data(key.hash), key.created])
            try Change.append(
                who: who, what: "key.create", subject: "\(key.name) (\(key.id))",
                after: Array(try json(["rights": key.rights.joined(separator: " ")])), time: key.created, db)
        }
    }

    public func revokeKey(id: String, who: String, time: Int64) async throws(StoreError) -> StoredKey? {
        try await write { db in
            let row = try Row.fetchOne(
                db,
                sql: "SELECT id, name, rights, hash, created, used FROM apiKey WHERE id = ? AND revoked IS NULL",
                arguments: [id])
            guard let key = row.map(Self.key) else { return nil }
            if key.rights.contains("admin") {
                let others = try String.fetchAll(
                    db, sql: "SELECT rights FROM apiKey WHERE revoked IS NULL AND id <> ?", arguments: [id])
                guard others.contains(where: { $0.split(separator: " ").contains("admin") }) else {
                    throw StoreError(.conflict, "this is the only admin key; make another one before you revoke it")
                }
            }
            try db.execute(sql: "UPDATE apiKey SET revoked = ? WHERE id = ?", arguments: [time, id])
            try Change.append(
                who: who, what: "key.revoke", subject: "\(key.name) (\(key.id))",
                before: Array(try json(["rights": key.rights.joined(separator: " ")])), time: time, db)
            return key
        }
    }

    public func noteUse(ofKeys times: [String: Int64]) async throws(StoreError) {
        try await write { db in
            for (id, time) in times {
                try db.execute(
                    sql: "UPDATE apiKey SET used = max(coalesce(used, 0), ?) WHERE id = ?", arguments: [time, id])
            }
        }
    }

    public func changes(limit: Int, before cursor: Int64?) async throws(StoreError) -> [StoredChange] {
        try await read { db in
            try Row.fetchAll(
                db,
                sql: """
                    SELECT id, time, who, what, subject, before, after FROM change WHERE id < ?
                    ORDER BY id DESC LIMIT ?
                    """, arguments: [cursor ?? Int64.max, limit]
            ).map { row in
                StoredChange(
                    id: row[0], time: row[1], who: row[2], what: row[3], subject: row[4],
                    before: (row[5] as Data?).map { Array($0) }, after: (row[6] as Data?).map { Array($0) })
            }
        }
    }
}
