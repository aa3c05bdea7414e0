import FoundationEssentials
import GRDB
import Meter

/// What the writer remembers between transactions; it is forgotten when one is rolled back.
struct WriterMemory: Sendable {
    var names = NameTable()
    /// The definitions by the number of the meter's name; nil means that they must be read.
    var meters: [Int64: RollupMeter]?
    var deduplications: Deduplications?
    /// Dimensions that are known to be in the table, by meter; not all of them.
    private var dimensions: [Int64: [[UInt8]]] = [:]

    private static let maximumMeters = 10_000
    private static let maximumDimensions = 64

    func hasSeen(_ dimension: Dimension, of meter: Int64) -> Bool {
        dimensions[meter]?.contains { $0.elementsEqual(dimension.name.utf8) } ?? false
    }

    mutating func remember(_ dimension: [UInt8], of meter: Int64) {
        if dimensions.count >= Self.maximumMeters { dimensions = [:] }
        guard dimensions[meter, default: []].count < Self.maximumDimensions else { return }
        dimensions[meter, default: []].append(dimension)
    }
}

/// Takes batches in: every record is stored once, with its identity and its usage, in one transaction.
final class IntakeTransaction {
    private let db: Database
    private var memory: WriterMemory
    private let meters: [Int64: RollupMeter]
    private let deduplications: Deduplications
    private let frozen: FrozenPast
    /// The newest hour of a record that did not come before its time; -1 for none.
    private var newestHour: Int64 = -1
    private var nextNumber: Int64
    private var rollups: RollupChanges
    private var tallies: [Int64: Tally] = [:]
    private var customers: [Int64: Int64] = [:]
    private let identities: IdentityTable
    private let insertRecord: HotStatement
    /// How many rows of usage wait in memory to be written together.
    private static let maximumWaiting = 50_000

    init(_ db: Database, _ memory: WriterMemory) throws {
        self.db = db
        var memory = memory
        let meters = try memory.meters ?? RollupMeter.all(db)
        let deduplications = try memory.deduplications ?? Deduplications(db)
        memory.meters = meters
        memory.deduplications = deduplications
        self.memory = memory
        self.meters = meters
        self.deduplications = deduplications
        frozen = try FrozenPast(db)
        nextNumber = try (Int64.fetchOne(db, sql: "SELECT max(number) FROM record") ?? 0) + 1
        rollups = RollupChanges()
        identities = try IdentityTable(db)
        insertRecord = try HotStatement(
            db,
            """
            INSERT INTO record (number, received, meter, customer, time, value, uniqueId, dimensions, flags, intake,
                object, logGroup, logTime, source) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """)
    }

    /// Takes one batch in.
    func take(_ batch: IntakeBatch) throws -> IntakeResult {
        var result = IntakeResult()
        let way = try Way(batch, db)
        for item in batch.items {
            switch item {
            case .record(let record, let line):
                switch try take(record, way) {
                case .stored: result.stored += 1
                case .duplicate: result.duplicates += 1
                case .pastRetention(let detail):
                    let reject = ReceivedReject(
                        reason: .pastRetention, detail: detail, line: line, source: record.source)
                    try keep(reject, of: batch, way, &result)
                }
                // One start of a long timeout changes thousands of hours.
                if rollups.count > Self.maximumWaiting { try rollups.write(meters, db) }
            case .reject(let reject):
                try keep(reject, of: batch, way, &result)
            }
        }
        try way.finish(result, batch, db)
        try countIgnored(batch.ignoredKeys)
        return result
    }

    /// Writes what the batches changed in usage and figures; nothing may be taken in after it.
    ///
    /// - Returns: what the writer may remember once the transaction is committed.
    func finish() throws -> WriterMemory {
        try rollups.write(meters, db)
        try writeTallies()
        try FrozenPast.note(newestHour: newestHour, db)
        return memory
    }

    // MARK: - One record

    /// What became of a record.
    private enum Outcome {
        case stored
        case duplicate
        /// It would change what is frozen; says how.
        case pastRetention(String)
    }

