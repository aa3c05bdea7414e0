import GRDB
import GRDBSQLite

/// A prepared statement for what is done with every record: it binds and reads columns without a detour.
///
/// Parameters are numbered from 1, columns from 0, as in SQLite.
@safe struct HotStatement {
    private let statement: Statement
    private let handle: OpaquePointer

    /// The statement of this text, from the connection's cache.
    init(_ db: Database, _ sql: String) throws {
        statement = try db.cachedStatement(sql: sql)
        unsafe handle = statement.sqliteStatement
    }

    func bind(_ index: Int32, _ number: Int64) {
        unsafe sqlite3_bind_int64(handle, index, number)
    }

    func bind(_ index: Int32, _ number: Int64?) {
        if let number { bind(index, number) } else { unsafe sqlite3_bind_null(handle, index) }
    }

    func bind(_ index: Int32, _ bytes: [UInt8]?) {
        guard let bytes else {
            unsafe sqlite3_bind_null(handle, index)
            return
        }
        // A pointer to nothing would bind NULL.
        if bytes.isEmpty {
            unsafe sqlite3_bind_zeroblob(handle, index, 0)
        } else {
            unsafe sqlite3_bind_blob(handle, index, bytes, Int32(bytes.count), Self.copy)
        }
    }

    /// Binds the bytes of a text, as a blob: SQLite must not compare it by any other rule.
    func bind(_ index: Int32, utf8 text: String) {
        var text = text
        _ = text.withUTF8 { bytes in
            if bytes.isEmpty {
                unsafe sqlite3_bind_zeroblob(handle, index, 0)
            } else {
                unsafe sqlite3_bind_blob(handle, index, bytes.baseAddress, Int32(bytes.count), Self.copy)
            }
        }
    }

    /// Binds a text as a text, for columns that SQLite compares with texts.
    func bind(_ index: Int32, text: String) {
        let count = Int32(text.utf8.count)
        _ = unsafe text.withCString { unsafe sqlite3_bind_text(handle, index, $0, count, Self.copy) }
    }

    /// Runs a statement that gives no rows with bytes of which SQLite makes no copy of its own: they may be many.
    func run(binding index: Int32, to bytes: ArraySlice<UInt8>) throws {
        try unsafe bytes.withUnsafeBufferPointer { bytes in
            if bytes.isEmpty {
                unsafe sqlite3_bind_zeroblob(handle, index, 0)
            } else {
                unsafe sqlite3_bind_blob(handle, index, bytes.baseAddress, Int32(bytes.count), nil)
            }
            // The bytes are gone afterwards.
            defer { unsafe sqlite3_bind_null(handle, index) }
            try run()
        }
    }

    /// Whether there is a row (more).
    ///
    /// - Throws: `DatabaseError`; the statement is reset then.
    func step() throws -> Bool {
        switch unsafe sqlite3_step(handle) {
        case SQLITE_ROW: return true
        case SQLITE_DONE: return false
        default:
            let connection = unsafe sqlite3_db_handle(handle)
            let code = unsafe sqlite3_extended_errcode(connection)
            let message = unsafe String(cString: sqlite3_errmsg(connection))
            unsafe sqlite3_reset(handle)
            throw DatabaseError(resultCode: ResultCode(rawValue: code), message: message)
        }
    }

    /// Runs a statement that gives no rows.
    func run() throws {
        _ = try step()
        reset()
    }

    /// Makes it ready for the next time; what is bound stays bound.
    func reset() {
        unsafe sqlite3_reset(handle)
    }

    func int(_ column: Int32) -> Int64 {
        unsafe sqlite3_column_int64(handle, column)
    }

    func optionalInt(_ column: Int32) -> Int64? {
        unsafe sqlite3_column_type(handle, column) == SQLITE_NULL ? nil : sqlite3_column_int64(handle, column)
    }

    func bytes(_ column: Int32) -> [UInt8] {
        let count = Int(unsafe sqlite3_column_bytes(handle, column))
        guard count > 0, let start = unsafe sqlite3_column_blob(handle, column) else { return [] }
        return unsafe Array(UnsafeRawBufferPointer(start: start, count: count))
    }

    func optionalBytes(_ column: Int32) -> [UInt8]? {
        unsafe sqlite3_column_type(handle, column) == SQLITE_NULL ? nil : bytes(column)
    }

    func text(_ column: Int32) -> String {
        String(decoding: bytes(column), as: UTF8.self)
    }

    /// Lends the bytes of a column, which are gone after the next step.
    func withBytes<Result>(_ column: Int32, _ body: (Span<UInt8>) throws -> Result) rethrows -> Result {
        let count = Int(unsafe sqlite3_column_bytes(handle, column))
        guard count > 0, let start = unsafe sqlite3_column_blob(handle, column) else {
            return try body(Span())
        }
        let buffer = unsafe UnsafeBufferPointer(start: start.assumingMemoryBound(to: UInt8.self), count: count)
        return try unsafe body(Span(_unsafeElements: buffer))
    }

    /// Tells SQLite to make its own copy (`SQLITE_TRANSIENT`, a macro that Swift cannot read).
    private static var copy: sqlite3_destructor_type {
        unsafe unsafeBitCast(-1, to: sqlite3_destructor_type.self)
    }
}
