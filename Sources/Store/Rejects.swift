import FoundationEssentials
import GRDB
import Meter

// The protocol documents what is public here.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension SQLiteStore {
    private static let columns = """
        id, received, reason, detail, line, format, intake, object, logGroup, logTime, source, resolved, dismissed, dismissReason
        """

    public func rejects(_ query: RejectQuery) async throws(StoreError) -> RejectPage {
        try await read { db in
            var conditions: [String] = []
            var arguments: [any DatabaseValueConvertible] = []
            var order = "id DESC"
            var logGroup: Int64?
            if let name = query.logGroup {
                logGroup = try NameTable.find(name, db)
                guard let logGroup else { return RejectPage(rejects: [], cursor: nil) }
                conditions.append("logGroup = ?")
                arguments.append(logGroup)
            }
            if query.hasNoLogGroup { conditions.append("logGroup IS NULL") }
            if let times = query.logTimes {
                conditions.append("logTime >= ? AND logTime < ?")
                arguments += [times.lowerBound, times.upperBound]
            }
            if logGroup != nil, let times = query.logTimes {
                conditions.append("(logTime, id) > (?, ?)")
                let start = try Self.logTime(query.cursor, in: "reject", "id", db) ?? times.lowerBound
                arguments += [start, query.cursor ?? 0]
                order = "logTime, id"
            } else {
                conditions.append("id < ?")
                arguments.append(query.cursor ?? Int64.max)
            }
            if let reason = query.reason {
                conditions.append("reason = ?")
                arguments.append(reason)
            }
            if let intake = query.intake {
                conditions.append("intake = ?")
                arguments.append(try IntakeTable.id(of: intake, db) ?? 0)
            }
            if let isResolved = query.isResolved {
                conditions.append(isResolved ? "resolved IS NOT NULL" : "resolved IS NULL")
            }
            if let isDismissed = query.isDismissed {
                conditions.append(isDismissed ? "dismissed IS NOT NULL" : "dismissed IS NULL")
            }
            arguments.append(query.limit)
            let rows = try Row.fetchCursor(
                db,
                sql: """
                    SELECT \(Self.columns) FROM reject WHERE \(conditions.joined(separator: " AND "))
                    ORDER BY \(order) LIMIT ?
                    """, arguments: StatementArguments(arguments))
            var page = RejectPage(rejects: [], cursor: nil)
            var bytes = 0
            while let row = try rows.next() {
                let reject = try Self.reject(row, db)
                page.rejects.append(reject)
                bytes += reject.line.count
                // A long line ends the page.
                if page.rejects.count == query.limit || bytes > Self.maximumPageBytes {
                    page.cursor = reject.id
                    break
                }
            }
            return page
        }
    }

    public func reject(_ id: Int64) async throws(StoreError) -> StoredReject? {
        try await read { db in try Self.find(id, db) }
    }

    static func find(_ id: Int64, _ db: Database) throws -> StoredReject? {
        try Row.fetchOne(db, sql: "SELECT \(columns) FROM reject WHERE id = ?", arguments: [id])
            .map { try reject($0, db) }
    }

    private static func reject(_ row: Row, _ db: Database) throws -> StoredReject {
        var source: RecordSource?
        if let packed = row[10] as Data?, let logGroup = row[8] as Int64? {
            source = RecordSource(
                packed: Array(packed), logGroup: try NameTable.text(of: logGroup, db), timestamp: row[9])
        }
        let object = try (row[7] as Int64?).flatMap { id in
            try Data.fetchOne(db, sql: "SELECT key FROM object WHERE id = ?", arguments: [id])
        }
        return StoredReject(
            id: row[0], received: row[1], reason: row[2], detail: row[3], line: Array(row[4] as Data),
            format: IntakeFormat(rawValue: row[5]) ?? .json, resolved: row[11], dismissed: row[12],
            dismissReason: row[13],
            intake: try IntakeTable.name(of: row[6], db), object: object.map { String(decoding: $0, as: UTF8.self) },
            source: source)
    }

    public func resolve(
        _ id: Int64, with batch: IntakeBatch, who: String
    ) async throws(StoreError) -> IntakeResult {
        try await write { db in
            guard let reject = try Self.find(id, db) else {
                throw StoreError(.notFound, "there is no reject \(id)")
            }
            guard reject.resolved == nil else {
                throw StoreError(.conflict, "reject \(id) was resolved before")
            }
            let transaction = try IntakeTransaction(db, WriterMemory())
            let result = try transaction.take(batch)
            guard result.rejected == 0 else {
                throw StoreError(.invalid, result.firstReject ?? "the line is still no valid record")
            }
            _ = try transaction.finish()
            // The line was received once, when it was rejected: its records take its place.
            try db.execute(
                sql: "UPDATE intake SET received = received - 1 WHERE kind = ? AND name = ?",
                arguments: [batch.intake.kind.rawValue, Data(batch.intake.name.utf8)])
            try db.execute(sql: "UPDATE reject SET resolved = ? WHERE id = ?", arguments: [batch.time, id])
            let after = batch.items.compactMap { item in
                if case .record(_, let line) = item { Array(batch.kept(line).bytes) } else { nil }
            }
            try Change.append(
                who: who, what: "reject.retry", subject: "reject \(id)", before: reject.line, after: after.first,
                time: batch.time, db)
            return result
        }
    }
}
