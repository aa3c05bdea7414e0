import FoundationEssentials
import GRDB
import SystemPackage

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Copies of a database that can be taken while it is written.
extension SQLiteStore {
    /// Writes what is committed now into a new file.
    ///
    /// The copy is one state of the database: everything that was acknowledged before is in it. It may be taken by another
    /// process than the one that writes.
    ///
    /// - Parameters:
    ///   - path: the database.
    ///   - target: the file to write; there must be none.
    /// - Returns: how many records the copy holds.
    /// - Throws: `StoreError`.
    public static func backUp(_ path: String, to target: String) throws(StoreError) -> Int {
        guard !FileManager.default.fileExists(atPath: target) else {
            throw StoreError(.invalid, "\(target) exists; give a new name, so that no backup is lost")
        }
        guard FileManager.default.fileExists(atPath: path) else {
            throw StoreError(.notFound, "there is no database at \(path)")
        }
        let partial = "\(target).partial"
        do {
            try? FileManager.default.removeItem(atPath: partial)
            var configuration = GRDB.Configuration()
            configuration.busyMode = .timeout(10)
            let source = try DatabaseQueue(path: path, configuration: configuration)
            // SQLite fills an empty file, and leaves it the permissions that it has.
            try PrivateFiles.make(partial).close()
            try source.writeWithoutTransaction { db in
                try db.execute(sql: "VACUUM INTO ?", arguments: [partial])
            }
            try source.close()
            let count = try check(partial)
            try FileManager.default.moveItem(atPath: partial, toPath: target)
            return count
        } catch {
            try? FileManager.default.removeItem(atPath: partial)
            throw StoreError(error)
        }
    }

    /// Puts a backup in the place of a database that is not there.
    ///
    /// - Parameters:
    ///   - backup: the file that `backUp` wrote.
    ///   - path: the database; there must be none.
    /// - Returns: how many records it holds.
    /// - Throws: `StoreError`: `invalid` when there is a database, `failed` when the backup is damaged.
    public static func restore(_ backup: String, to path: String) throws(StoreError) -> Int {
        guard FileManager.default.fileExists(atPath: backup) else {
            throw StoreError(.notFound, "there is no backup at \(backup)")
        }
        // A log that another database left behind would be played into this one.
        for file in [path, "\(path)-wal", "\(path)-shm"] where FileManager.default.fileExists(atPath: file) {
            throw StoreError(
                .invalid, "\(file) exists; restore into another --data directory, or move this one away as a whole")
        }
        let partial = "\(path).partial"
        do {
            try? FileManager.default.removeItem(atPath: partial)
            try PrivateFiles.copy(backup, to: partial)
            let count = try check(partial)
            try DatabaseIdentity(path: path).remove()
            try FileManager.default.moveItem(atPath: partial, toPath: path)
            return count
        } catch {
            try? FileManager.default.removeItem(atPath: partial)
            throw StoreError(error)
        }
    }

    /// Reads a whole copy, and forces it to the disk.
    private static func check(_ path: String) throws -> Int {
        let copy = try DatabaseQueue(path: path)
        defer { try? copy.close() }
        let count = try copy.read { db in
            let result = try String.fetchOne(db, sql: "PRAGMA quick_check") ?? ""
            guard result == "ok", try db.tableExists("record") else {
                throw StoreError(.failed, "\(path) is damaged, or no backup of metertap: \(result)")
            }
            return try Int.fetchOne(db, sql: "SELECT count(*) FROM record") ?? 0
        }
        let file = try FileDescriptor.open(FilePath(path), .readOnly)
        try file.closeAfter {
            guard fsync(file.rawValue) == 0 else { throw Errno(rawValue: errno) }
        }
        return count
    }
}
