import Crypto
import FoundationEssentials
import GRDB
import MeterLine
import SystemPackage

#if canImport(Glibc)
    private import Glibc
#else
    private import Darwin
#endif

/// A log event in the memory of what was delivered: its time, and 64 bits of SHA-256 over its stream and id.
///
/// Only events of the same millisecond of the same log group are ever compared by these bits.
struct EventKey: Hashable, Sendable {
    let time: Int64
    let hash: Int64

    /// The log event that a finding comes from.
    init(_ finding: Finding) {
        switch finding {
        case .record(let found): self.init(found.origin)
        case .reject(let reject):
            if case .event(let origin) = reject.source, !origin.eventId.isEmpty {
                self.init(origin)
            } else {
                // What cannot be read as a log event is known by its bytes.
                self.init(time: 0, bytes: reject.content)
            }
        }
    }

    private init(_ origin: EventOrigin) {
        self.init(time: origin.timestamp ?? 0, bytes: Array(origin.logStream.utf8) + [0] + Array(origin.eventId.utf8))
    }

    private init(time: Int64, bytes: [UInt8]) {
        self.time = time
        hash = SHA256.hash(data: bytes).prefix(8).reduce(0) { $0 << 8 | Int64($1) }
    }
}

/// What a collector must not forget: how far each log group was read, and which log events were delivered.
///
/// One SQLite file in a directory of its own. What is written is on the disk when a call returns. An event takes about 25
/// bytes, until no pass reads its time again.
public final class CollectorState: Sendable {
    /// Why the state cannot be used, for people.
    public struct Problem: Error, Sendable, CustomStringConvertible {
        /// What is wrong and what to do.
        public var description: String
    }

    /// A log group that is known.
    struct Source: Sendable {
        var id: Int64
        var positions: [String: Int64]
        var largestLateness: Int64
    }

    /// What becomes true of a log group when findings are durable.
    struct Update: Sendable {
        var source: Int64
        var passes: Passes
    }

    private let database: DatabaseQueue
    private let lock: FileDescriptor

    /// Opens the state in a directory, and makes both when they are not there.
    ///
    /// - Parameters:
    ///   - sinkName: where records go; what was delivered to one sink says nothing of another.
    /// - Throws: `Problem` when another process uses it, when it is about another sink, or when it cannot be opened.
    public init(directory: String, sinkName: String) throws(Problem) {
        lock = try Self.lock(directory)
        do {
            var configuration = GRDB.Configuration()
            configuration.publicStatementArguments = false
            configuration.prepareDatabase { db in
                try db.execute(sql: "PRAGMA journal_mode = WAL")
                // A position is given when it is on the disk, not when it is in the system's memory.
                try db.execute(sql: "PRAGMA synchronous = FULL")
            }
            database = try DatabaseQueue(path: "\(directory)/collector.sqlite", configuration: configuration)
            try Self.migrator.migrate(database)
            let known = try database.write { db in
                try db.execute(
                    sql: "INSERT OR IGNORE INTO setting (name, value) VALUES ('sink', ?)", arguments: [sinkName])
                return try String.fetchOne(db, sql: "SELECT value FROM setting WHERE name = 'sink'")
            }
            guard Array((known ?? "").utf8) == Array(sinkName.utf8) else {
                throw Problem(
                    description: "\(directory) remembers what was delivered to \(known ?? ""), not to \(sinkName); "
                        + "name another directory as state, or the same sink")
            }
        } catch let problem as Problem {
            throw problem
        } catch {
            throw Problem(description: "the collector's state in \(directory) cannot be opened: \(error)")
        }
    }

    deinit { try? lock.close() }

    /// Takes the directory for this process, until it ends.
    private static func lock(_ directory: String) throws(Problem) -> FileDescriptor {
        do {
            try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
            let file = try FileDescriptor.open(
                FilePath("\(directory)/collector.lock"), .readWrite, options: [.create],
                permissions: [.ownerReadWrite])
            guard flock(file.rawValue, LOCK_EX | LOCK_NB) == 0 else {
                try file.close()
                throw Problem(
                    description: "another collector uses the state in \(directory); stop it, or name another directory")
            }
            return file
        } catch let problem as Problem {
            throw problem
        } catch {
            throw Problem(
                description: "the directory of the collector's state, \(directory), cannot be used: \(error)")
        }
    }

