import Aggregation
import GRDB
import Meter

/// The starts and stops of `event_duration` meters.
///
/// A series is what one customer does with one set of dimensions. Of a stop and a start at one time the stop wins.
/// The last start before the retention mark outlives its record as long as it may run into hours that still change.
struct SeriesTable {
    private let before: HotStatement
    private let at: HotStatement
    private let after: HotStatement
    private let insert: HotStatement
    private let delete: HotStatement

    init(_ db: Database) throws {
        let series = "SELECT time, rank FROM series WHERE meter = ? AND customer = ? AND dimensions = ?"
        before = try HotStatement(db, "\(series) AND time < ? ORDER BY time DESC, rank DESC LIMIT 1")
        at = try HotStatement(db, "\(series) AND time = ? ORDER BY rank DESC LIMIT 1")
        after = try HotStatement(db, "\(series) AND time > ? ORDER BY time, rank LIMIT 1")
        insert = try HotStatement(
            db, "INSERT INTO series (meter, customer, dimensions, time, rank, number) VALUES (?, ?, ?, ?, ?, ?)")
        delete = try HotStatement(
            db,
            "DELETE FROM series WHERE meter = ? AND customer = ? AND dimensions = ? AND time = ? AND rank = ? AND number = ?"
        )
    }

    /// Adds a start or stop, or takes it away.
    ///
    /// - Returns: by how many milliseconds which hours change; nothing for a value that neither starts nor stops.
    func change(_ record: CountedRecord, _ meter: RollupMeter, isAdded: Bool) throws -> [(hour: Int64, Int64)] {
        guard let isStart = Self.isStart(record.value) else { return [] }
        let old = try spans(around: record, meter)
        let statement = isAdded ? insert : delete
        bind(statement, record)
        statement.bind(5, isStart ? 0 : 1)
        statement.bind(6, record.number)
        try statement.run()
        let new = try spans(around: record, meter)
        guard old != new else { return [] }
        var hours: [Int64: Int64] = [:]
        for (spans, sign) in [(old, Int64(-1)), (new, 1)] {
            for span in spans {
                for part in span.parts(by: .hour) {
                    hours[Hour.containing(part.bucket), default: 0] += sign * part.milliseconds
                }
            }
        }
        return hours.filter { $0.value != 0 }.map { ($0.key, $0.value) }
    }

    /// The starts before the retention mark that run on behind it, each with its span behind the mark as it is without
    /// any later event.
    func running(_ frozen: FrozenPast, _ meter: RollupMeter, _ db: Database) throws -> [(CountedRecord, DurationSpan)] {
        try lastEvents(before: frozen.time, meter, db).compactMap { record, event in
            guard let span = DurationSpan(of: event, next: nil, timeout: meter.timeout),
                let part = span.clamped(to: frozen.time..<Int64.max)
            else { return nil }
            return (record, part)
        }
    }

    /// Drops what lies before the retention mark and does not run behind it by the meter's timeout.
    ///
    /// A meter's next definition must not make run again what had ended, whether or not its record is dropped yet.
    func settle(_ frozen: FrozenPast, _ meter: RollupMeter, _ db: Database) throws {
        let running = try running(frozen, meter, db).map(\.0)
        try db.execute(
            sql: "DELETE FROM series WHERE meter = ? AND time < ?", arguments: [meter.name, frozen.time])
        for record in running {
            bind(insert, record)
            insert.bind(5, 0)
            insert.bind(6, 0)
            try insert.run()
        }
    }

    private func lastEvents(
        before mark: Int64, _ meter: RollupMeter, _ db: Database
    ) throws -> [(CountedRecord, DurationEvent)] {
        let rows = try HotStatement(
            db,
            """
            SELECT customer, dimensions, time, rank FROM series WHERE meter = ? AND time < ?
            ORDER BY customer, dimensions, time, rank
            """)
        rows.bind(1, meter.name)
        rows.bind(2, mark)
        defer { rows.reset() }
        var last: [(CountedRecord, DurationEvent)] = []
        while try rows.step() {
            let record = CountedRecord(
                number: 0, meter: meter.name, customer: rows.int(0), time: rows.int(2), value: Quantity(canonical: "1"),
                dimensions: rows.bytes(1))
            let event = DurationEvent(time: record.time, isStart: rows.int(3) == 0)
            if let (known, _) = last.last, known.customer == record.customer, known.dimensions == record.dimensions {
                last.removeLast()
            }
            last.append((record, event))
        }
        return last
    }