    /// Stores a record, unless it is known or lies before the retention mark.
    private func take(_ record: ReceivedRecord, _ way: Way) throws -> Outcome {
        guard record.meterTimeInMillis >= frozen.time else {
            return .pastRetention(
                "its time is before \(frozen.time), the oldest that is still kept; it is not billed")
        }
        let meter = try memory.names.id(of: record.meterApiName, db)
        let customer = try memory.names.id(of: record.customerId, db)
        let definition = meters[meter]
        let key = RecordKey(record, deduplication: deduplications[meter])
        let arrival = Arrival(
            record: record, way: way, meter: meter, customer: customer, key: key,
            hour: Hour.containing(record.meterTimeInMillis), definition: definition)
        if let known = try identities.findOrInsert(arrival, number: nextNumber) { return try meet(known, arrival) }
        try storeNew(arrival)
        return .stored
    }

    /// Stores a record whose identity was just inserted.
    private func storeNew(_ arrival: Arrival) throws {
        let number = try append(arrival)
        let isCancel = arrival.record.isCancel
        tallies[arrival.meter, default: Tally()].add(isCancel ? .cancel : .record, at: arrival.way.time)
        customers[arrival.customer, default: 0] += isCancel ? 0 : 1
        if !isCancel { try count(arrival, number) }
    }

    /// What happens when a record arrives whose identity is known.
    private func meet(_ known: KnownIdentity, _ arrival: Arrival) throws -> Outcome {
        if known.isFrozen { return try meetFrozen(known, arrival) }
        switch (known.state, arrival.record.isCancel) {
        case (.record, true):
            let number = try append(arrival)
            try identities.update(known, arrival, state: .cancelled, number: known.number, cancel: number)
            try uncount(known.number, of: arrival)
            tallies[arrival.meter, default: Tally()].move(from: .record, to: .cancelled, at: arrival.way.time)
            try Change.append(
                who: arrival.way.name, what: "cancel", subject: "\(arrival.record.meterApiName) #\(known.number)",
                time: arrival.way.time, db)
            return .stored
        case (.cancel, false):
            let number = try append(arrival)
            try identities.move(known, to: arrival, state: .cancelled, number: number, cancel: known.number)
            tallies[arrival.meter, default: Tally()].move(from: .cancel, to: .cancelled, at: arrival.way.time)
            customers[arrival.customer, default: 0] += 1
            return .stored
        case (.record, false) where arrival.key.isTimeless, (.cancelled, false) where arrival.key.isTimeless:
            try meetEarliest(known, arrival)
            return .duplicate
        default:
            try noteDuplicate(of: known.number, received: arrival.way.time, arrival.way)
            return .duplicate
        }
    }

    /// What happens when the hour of the known identity is frozen: what was counted there stays, and stays known.
    private func meetFrozen(_ known: KnownIdentity, _ arrival: Arrival) throws -> Outcome {
        switch (known.state, arrival.record.isCancel) {
        case (.record, true):
            return .pastRetention(
                "it takes back a record whose time is before \(frozen.time), whose usage is final; correct the bill by a record of today"
            )
        case (.cancel, false):
            let number = try append(arrival)
            try identities.move(known, to: arrival, state: .cancelled, number: number, cancel: nil)
            tallies[arrival.meter, default: Tally()].move(from: .cancel, to: .cancelled, at: arrival.way.time)
            customers[arrival.customer, default: 0] += 1
            return .stored
        default:
            return .duplicate
        }
    }

    /// Of two records that differ in time alone the earliest counts, whichever came first.
    private func meetEarliest(_ known: KnownIdentity, _ arrival: Arrival) throws {
        guard let earlier = try StoredRecord.find(known.number, db), arrival.record.meterTimeInMillis < earlier.time
        else {
            try noteDuplicate(of: known.number, received: arrival.way.time, arrival.way)
            return
        }
        let number = try append(arrival)
        if known.state == .record { try uncount(known.number, of: arrival) }
        try identities.move(known, to: arrival, state: known.state, number: number, cancel: known.cancel)
        if known.state == .record { try count(arrival, number) }
        try StoredRecord.supersede(known.number, db)
        try db.execute(sql: "UPDATE duplicate SET number = ? WHERE number = ?", arguments: [number, known.number])
        try db.execute(
            sql: "INSERT INTO duplicate (number, received, intake, object) VALUES (?, ?, ?, ?)",
            arguments: [number, earlier.received, earlier.intake, earlier.object])
    }