    private static var migrator: DatabaseMigrator {
        var migrator = DatabaseMigrator()
        migrator.registerMigration("1") { db in
            try db.execute(
                sql: """
                    CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
                    CREATE TABLE connection (name TEXT PRIMARY KEY, start INTEGER NOT NULL) WITHOUT ROWID;
                    CREATE TABLE source (
                        id INTEGER PRIMARY KEY, connection TEXT NOT NULL, region TEXT NOT NULL, account TEXT NOT NULL,
                        logGroup TEXT NOT NULL, largestLateness INTEGER NOT NULL DEFAULT 0,
                        UNIQUE (connection, region, account, logGroup));
                    CREATE TABLE pass (
                        source INTEGER NOT NULL, name TEXT NOT NULL, position INTEGER NOT NULL,
                        PRIMARY KEY (source, name)) WITHOUT ROWID;
                    CREATE TABLE delivered (
                        source INTEGER NOT NULL, time INTEGER NOT NULL, hash INTEGER NOT NULL,
                        PRIMARY KEY (source, time, hash)) WITHOUT ROWID;
                    """)
        }
        return migrator
    }

    /// Where the reading of a connection begins; what is said first stays.
    func start(of connection: String, orElse start: Int64) async throws(Problem) -> Int64 {
        try await write { db in
            try db.execute(
                sql: "INSERT OR IGNORE INTO connection (name, start) VALUES (?, ?)", arguments: [connection, start])
            return try Int64.fetchOne(
                db, sql: "SELECT start FROM connection WHERE name = ?", arguments: [connection]) ?? start
        }
    }

    /// What is known of a log group.
    func source(
        connection: String, region: String, account: String, logGroup: String
    ) async throws(Problem) -> Source {
        let key: StatementArguments = [connection, region, account, logGroup]
        return try await write { db in
            try db.execute(
                sql: "INSERT OR IGNORE INTO source (connection, region, account, logGroup) VALUES (?, ?, ?, ?)",
                arguments: key)
            let row = try Row.fetchOne(
                db,
                sql: "SELECT id, largestLateness FROM source WHERE connection = ? AND region = ? AND account = ? "
                    + "AND logGroup = ?", arguments: key)
            let id: Int64 = row?["id"] ?? 0
            let positions = try Row.fetchAll(
                db, sql: "SELECT name, position FROM pass WHERE source = ?", arguments: [id])
            return Source(
                id: id, positions: Dictionary(uniqueKeysWithValues: positions.map { ($0["name"], $0["position"]) }),
                largestLateness: row?["largestLateness"] ?? 0)
        }
    }

    /// Which of some log events were delivered already.
    func delivered(_ keys: Set<EventKey>, of source: Int64) async throws(Problem) -> Set<EventKey> {
        try await write { db in
            let statement = try db.cachedStatement(
                sql: "SELECT 1 FROM delivered WHERE source = ? AND time = ? AND hash = ?")
            return try keys.filter { key in
                try Int.fetchOne(statement, arguments: [source, key.time, key.hash]) != nil
            }
        }
    }

    /// Notes what is durable in the sink, in one transaction.
    func commit(_ delivered: [Int64: Set<EventKey>], _ updates: [Update]) async throws(Problem) {
        try await write { db in
            let insert = try db.cachedStatement(
                sql: "INSERT OR IGNORE INTO delivered (source, time, hash) VALUES (?, ?, ?)")
            for (source, keys) in delivered {
                for key in keys.sorted(by: { ($0.time, $0.hash) < ($1.time, $1.hash) }) {
                    try insert.execute(arguments: [source, key.time, key.hash])
                }
            }
            let pass = try db.cachedStatement(
                sql: "INSERT OR REPLACE INTO pass (source, name, position) VALUES (?, ?, ?)")
            let forget = try db.cachedStatement(
                sql: "DELETE FROM pass WHERE source = ? AND name NOT IN (SELECT value FROM json_each(?))")
            for update in updates {
                let names = update.passes.all.map { "\"\($0.name)\"" }.joined(separator: ",")
                try forget.execute(arguments: [update.source, "[\(names)]"])
                for one in update.passes.all {
                    try pass.execute(arguments: [update.source, one.name, one.position])
                }
                try db.execute(
                    sql: "UPDATE source SET largestLateness = ? WHERE id = ?",
                    arguments: [update.passes.largestLateness, update.source])
            }
        }
    }

    /// Forgets the log events whose time no pass reads again.
    func forget(_ source: Int64, before time: Int64) async throws(Problem) {
        try await write { db in
            // Time 0 stands for what has none.
            try db.execute(
                sql: "DELETE FROM delivered WHERE source = ? AND time > 0 AND time < ?", arguments: [source, time])
        }
    }

    private func write<Value: Sendable>(
        _ body: @escaping @Sendable (Database) throws -> Value
    ) async throws(Problem) -> Value {
        do {
            return try await database.write(body)
        } catch {
            let again = "What was delivered since will be delivered again, which counts once"
            if error is CancellationError {
                throw Problem(description: "the collector was stopped before it noted how far it is. \(again)")
            }
            throw Problem(description: "the collector's state cannot be written: \(error). \(again); check the disk")
        }
    }
}
