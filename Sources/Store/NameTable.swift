import Aggregation
import GRDB

/// The numbers of meters, customers and log groups, with those at hand that were used of late.
///
/// Its content is true only as long as the transaction that added to it is not rolled back.
struct NameTable {
    private var ids: [ByteKey: Int64] = [:]
    private static let limit = 100_000

    /// The number of a name, which gets one if it has none.
    mutating func id(of name: String, _ db: Database) throws -> Int64 {
        let key = ByteKey(bytes: Array(name.utf8))
        if let id = ids[key] { return id }
        let id = try Self.find(key.bytes, db) ?? Self.insert(key.bytes, db)
        if ids.count >= Self.limit { ids.removeAll(keepingCapacity: true) }
        ids[key] = id
        return id
    }

    /// The number of a name; nil when it was never seen.
    static func find(_ name: [UInt8], _ db: Database) throws -> Int64? {
        let statement = try HotStatement(db, "SELECT id FROM name WHERE text = ?")
        statement.bind(1, name)
        defer { statement.reset() }
        return try statement.step() ? statement.int(0) : nil
    }

    static func find(_ name: String, _ db: Database) throws -> Int64? {
        try find(Array(name.utf8), db)
    }

    /// The bytes of a name.
    static func bytes(of id: Int64, _ db: Database) throws -> [UInt8] {
        let statement = try HotStatement(db, "SELECT text FROM name WHERE id = ?")
        statement.bind(1, id)
        defer { statement.reset() }
        return try statement.step() ? statement.bytes(0) : []
    }

    static func text(of id: Int64, _ db: Database) throws -> String {
        String(decoding: try bytes(of: id, db), as: UTF8.self)
    }

    private static func insert(_ name: [UInt8], _ db: Database) throws -> Int64 {
        let statement = try HotStatement(db, "INSERT INTO name (text) VALUES (?)")
        statement.bind(1, name)
        try statement.run()
        return db.lastInsertedRowID
    }
}