    private func noteDuplicate(of number: Int64, received: Int64, _ way: Way) throws {
        let statement = try HotStatement(
            db, "INSERT INTO duplicate (number, received, intake, object) VALUES (?, ?, ?, ?)")
        statement.bind(1, number)
        statement.bind(2, received)
        statement.bind(3, way.intake)
        statement.bind(4, way.object)
        try statement.run()
    }

    private func append(_ arrival: Arrival) throws -> Int64 {
        let record = arrival.record
        if record.meterTimeInMillis <= arrival.way.time { newestHour = max(newestHour, arrival.hour) }
        let number = nextNumber
        nextNumber += 1
        insertRecord.bind(1, number)
        insertRecord.bind(2, arrival.way.time)
        insertRecord.bind(3, arrival.meter)
        insertRecord.bind(4, arrival.customer)
        insertRecord.bind(5, record.meterTimeInMillis)
        insertRecord.bind(6, utf8: record.meterValue.text)
        if let uniqueId = record.uniqueId {
            insertRecord.bind(7, utf8: uniqueId)
        } else {
            insertRecord.bind(7, nil as [UInt8]?)
        }
        insertRecord.bind(8, DimensionSet.pack(record.dimensions))
        insertRecord.bind(9, StoredRecord.flags(of: arrival))
        insertRecord.bind(10, arrival.way.intake)
        insertRecord.bind(11, arrival.way.object)
        if let source = record.source {
            insertRecord.bind(12, try memory.names.id(of: source.logGroup, db))
            insertRecord.bind(13, source.timestamp)
            insertRecord.bind(14, source.packed)
        } else {
            insertRecord.bind(12, nil as Int64?)
            insertRecord.bind(13, nil as Int64?)
            insertRecord.bind(14, nil as [UInt8]?)
        }
        try insertRecord.run()
        try noteDimensions(record.dimensions, of: arrival.meter)
        return number
    }

    private func count(_ arrival: Arrival, _ number: Int64) throws {
        guard let definition = arrival.definition else { return }
        let counted = CountedRecord(
            number: number, meter: arrival.meter, customer: arrival.customer, time: arrival.record.meterTimeInMillis,
            value: arrival.record.meterValue, dimensions: DimensionSet.pack(arrival.record.dimensions))
        try rollups.add(counted, definition, db)
    }

    private func uncount(_ number: Int64, of arrival: Arrival) throws {
        guard let definition = arrival.definition, let stored = try StoredRecord.find(number, db) else { return }
        try rollups.remove(stored.counted, definition, db)
    }

    private func noteDimensions(_ dimensions: [Dimension], of meter: Int64) throws {
        for dimension in dimensions where !memory.hasSeen(dimension, of: meter) {
            let name = Array(dimension.name.utf8)
            let statement = try HotStatement(db, "INSERT OR IGNORE INTO dimension (meter, name) VALUES (?, ?)")
            statement.bind(1, meter)
            statement.bind(2, name)
            try statement.run()
            memory.remember(name, of: meter)
        }
    }

    // MARK: - Rejects and figures

    private func keep(
        _ reject: ReceivedReject, of batch: IntakeBatch, _ way: Way, _ result: inout IntakeResult
    ) throws {
        let line = batch.kept(reject.line)
        let detail =
            reject.detail
            + (line.lacksHeader
                ? " (its header line, \(batch.header.count) bytes, is not kept; add it to edit the line)" : "")
        let logGroup = try reject.source.map { try memory.names.id(of: $0.logGroup, db) }
        let insert = try HotStatement(
            db,
            """
            INSERT INTO reject (received, reason, detail, line, format, intake, object, logGroup, logTime, source)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """)
        insert.bind(1, way.time)
        insert.bind(2, text: reject.reason.rawValue)
        insert.bind(3, text: detail)
        insert.bind(5, Int64(way.format.rawValue))
        insert.bind(6, way.intake)
        insert.bind(7, way.object)
        insert.bind(8, logGroup)
        insert.bind(9, reject.source?.timestamp)
        insert.bind(10, reject.source?.packed)
        try insert.run(binding: 4, to: line.bytes)
        result.rejected += 1
        result.firstReject = result.firstReject ?? "\(reject.reason.rawValue): \(reject.detail)"
    }

