import FoundationEssentials
import GRDB
import Meter

// The protocol documents what is public here.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension SQLiteStore {
    /// How many rows one request looks at to fill its page.
    private static let maximumRows = 200_000

    public func newestEvent() async throws(StoreError) -> Int64 {
        try await read { db in try Int64.fetchOne(db, sql: "SELECT max(number) FROM record") ?? 0 }
    }

    public func event(_ number: Int64) async throws(StoreError) -> StoredEvent? {
        try await read { db in
            try StoredRecord.find(number, db).map { try Self.details(of: $0, db) }
        }
    }

    static func details(of record: StoredRecord, _ db: Database) throws -> StoredEvent {
        var details = try EventDetails(db)
        return try details.event(of: record)
    }

    public func events(_ query: EventQuery) async throws(StoreError) -> EventPage {
        try await read { db in
            guard let filter = try RecordFilter(query, db) else { return EventPage(events: [], cursor: nil) }
            var details = try EventDetails(db)
            let rows = try Self.rows(query, filter.logGroup, db)
            defer { rows.reset() }
            var page = EventPage(events: [], cursor: nil)
            var looked = 0
            while try rows.step() {
                looked += 1
                if let record = StoredRecord(rows), filter.fits(record) {
                    let event = try details.event(of: record)
                    if query.state == nil || query.state == event.state { page.events.append(event) }
                }
                if page.events.count == query.limit || looked == Self.maximumRows {
                    page.cursor = rows.int(0)
                    break
                }
            }
            return page
        }
    }

    /// The rows behind the cursor of a query, in its order.
    private static func rows(_ query: EventQuery, _ logGroup: Int64?, _ db: Database) throws -> HotStatement {
        guard let logGroup, let times = query.logTimes else {
            let order = query.isAscending ? "number > ? ORDER BY number" : "number < ? ORDER BY number DESC"
            let rows = try HotStatement(db, "SELECT \(StoredRecord.columns) FROM record r WHERE \(order)")
            rows.bind(1, query.cursor ?? (query.isAscending ? 0 : Int64.max))
            return rows
        }
        let rows = try HotStatement(
            db,
            """
            SELECT \(StoredRecord.columns) FROM record r
            WHERE r.logGroup = ? AND (r.logTime, r.number) > (?, ?) AND r.logTime < ? ORDER BY r.logTime, r.number
            """)
        rows.bind(1, logGroup)
        rows.bind(2, try logTime(query.cursor, in: "record", "number", db) ?? times.lowerBound)
        rows.bind(3, query.cursor ?? 0)
        rows.bind(4, times.upperBound)
        return rows
    }

    /// The log event time of the row where a page ended; nil for the first page.
    static func logTime(
        _ cursor: Int64?, in table: String, _ id: String, _ db: Database
    ) throws -> Int64? {
        guard let cursor else { return nil }
        let statement = try HotStatement(db, "SELECT logTime FROM \(table) WHERE \(id) = ?")
        statement.bind(1, cursor)
        defer { statement.reset() }
        guard try statement.step() else {
            throw StoreError(.notFound, "the row of the cursor is no longer kept; begin with the first page again")
        }
        return statement.int(0)
    }

    public func usageEvents(_ query: UsageEventQuery) async throws(StoreError) -> [StoredEvent] {
        try await read { db in
            guard let meter = try NameTable.find(query.meterApiName, db) else { return [] }
            var customer: Int64?
            if let id = query.customerId {
                customer = try NameTable.find(id, db)
                if customer == nil { return [] }
            }
            var details = try EventDetails(db)
            var events: [StoredEvent] = []
            try HourWalk(query, db).each { hour in
                let records = try Self.records(of: hour, meter, customer, query, db)
                for record in records.prefix(query.limit - events.count) {
                    events.append(try details.event(of: record))
                }
                return events.count < query.limit
            }
            return events
        }
    }

    /// The counting records of one hour in the order that is asked for, as far as they are in its range.
    private static func records(
        of hour: Int64, _ meter: Int64, _ customer: Int64?, _ query: UsageEventQuery, _ db: Database
    ) throws -> [StoredRecord] {
        let rows = try HotStatement(
            db,
            """
            SELECT \(StoredRecord.columns) FROM identity i JOIN record r ON r.number = i.number
            WHERE i.hour = ? AND i.meter = ? AND i.state = 1
            """ + (customer == nil ? "" : " AND i.customer = ?"))
        rows.bind(1, hour)
        rows.bind(2, meter)
        if let customer { rows.bind(3, customer) }
        defer { rows.reset() }
        var records: [StoredRecord] = []
        while try rows.step() {
            guard let record = StoredRecord(rows), query.times.contains(record.time) else { continue }
            guard query.dimensions.allSatisfy({ $0.fits(record.dimensions) }) else { continue }
            if let after = query.after {
                let isBehind = (record.time, record.number) > (after.time, after.number)
                let isBefore = (record.time, record.number) < (after.time, after.number)
                guard query.isAscending ? isBehind : isBefore else { continue }
            }
            records.append(record)
        }
        records.sort { ($0.time, $0.number) < ($1.time, $1.number) }
        return query.isAscending ? records : records.reversed()
    }
}

extension UsageEventQuery.Match {
    fileprivate func fits(_ dimensions: [UInt8]) -> Bool {
        let found = DimensionSet.value(of: Array(name.utf8), in: dimensions)
        guard let value else { return found == nil }
        return found?.elementsEqual(value.utf8) ?? false
    }
}

