import FoundationEssentials
import GRDB
import Meter

/// The ways in, by number.
enum IntakeTable {
    static func name(of id: Int64, _ db: Database) throws -> IntakeName {
        let row = try Row.fetchOne(
            db.cachedStatement(sql: "SELECT kind, name FROM intake WHERE id = ?"), arguments: [id])
        guard let row, let kind = IntakeName.Kind(rawValue: row[0]) else { return IntakeName(kind: .api, name: "") }
        return IntakeName(kind: kind, name: String(decoding: row[1] as Data, as: UTF8.self))
    }

    static func id(of intake: IntakeName, _ db: Database) throws -> Int64? {
        try Int64.fetchOne(
            db, sql: "SELECT id FROM intake WHERE kind = ? AND name = ?",
            arguments: [intake.kind.rawValue, Data(intake.name.utf8)])
    }
}

// The protocol documents what is public here.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension SQLiteStore {
    public func progress(
        of object: IntakeObject, in intake: IntakeName
    ) async throws(StoreError) -> IntakeProgress {
        try await read { db in
            guard let id = try IntakeTable.id(of: intake, db) else { return .new }
            let row = try Row.fetchOne(
                db.cachedStatement(
                    sql: "SELECT state, lines FROM object WHERE intake = ? AND key = ? AND etag = ?"),
                arguments: [id, Data(object.key.utf8), Data(object.etag.utf8)])
            guard let row else { return .new }
            switch row[0] as Int {
            case 0: return .partly(row[1])
            case 1: return .done
            default: return .failed
            }
        }
    }

    public func fail(
        _ object: IntakeObject, in intake: IntakeName, reason: String, time: Int64
    ) async throws(StoreError) {
        try await write { db in
            try db.execute(
                sql: "INSERT INTO intake (kind, name) VALUES (?, ?) ON CONFLICT DO NOTHING",
                arguments: [intake.kind.rawValue, Data(intake.name.utf8)])
            try db.execute(
                sql: """
                    INSERT INTO object (intake, key, etag, time, state, reason)
                    VALUES ((SELECT id FROM intake WHERE kind = ? AND name = ?), ?, ?, ?, 2, ?)
                    ON CONFLICT DO UPDATE SET state = 2, reason = excluded.reason, time = excluded.time
                    """,
                arguments: [
                    intake.kind.rawValue, Data(intake.name.utf8), Data(object.key.utf8), Data(object.etag.utf8), time,
                    reason,
                ])
        }
    }

    public func pipeline() async throws(StoreError) -> Pipeline {
        try await read { db in try PipelineReader(db).read() }
    }
}

/// Adds the figures up.
private struct PipelineReader {
    private let db: Database
    private static let maximumNames = 1_000

    init(_ db: Database) { self.db = db }

    func read() throws -> Pipeline {
        var pipeline = Pipeline()
        try readSources(&pipeline)
        try readTallies(&pipeline)
        pipeline.frozenBefore = try FrozenPast(db).time
        pipeline.duplicate = pipeline.sources.reduce(0) { $0 + $1.duplicate }
        pipeline.received = pipeline.sources.reduce(0) { $0 + $1.received }
        pipeline.expiredRejects = try SQLiteStore.expired("expiredRejects", db)
        pipeline.dismissedRejects =
            try Int.fetchOne(
                db, sql: "SELECT count(*) FROM reject WHERE resolved IS NULL AND dismissed IS NOT NULL") ?? 0
        pipeline.rejected =
            (try Int.fetchOne(db, sql: "SELECT count(*) FROM reject WHERE resolved IS NULL") ?? 0)
            + pipeline.expiredRejects
        pipeline.resolvedRejects =
            try (Int.fetchOne(db, sql: "SELECT count(*) FROM reject WHERE resolved IS NOT NULL") ?? 0)
            + SQLiteStore.expired("expiredResolvedRejects", db)
        pipeline.undefinedCustomers = try names(
            """
            SELECT n.text, t.records FROM customerTally t JOIN name n ON n.id = t.customer
            WHERE t.records > 0 AND NOT EXISTS (SELECT 1 FROM customer c WHERE c.name = t.customer)
            ORDER BY t.records DESC, n.text LIMIT \(Self.maximumNames)
            """)
        pipeline.ignoredKeys = try names(
            "SELECT name, records FROM ignoredKey ORDER BY records DESC, name LIMIT \(Self.maximumNames)")
        return pipeline
    }

    private func readSources(_ pipeline: inout Pipeline) throws {
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT i.kind, i.name, i.received, i.duplicate, i.rejected, i.last, i.reports, max(i.gap, i.gapBefore),
                    (SELECT count(*) FROM object o WHERE o.intake = i.id AND o.state = 1),
                    (SELECT count(*) FROM object o WHERE o.intake = i.id AND o.state = 2)
                FROM intake i ORDER BY i.kind, i.name
                """)
        for row in rows {
            guard let kind = IntakeName.Kind(rawValue: row[0]) else { continue }
            pipeline.sources.append(
                Pipeline.Source(
                    intake: IntakeName(kind: kind, name: String(decoding: row[1] as Data, as: UTF8.self)),
                    received: row[2], duplicate: row[3], rejected: row[4],
                    activity: Activity(last: row[5], reports: row[6], longestSilence: row[7]),
                    objects: (row[8], row[9])))
        }
    }

    private func readTallies(_ pipeline: inout Pipeline) throws {
        let rows = try Row.fetchAll(
            db,
            sql: """
                SELECT n.text, t.records, t.cancelled, t.cancels, m.id, t.last, t.reports, max(t.gap, t.gapBefore) FROM tally t
                JOIN name n ON n.id = t.meter LEFT JOIN meter m ON m.name = t.meter ORDER BY n.text
                """)
        for row in rows {
            let name = String(decoding: row[0] as Data, as: UTF8.self)
            let records: Int = row[1]
            pipeline.cancelled += 2 * (row[2] as Int) + (row[3] as Int)
            pipeline.unmatchedCancels += row[3] as Int
            if (row[4] as String?) != nil {
                pipeline.counted += records
                if let activity = Activity(last: row[5], reports: row[6], longestSilence: row[7]) {
                    pipeline.meters.append(
                        Pipeline.MeterActivity(meterApiName: name, records: records, activity: activity))
                }
            } else {
                pipeline.undefined += records
                if records > 0 {
                    pipeline.undefinedMeters.append(Pipeline.NamedCount(name: name, records: records))
                }
            }
        }
    }

    private func names(_ sql: String) throws -> [Pipeline.NamedCount] {
        try Row.fetchAll(db, sql: sql).map { row in
            Pipeline.NamedCount(name: String(decoding: row[0] as Data, as: UTF8.self), records: row[1])
        }
    }
}
