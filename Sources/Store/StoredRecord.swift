import GRDB
import Meter

/// A record's row.
struct StoredRecord {
    var number: Int64
    var received: Int64
    var meter: Int64
    var customer: Int64
    var time: Int64
    var value: Quantity
    var uniqueId: String?
    var dimensions: [UInt8]
    var flags: Int64
    var intake: Int64
    var object: Int64?
    var logGroup: Int64?
    var logTime: Int64?
    var source: [UInt8]?

    /// The record's time is no part of its identity.
    static let timeless: Int64 = 1
    /// It takes another one back.
    static let cancel: Int64 = 2
    /// An equal record of an earlier time counts in its place.
    static let superseded: Int64 = 4

    /// The columns that `init(_:at:)` reads, of the table `record` under the name `r`.
    static let columns = """
        r.number, r.received, r.meter, r.customer, r.time, r.value, r.uniqueId, r.dimensions, r.flags, r.intake,
        r.object, r.logGroup, r.logTime, r.source
        """

    /// Reads the columns of a row; nil when the value is damaged.
    init?(_ row: HotStatement) {
        guard let value = row.withBytes(5, { Quantity(jsonNumber: $0) }) else { return nil }
        number = row.int(0)
        received = row.int(1)
        meter = row.int(2)
        customer = row.int(3)
        time = row.int(4)
        self.value = value
        uniqueId = row.optionalBytes(6).map { String(decoding: $0, as: UTF8.self) }
        dimensions = row.bytes(7)
        flags = row.int(8)
        intake = row.int(9)
        object = row.optionalInt(10)
        logGroup = row.optionalInt(11)
        logTime = row.optionalInt(12)
        source = row.optionalBytes(13)
    }

    static func flags(of arrival: Arrival) -> Int64 {
        (arrival.record.isTimeless ? timeless : 0) | (arrival.record.isCancel ? cancel : 0)
    }

    static func find(_ number: Int64, _ db: Database) throws -> StoredRecord? {
        let statement = try HotStatement(db, "SELECT \(columns) FROM record r WHERE number = ?")
        statement.bind(1, number)
        defer { statement.reset() }
        return try statement.step() ? StoredRecord(statement) : nil
    }

    static func supersede(_ number: Int64, _ db: Database) throws {
        try db.execute(
            sql: "UPDATE record SET flags = flags | ? WHERE number = ?", arguments: [superseded, number])
    }

    /// About how many bytes it takes in memory and as it is told.
    var size: Int { 200 + dimensions.count + (source?.count ?? 0) }

    var isCancel: Bool { flags & Self.cancel != 0 }

    /// What usage is made of.
    var counted: CountedRecord {
        CountedRecord(
            number: number, meter: meter, customer: customer, time: time, value: value, dimensions: dimensions)
    }
}

/// As much of a record as usage is made of.
struct CountedRecord {
    var number: Int64
    var meter: Int64
    var customer: Int64
    var time: Int64
    var value: Quantity
    /// All dimensions, packed.
    var dimensions: [UInt8]
}

/// Hours since 1970, as identities and partitions are kept by.
enum Hour {
    static let milliseconds: Int64 = 3_600_000

    static func containing(_ time: Int64) -> Int64 { time / milliseconds }
}