/// The hours that hold records, in the order of a query.
private struct HourWalk {
    private let query: UsageEventQuery
    private let db: Database

    init(_ query: UsageEventQuery, _ db: Database) {
        self.query = query
        self.db = db
    }

    /// Calls `body` with each hour until it says that this was enough.
    func each(_ body: (Int64) throws -> Bool) throws {
        var range = query.times
        if let after = query.after {
            range =
                query.isAscending
                ? range.clamped(to: after.time..<max(after.time, range.upperBound))
                : range.clamped(to: min(after.time, range.lowerBound)..<(after.time < .max ? after.time + 1 : .max))
        }
        guard !range.isEmpty else { return }
        let first = Hour.containing(range.lowerBound)
        let last = Hour.containing(range.upperBound - 1)
        let sql =
            query.isAscending
            ? "SELECT min(hour) FROM identity WHERE hour >= ?" : "SELECT max(hour) FROM identity WHERE hour <= ?"
        var hour = query.isAscending ? first : last
        while true {
            let statement = try db.cachedStatement(sql: sql)
            guard let found = try Int64.fetchOne(statement, arguments: [hour]), (first...last).contains(found) else {
                return
            }
            guard try body(found) else { return }
            hour = query.isAscending ? found + 1 : found - 1
        }
    }
}

/// Which rows fit a query, by the numbers of the names in it.
private struct RecordFilter {
    private let query: EventQuery
    private var meter: Int64?
    private var customer: Int64?
    private(set) var logGroup: Int64?

    /// Nil when a name in the query was never seen, so that nothing fits.
    init?(_ query: EventQuery, _ db: Database) throws {
        self.query = query
        if let name = query.meterApiName {
            guard let id = try NameTable.find(name, db) else { return nil }
            meter = id
        }
        if let name = query.customerId {
            guard let id = try NameTable.find(name, db) else { return nil }
            customer = id
        }
        if let name = query.logGroup {
            guard let id = try NameTable.find(name, db) else { return nil }
            logGroup = id
        }
    }

    func fits(_ record: StoredRecord) -> Bool {
        if let meter, record.meter != meter { return false }
        if let customer, record.customer != customer { return false }
        if let logGroup, record.logGroup != logGroup { return false }
        if let times = query.times, !times.contains(record.time) { return false }
        if let times = query.logTimes {
            guard let logTime = record.logTime, times.contains(logTime) else { return false }
        }
        return query.dimensions.allSatisfy { dimension in
            DimensionSet.value(of: Array(dimension.name.utf8), in: record.dimensions)?
                .elementsEqual(dimension.value.utf8) ?? false
        }
    }
}

/// Adds to a record what other tables know of it.
private struct EventDetails {
    private let db: Database
    private let meters: [Int64: RollupMeter]
    private var names: [Int64: String] = [:]
    private var intakes: [Int64: IntakeName] = [:]

    init(_ db: Database) throws {
        self.db = db
        meters = try RollupMeter.all(db)
    }

    mutating func event(of row: StoredRecord) throws -> StoredEvent {
        let record = ReceivedRecord(
            meterApiName: try name(row.meter), customerId: try name(row.customer), meterValue: row.value,
            meterTimeInMillis: row.time, uniqueId: row.uniqueId, dimensions: DimensionSet.unpack(row.dimensions),
            source: try source(of: row), isTimeless: row.flags & StoredRecord.timeless != 0)
        let duplicates = try Int.fetchOne(
            db.cachedStatement(sql: "SELECT count(*) FROM duplicate WHERE number = ?"), arguments: [row.number])
        let object = try row.object.flatMap { id in
            try Data.fetchOne(db.cachedStatement(sql: "SELECT key FROM object WHERE id = ?"), arguments: [id])
        }
        return StoredEvent(
            number: row.number, received: row.received, state: try state(of: row, record), record: record,
            duplicates: duplicates ?? 0, intake: try intake(row.intake),
            object: object.map { String(decoding: $0, as: UTF8.self) })
    }

    private func state(of row: StoredRecord, _ record: ReceivedRecord) throws -> StoredEvent.State {
        if row.isCancel { return .cancel }
        if row.flags & StoredRecord.superseded != 0 { return .cancelled }
        let definition = meters[row.meter]
        let key = RecordKey(record, deduplication: definition?.deduplication ?? .record)
        let statement = try HotStatement(
            db, "SELECT state FROM identity WHERE hour = ? AND meter = ? AND customer = ? AND key = ?")
        statement.bind(1, Hour.containing(row.time))
        statement.bind(2, row.meter)
        statement.bind(3, row.customer)
        statement.bind(4, key.bytes)
        defer { statement.reset() }
        let isCancelled = try statement.step() && statement.int(0) == IdentityState.cancelled.rawValue
        if isCancelled { return .cancelled }
        return definition == nil ? .undefined : .counted
    }

    private mutating func source(of row: StoredRecord) throws -> RecordSource? {
        guard let packed = row.source, let logGroup = row.logGroup else { return nil }
        return RecordSource(packed: packed, logGroup: try name(logGroup), timestamp: row.logTime)
    }

    private mutating func name(_ id: Int64) throws -> String {
        if let name = names[id] { return name }
        let name = try NameTable.text(of: id, db)
        names[id] = name
        return name
    }

    private mutating func intake(_ id: Int64) throws -> IntakeName {
        if let intake = intakes[id] { return intake }
        let intake = try IntakeTable.name(of: id, db)
        intakes[id] = intake
        return intake
    }
}
