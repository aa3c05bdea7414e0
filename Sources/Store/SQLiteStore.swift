import Aggregation
import FoundationEssentials
import GRDB
import Meter
import Synchronization
import SystemPackage

/// The store in one SQLite file.
///
/// One transaction is written at a time, and those that ask meanwhile share the next one, so that the disk is waited for
/// once for all of them. Readers see the last committed state and wait for nobody.
public final class SQLiteStore: Store {
    /// The file's name within the platform's directory.
    public static let fileName = "metertap.sqlite"

    let pool: DatabasePool
    private let writer: IntakeWriter
    private let failures = Failures()

    /// Opens a database, and makes it when there is none.
    ///
    /// - Parameters:
    ///   - path: the file.
    ///   - quietRecords: after how many records of other days a meter's day gets rows by day; what is answered is the same
    ///     with any number.
    /// - Throws: `StoreError`: `incompatible` for a database of a later version, of something else, or in the place of the one
    ///   that was there; `unavailable` when it cannot be opened.
    public init(path: String, quietRecords: Int64 = 10_000) throws(StoreError) {
        do {
            let identity = DatabaseIdentity(path: path)
            try identity.checkFile()
            try PrivateFiles.prepareDatabase(path)
            pool = try DatabasePool(path: path, configuration: Self.configuration)
            try pool.read(identity.check)
            try Self.migrate(pool)
            try identity.write(try pool.read { db in try Setting.identity(db) ?? "" })
        } catch {
            throw StoreError(error)
        }
        writer = IntakeWriter(pool: pool, files: DatabaseFiles(path), quietRecords: quietRecords)
    }

    private static var configuration: GRDB.Configuration {
        var configuration = GRDB.Configuration()
        configuration.busyMode = .timeout(2)
        configuration.maximumReaderCount = 8
        configuration.publicStatementArguments = false
        configuration.prepareDatabase { db in
            // An answer is given when the log is on the disk, not when it is in the system's memory.
            try db.execute(sql: "PRAGMA synchronous = FULL")
            // In KiB. A question reads far more than it reads twice, and there are several readers.
            try db.execute(sql: "PRAGMA cache_size = \(db.configuration.readonly ? -8_192 : -65_536)")
            try db.execute(sql: "PRAGMA wal_autocheckpoint = 8192")
            try db.execute(sql: "PRAGMA temp_store = MEMORY")
        }
        return configuration
    }

    private static func migrate(_ pool: DatabasePool) throws {
        let migrator = Schema.migrator
        guard try pool.read(migrator.hasBeenSuperseded) == false else {
            throw StoreError(
                .incompatible,
                "the database was written by a later version of metertap; use that version, or restore a backup of this one"
            )
        }
        try migrator.migrate(pool)
    }

    /// Closes the file, which then holds everything without the log beside it.
    public func close() throws(StoreError) {
        do {
            try pool.writeWithoutTransaction { db in _ = try db.checkpoint(.truncate) }
            try pool.close()
        } catch {
            throw StoreError(error)
        }
    }

    func read<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(StoreError) -> Value {
        do { return try await pool.read(body) } catch { throw failures.noted(error) }
    }

    /// Runs a transaction of its own; definitions may have changed after it.
    func write<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(StoreError) -> Value {
        do {
            return try await writer.write(body)
        } catch { throw failures.noted(error) }
    }

    /// Stores a batch; it is durable when this returns.
    public func ingest(_ batch: IntakeBatch) async throws(StoreError) -> IntakeResult {
        do throws(StoreError) {
            let result = try await writer.ingest(batch)
            failures.clear()
            return result
        } catch {
            throw failures.noted(error, ofIngest: true)
        }
    }

    /// What keeps it from working, as far as a request has met it.
    public var trouble: StoreError? { failures.trouble }

    /// Writes something small, to see whether writing works.
    public func probe() async throws(StoreError) {
        try await write { db in
            let time = try Setting.value("probe", db) ?? 0
            try Setting.set("probe", time + 1, db)
            // Where the next record goes, and where each table begins.
            _ = try Int64.fetchOne(db, sql: "SELECT number FROM record ORDER BY number DESC LIMIT 1")
            for table in try String.fetchAll(db, sql: "SELECT name FROM sqlite_master WHERE type = 'table'") {
                _ = try Row.fetchOne(db, sql: "SELECT * FROM \(table.quotedDatabaseIdentifier) LIMIT 1")
            }
        }
    }
}

