import FoundationEssentials
import GRDB
import SystemPackage

/// The file beside a database that says which one it is.
///
/// A database that is gone, cut to nothing or replaced would be an empty one at the next start, and what was billed would be
/// forgotten in silence.
struct DatabaseIdentity {
    private let path: String
    private let database: String

    /// - Parameter path: the database's.
    init(path: String) {
        database = path
        self.path = path + ".id"
    }

    private func read() throws -> String? {
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        return try String(decoding: Data(contentsOf: URL(filePath: path)), as: UTF8.self)
            .filter { !$0.isWhitespace }
    }

    /// - Throws: `StoreError` when a database was here and its file is not.
    func checkFile() throws {
        guard try read() != nil else { return }
        guard FileManager.default.fileExists(atPath: database) else { throw isGone }
        // A pipe would be waited for.
        let file = try FileDescriptor.open(FilePath(database), .readOnly, options: [.nonBlocking])
        let size = try file.closeAfter { try? file.seek(offset: 0, from: .end) }
        guard let size, size > 0 else { throw isGone }
    }

    /// - Throws: `StoreError` when another database was here, or when this is one of something else.
    func check(_ db: Database) throws {
        let hasMigrations = try db.tableExists("grdb_migrations")
        let tables = try Int.fetchOne(db, sql: "SELECT count(*) FROM sqlite_master WHERE type = 'table'") ?? 0
        guard hasMigrations || tables == 0 else {
            throw StoreError(
                .incompatible,
                "\(database) is a database of something else; nothing in it was changed. Give another directory")
        }
        guard let expected = try read() else { return }
        let found = try hasMigrations && db.tableExists("setting") ? Setting.identity(db) : nil
        guard found == expected else { throw isGone }
    }

    func write(_ identity: String) throws {
        try PrivateFiles.prepare(path)
        guard try read() != identity else { return }
        let file = try FileDescriptor.open(
            FilePath(path), .writeOnly, options: [.create, .truncate, .noFollow], permissions: [.ownerReadWrite])
        _ = try file.closeAfter { try file.writeAll(Array((identity + "\n").utf8)) }
    }

    /// Forgets which database was here.
    func remove() throws {
        guard FileManager.default.fileExists(atPath: path) else { return }
        try FileManager.default.removeItem(atPath: path)
    }

    private var isGone: StoreError {
        StoreError(
            .incompatible,
            """
            the database \(database) is not the one that was here: that is gone, cut to nothing or replaced. Nothing was \
            changed. Put it back with the files beside it, or remove it and restore a backup (`metertap restore`). Only to begin anew \
            without anything that was counted, remove it and \(path)
            """)
    }
}