    private func countIgnored(_ keys: [[UInt8]: Int]) throws {
        for (name, count) in keys {
            try db.execute(
                sql: """
                    INSERT INTO ignoredKey (name, records) VALUES (?, ?)
                    ON CONFLICT DO UPDATE SET records = records + excluded.records
                    """, arguments: [Data(name), count])
        }
    }

    private func writeTallies() throws {
        for (meter, tally) in tallies { try tally.add(to: meter, db) }
        let statement = try HotStatement(
            db,
            """
            INSERT INTO customerTally (customer, records) VALUES (?, ?)
            ON CONFLICT DO UPDATE SET records = records + excluded.records
            """)
        for (customer, records) in customers where records != 0 {
            statement.bind(1, customer)
            statement.bind(2, records)
            try statement.run()
        }
    }
}

/// A record on its way into the tables.
struct Arrival {
    let record: ReceivedRecord
    let way: Way
    let meter: Int64
    let customer: Int64
    let key: RecordKey
    let hour: Int64
    let definition: RollupMeter?

    /// Where its identity stands.
    var place: IdentityPlace { IdentityPlace(meter: meter, customer: customer, key: key, hour: hour) }
}

/// The way in of one batch, by its numbers in the tables.
struct Way {
    let name: String
    let intake: Int64
    let object: Int64?
    let time: Int64
    let format: IntakeFormat

    init(_ batch: IntakeBatch, _ db: Database) throws {
        name = batch.intake.name
        time = batch.time
        format = batch.format
        let statement = try db.cachedStatement(
            sql: """
                INSERT INTO intake (kind, name) VALUES (?, ?) ON CONFLICT DO UPDATE SET name = name RETURNING id
                """)
        let intake = try Int64.fetchOne(
            statement, arguments: [batch.intake.kind.rawValue, Data(batch.intake.name.utf8)])
        self.intake = intake ?? 0
        object = try batch.object.map { object in
            let statement = try db.cachedStatement(
                sql: """
                    INSERT INTO object (intake, key, etag, time) VALUES (?, ?, ?, ?)
                    ON CONFLICT DO UPDATE SET time = excluded.time RETURNING id
                    """)
            return try Int64.fetchOne(
                statement, arguments: [intake, Data(object.key.utf8), Data(object.etag.utf8), batch.time]) ?? 0
        }
    }

    /// Writes the figures of the batch, and how far its object is read.
    func finish(_ result: IntakeResult, _ batch: IntakeBatch, _ db: Database) throws {
        try db.cachedStatement(
            sql: """
                UPDATE intake SET received = received + ?, duplicate = duplicate + ?, rejected = rejected + ?
                WHERE id = ?
                """
        ).execute(arguments: [result.received, result.duplicates, result.rejected, intake])
        try Arrivals.add(result, at: time, intake, db)
        try Activity.report(at: time, table: "intake", id: ("id", intake), db)
        if let object = batch.object {
            try db.execute(
                sql: "UPDATE object SET lines = ?, state = ? WHERE id = ?",
                arguments: [object.lines, object.isLast ? 1 : 0, self.object])
        }
    }
}

/// How many identities of a meter changed to a state.
struct Tally {
    private var counts: [IdentityState: Int64] = [:]
    private var last: Int64 = 0

    mutating func add(_ state: IdentityState, at time: Int64) {
        counts[state, default: 0] += 1
        last = max(last, time)
    }

    mutating func move(from old: IdentityState, to new: IdentityState, at time: Int64) {
        counts[old, default: 0] -= 1
        add(new, at: time)
    }

    func add(to meter: Int64, _ db: Database) throws {
        try db.cachedStatement(
            sql: """
                INSERT INTO tally (meter, records, cancelled, cancels) VALUES (?, ?, ?, ?)
                ON CONFLICT DO UPDATE SET records = records + excluded.records,
                    cancelled = cancelled + excluded.cancelled, cancels = cancels + excluded.cancels
                """
        ).execute(arguments: [meter, counts[.record] ?? 0, counts[.cancelled] ?? 0, counts[.cancel] ?? 0])
        try Activity.report(at: last, table: "tally", id: ("meter", meter), db)
    }
}
