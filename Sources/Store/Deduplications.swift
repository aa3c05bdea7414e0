import GRDB
import Meter

/// What makes two records of a meter the same, by the number of the meter's name.
///
/// It outlives a meter that is deleted, as its records do: their keys were made by it.
struct Deduplications: Sendable {
    private let byMeter: [Int64: MeterDefinition.Deduplication]

    init(_ db: Database) throws {
        var byMeter: [Int64: MeterDefinition.Deduplication] = [:]
        for row in try Row.fetchAll(db, sql: "SELECT meter, deduplication FROM deduplication") {
            byMeter[row[0]] = MeterDefinition.Deduplication(rawValue: row[1])
        }
        self.byMeter = byMeter
    }

    /// What holds for a meter, defined or not.
    subscript(meter: Int64) -> MeterDefinition.Deduplication { byMeter[meter] ?? .record }

    /// Notes a definition's; it can be another than before only while the meter has no records.
    ///
    /// A key that ignores the value would merge records that count already, and one that does not would count some again.
    static func set(_ meter: MeterDefinition, _ name: Int64, _ db: Database) throws {
        let before = try Deduplications(db)[name]
        guard meter.deduplication != before else { return }
        let records = try Int64.fetchOne(
            db, sql: "SELECT records + cancelled + cancels FROM tally WHERE meter = ?", arguments: [name])
        guard (records ?? 0) == 0 else {
            throw StoreError(
                .conflict,
                """
                deduplication can only change while the meter has no records, also when it was deleted; the keys of its \
                records were made with "\(before.rawValue)"
                """)
        }
        try write(meter.deduplication, name, db)
    }

    static func write(_ deduplication: MeterDefinition.Deduplication, _ name: Int64, _ db: Database) throws {
        try db.execute(
            sql: "INSERT OR REPLACE INTO deduplication (meter, deduplication) VALUES (?, ?)",
            arguments: [name, deduplication.rawValue])
    }
}