/// Writes one transaction at a time.
actor IntakeWriter {
    private struct Waiting {
        let batch: IntakeBatch
        let answer: CheckedContinuation<Result<IntakeResult, StoreError>, Never>
    }

    /// How many records share a transaction at most, so that none waits too long.
    private static let maximumItems = 20_000

    private let pool: DatabasePool
    private let files: DatabaseFiles
    private let quietRecords: Int64
    /// Guarded by the pool's writer, which runs one transaction at a time; the lock is never waited for.
    private let memory = Mutex(WriterMemory())
    private var waiting: [Waiting] = []
    private var isWriting = false

    init(pool: DatabasePool, files: DatabaseFiles, quietRecords: Int64) {
        self.pool = pool
        self.files = files
        self.quietRecords = quietRecords
    }

    func ingest(_ batch: IntakeBatch) async throws(StoreError) -> IntakeResult {
        let result = await withCheckedContinuation { continuation in
            waiting.append(Waiting(batch: batch, answer: continuation))
            if !isWriting {
                isWriting = true
                Task { await writeAll() }
            }
        }
        return try result.get()
    }

    private func writeAll() async {
        while !waiting.isEmpty {
            var items = 0
            let count = waiting.prefix { waiting in
                items += waiting.batch.items.count
                return items <= Self.maximumItems
            }.count
            let group = Array(waiting.prefix(max(1, count)))
            waiting.removeFirst(group.count)
            let results = await write(group.map(\.batch))
            for (index, waiting) in group.enumerated() {
                waiting.answer.resume(returning: results.map { $0[index] })
            }
        }
        isWriting = false
    }

    private func write(_ batches: [IntakeBatch]) async -> Result<[IntakeResult], StoreError> {
        do {
            let results = try await pool.write { [self] db in
                try files.check()
                let transaction = try IntakeTransaction(db, memory.withLock { $0 })
                let results = try batches.map { try transaction.take($0) }
                let remembered = try transaction.finish()
                try OpenDays.seal(quietFor: quietRecords, rows: results.reduce(1_000) { $0 + $1.received }, db)
                memory.withLock { $0 = remembered }
                return results
            }
            return .success(results)
        } catch {
            // What was remembered may speak of rows that were rolled back.
            memory.withLock { $0 = WriterMemory() }
            return .failure(StoreError(error))
        }
    }

    func write<Value: Sendable>(_ body: @escaping @Sendable (Database) throws -> Value) async throws -> Value {
        try await pool.write { [self] db in
            try files.check()
            // Within the transaction, for the next one may begin before this function goes on.
            memory.withLock { $0 = WriterMemory() }
            return try body(db)
        }
    }
}

extension StoreError {
    /// What went wrong, in the words of the store.
    init(_ error: any Error) {
        switch error {
        case let error as StoreError: self = error
        case is ArithmeticOverflow:
            self.init(.overflow, "a sum is larger than 76 digits can hold; ask for a shorter time or more groups")
        case let error as DatabaseError: self.init(error)
        case let error as Errno: self.init(.unavailable, "a file of the database can't be used: \(error)")
        default: self.init(.failed, "\(error)")
        }
    }

    private init(_ error: DatabaseError) {
        switch error.resultCode {
        case .SQLITE_FULL:
            self.init(.unavailable, "the disk is full; nothing of this request was stored, so send it again later")
        case .SQLITE_BUSY, .SQLITE_LOCKED:
            self.init(
                .unavailable, "another process holds the database; nothing of this request was stored, so send it again"
            )
        case .SQLITE_IOERR, .SQLITE_CANTOPEN, .SQLITE_READONLY, .SQLITE_NOMEM:
            self.init(
                .unavailable,
                "the database cannot be read or written (\(error.resultCode)); nothing of this request was stored")
        case .SQLITE_CORRUPT, .SQLITE_NOTADB:
            self.init(
                .damaged, "the database file is damaged; restore a backup, and run an audit for what came after it")
        default:
            self.init(.failed, "the database refused (\(error.extendedResultCode)): \(error.message ?? "")")
        }
    }
}

/// Values under a name.
enum Setting {
    /// Which database it is; nil for one of an early version.
    static func identity(_ db: Database) throws -> String? {
        try String.fetchOne(db, sql: "SELECT value FROM setting WHERE name = 'identity'")
    }

    static func value(_ name: String, _ db: Database) throws -> Int64? {
        try Int64.fetchOne(
            db.cachedStatement(sql: "SELECT value FROM setting WHERE name = ?"), arguments: [name])
    }

    static func set(_ name: String, _ value: Int64, _ db: Database) throws {
        try db.execute(
            sql: "INSERT OR REPLACE INTO setting (name, value) VALUES (?, ?)", arguments: [name, value])
    }
}

/// The log of changes that bear on a bill.
enum Change {
    static func append(
        who: String, what: String, subject: String, before: [UInt8]? = nil, after: [UInt8]? = nil, time: Int64,
        _ db: Database
    ) throws {
        try db.execute(
            sql: "INSERT INTO change (time, who, what, subject, before, after) VALUES (?, ?, ?, ?, ?, ?)",
            arguments: [time, who, what, subject, before.map { Data($0) }, after.map { Data($0) }])
    }
}
