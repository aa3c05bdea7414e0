import FoundationEssentials
import GRDB
import Meter

// The protocol documents what is public here.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension SQLiteStore {
    /// How many rows one request looks at to fill its page.
    private static let maximumRows = 200_000
    /// How many bytes of records a page holds, but for its last one.
    static let maximumPageBytes = 8 << 20

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
            var bytes = 0
            while try rows.step() {
                looked += 1
                if let record = StoredRecord(rows), filter.fits(record) {
                    let event = try details.event(of: record)
                    if query.state == nil || query.state == event.state {
                        page.events.append(event)
                        bytes += record.size
                    }
                }
                if page.events.count == query.limit || looked == Self.maximumRows || bytes > Self.maximumPageBytes {
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

    public func usageEvents(_ query: UsageEventQuery) async throws(StoreError) -> UsageEventPage {
        try await read { db in
            let none = UsageEventPage(events: [], isLast: true)
            guard let meter = try NameTable.find(query.meterApiName, db) else { return none }
            var customer: Int64?
            if let id = query.customerId {
                customer = try NameTable.find(id, db)
                if customer == nil { return none }
            }
            var first = FirstRecords(limit: query.limit, isAscending: query.isAscending)
            try HourWalk(query, db).each { hour in
                try Self.read(hour, meter, customer, query, into: &first, db)
                return !first.hasMore
            }
            var details = try EventDetails(db)
            let events = try first.take().map { try details.event(of: $0) }
            return UsageEventPage(events: events, isLast: !first.hasMore)
        }
    }

    /// Reads the counting records of one hour, as far as they are in the range that is asked for.
    private static func read(
        _ hour: Int64, _ meter: Int64, _ customer: Int64?, _ query: UsageEventQuery,
        into first: inout FirstRecords, _ db: Database
    ) throws {
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
        while try rows.step() {
            let (number, time) = (rows.int(0), rows.int(4))
            guard query.times.contains(time), first.mayTake(time: time, number: number) else { continue }
            if let after = query.after {
                let isBehind = (time, number) > (after.time, after.number)
                let isBefore = (time, number) < (after.time, after.number)
                guard query.isAscending ? isBehind : isBefore else { continue }
            }
            guard let record = StoredRecord(rows) else { continue }
            guard query.dimensions.allSatisfy({ $0.fits(record.dimensions) }) else { continue }
            first.add(record)
        }
    }
}

/// The first of many records in the order of time, of which few are in memory.
private struct FirstRecords {
    private let limit: Int
    private let isAscending: Bool
    private var records: [StoredRecord] = []
    private var bytes = 0
    /// The first record that no longer has a place.
    private var bound: (time: Int64, number: Int64)?

    init(limit: Int, isAscending: Bool) {
        self.limit = limit
        self.isAscending = isAscending
    }

    /// Whether there are more records than have a place.
    private(set) var hasMore = false

    mutating func mayTake(time: Int64, number: Int64) -> Bool {
        guard let bound else { return true }
        let isBefore = (time, number) < (bound.time, bound.number)
        return isAscending ? isBefore : !isBefore && (time, number) != (bound.time, bound.number)
    }

    mutating func add(_ record: StoredRecord) {
        records.append(record)
        bytes += record.size
        if records.count > 2 * limit || bytes > 2 * SQLiteStore.maximumPageBytes { trim() }
    }

    /// The records in their order.
    mutating func take() -> [StoredRecord] {
        trim()
        return records
    }

    /// Drops what has no place.
    private mutating func trim() {
        records.sort { left, right in
            let isBefore = (left.time, left.number) < (right.time, right.number)
            return isAscending ? isBefore : !isBefore
        }
        var kept = 0
        bytes = 0
        while kept < min(limit, records.count), kept == 0 || bytes < SQLiteStore.maximumPageBytes {
            bytes += records[kept].size
            kept += 1
        }
        guard kept < records.count else { return }
        bound = (records[kept].time, records[kept].number)
        hasMore = true
        records.removeSubrange(kept...)
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
    private let dimensions: [(name: [UInt8], value: [UInt8])]
    private var meter: Int64?
    private var customer: Int64?
    private(set) var logGroup: Int64?

    /// Nil when a name in the query was never seen, so that nothing fits.
    init?(_ query: EventQuery, _ db: Database) throws {
        self.query = query
        dimensions = query.dimensions.map { (Array($0.name.utf8), Array($0.value.utf8)) }
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
        return dimensions.allSatisfy { dimension in
            DimensionSet.value(of: dimension.name, in: record.dimensions)?.elementsEqual(dimension.value) ?? false
        }
    }
}

/// Adds to a record what other tables know of it.
private struct EventDetails {
    private let db: Database
    private let meters: [Int64: RollupMeter]
    private let deduplications: Deduplications
    private var names: [Int64: String] = [:]
    private var intakes: [Int64: IntakeName] = [:]

    init(_ db: Database) throws {
        self.db = db
        meters = try RollupMeter.all(db)
        deduplications = try Deduplications(db)
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
        let key = RecordKey(record, deduplication: deduplications[row.meter])
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