    /// 1 starts, 0 stops, anything else does neither.
    static func isStart(_ value: Quantity) -> Bool? {
        switch value.text {
        case "1": true
        case "0": false
        default: nil
        }
    }

    /// The spans that a change at the record's time can touch: its own and that of the event before it.
    private func spans(around record: CountedRecord, _ meter: RollupMeter) throws -> [DurationSpan] {
        let previous = try event(before, record)
        let current = try event(at, record)
        let next = try event(after, record)
        var spans: [DurationSpan] = []
        if let previous, let span = DurationSpan(of: previous, next: current ?? next, timeout: meter.timeout) {
            spans.append(span)
        }
        if let current, let span = DurationSpan(of: current, next: next, timeout: meter.timeout) { spans.append(span) }
        return spans
    }

    private func event(_ statement: HotStatement, _ record: CountedRecord) throws -> DurationEvent? {
        bind(statement, record)
        defer { statement.reset() }
        return try statement.step() ? DurationEvent(time: statement.int(0), isStart: statement.int(1) == 0) : nil
    }

    private func bind(_ statement: HotStatement, _ record: CountedRecord) {
        statement.bind(1, record.meter)
        statement.bind(2, record.customer)
        statement.bind(3, record.dimensions)
        statement.bind(4, record.time)
    }
}

/// Drops starts and stops whose records go: all but the last start of a series that may still run behind the mark.
///
/// Such a start loses its number with its record; it goes when its timeout has passed or when a later event has come.
struct SeriesPruning {
    private let frozen: FrozenPast
    private let db: Database
    private let meters: [Int64: RollupMeter]
    private var hasSeries: [Int64: Bool] = [:]

    init(_ frozen: FrozenPast, _ db: Database) throws {
        self.frozen = frozen
        self.db = db
        meters = try RollupMeter.all(db)
    }

    mutating func prune(_ number: Int64, ofMeter meter: Int64) throws {
        let series = "meter = ? AND customer = ? AND dimensions = ?"
        guard try hasRows(meter), let record = try StoredRecord.find(number, db)?.counted,
            let isStart = SeriesTable.isStart(record.value)
        else { return }
        let rank: Int64 = isStart ? 0 : 1
        // What was taken back is in no series, and must take nothing of one with it.
        let present = try HotStatement(
            db, "SELECT 1 FROM series WHERE \(series) AND time = ? AND rank = ? AND number = ?")
        bind(present, record, rank)
        present.bind(6, record.number)
        defer { present.reset() }
        guard try present.step() else { return }
        let later = try HotStatement(
            db, "SELECT 1 FROM series WHERE \(series) AND (time, rank, number) > (?, ?, ?) AND time < ? LIMIT 1")
        bind(later, record, rank)
        later.bind(6, record.number)
        later.bind(7, frozen.time)
        defer { later.reset() }
        let isLast = try !later.step()
        if isLast {
            let earlier = try HotStatement(db, "DELETE FROM series WHERE \(series) AND (time, rank) < (?, ?)")
            bind(earlier, record, rank)
            try earlier.run()
        }
        let isRunning = isLast && isStart && isRunning(record.time, meter)
        let own = try HotStatement(
            db,
            (isRunning ? "UPDATE OR REPLACE series SET number = 0" : "DELETE FROM series")
                + " WHERE \(series) AND time = ? AND rank = ? AND number = ?")
        bind(own, record, rank)
        own.bind(6, record.number)
        try own.run()
    }

    /// Drops the starts without a record that have ended by themselves.
    func dropEnded() throws {
        for meter in meters.values where meter.isDuration {
            try db.execute(
                sql: "DELETE FROM series WHERE meter = ? AND number = 0 AND time <= ?",
                arguments: [meter.name, frozen.time - meter.timeout])
        }
    }

    private mutating func hasRows(_ meter: Int64) throws -> Bool {
        if let known = hasSeries[meter] { return known }
        let found =
            try Int64.fetchOne(db, sql: "SELECT 1 FROM series WHERE meter = ? LIMIT 1", arguments: [meter]) != nil
        hasSeries[meter] = found
        return found
    }

    /// Whether a start may run behind the mark; of a meter that is not defined nobody knows.
    private func isRunning(_ time: Int64, _ meter: Int64) -> Bool {
        guard let meter = meters[meter], meter.isDuration else { return true }
        return time > frozen.time - meter.timeout
    }

    private func bind(_ statement: HotStatement, _ record: CountedRecord, _ rank: Int64) {
        statement.bind(1, record.meter)
        statement.bind(2, record.customer)
        statement.bind(3, record.dimensions)
        statement.bind(4, record.time)
        statement.bind(5, rank)
    }
}
