import Aggregation
import GRDB
import Meter

/// The starts and stops of `event_duration` meters.
///
/// A series is what one customer does with one set of dimensions. Of a stop and a start at one time the stop wins.
/// When the retention mark moves, what lies before it goes, but for the starts that run on after it.
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

    /// A start before the retention mark that runs on into hours that can still change.
    struct Running {
        /// The start, with all its dimensions.
        var record: CountedRecord
        /// How it goes on after the mark when no later event comes.
        var span: DurationSpan
    }

    /// The starts before the retention mark that run on after it: of each series its last event, if it is such a start.
    func running(_ frozen: FrozenPast, _ meter: RollupMeter, _ db: Database) throws -> [Running] {
        let rows = try HotStatement(
            db,
            """
            SELECT customer, dimensions, time, rank, number FROM series WHERE meter = ? AND time < ?
            ORDER BY customer, dimensions, time, rank, number
            """)
        rows.bind(1, meter.name)
        rows.bind(2, frozen.time)
        defer { rows.reset() }
        var running: [Running] = []
        var last: CountedRecord?
        while try rows.step() {
            let isStart = rows.int(3) == 0
            let record = CountedRecord(
                number: rows.int(4), meter: meter.name, customer: rows.int(0), time: rows.int(2),
                value: Quantity(canonical: isStart ? "1" : "0"), dimensions: rows.bytes(1))
            let isSameSeries = last?.customer == record.customer && last?.dimensions == record.dimensions
            if isSameSeries, running.last?.record.number == last?.number { running.removeLast() }
            last = record
            let event = DurationEvent(time: record.time, isStart: isStart)
            if let span = DurationSpan(of: event, next: nil, timeout: meter.timeout)?
                .clamped(to: frozen.time..<Int64.max)
            {
                running.append(Running(record: record, span: span))
            }
        }
        return running
    }

    /// Drops what lies before the retention mark, but for the starts that run on after it; these outlive their records.
    func settle(_ frozen: FrozenPast, _ meter: RollupMeter, _ db: Database) throws {
        let running = try running(frozen, meter, db)
        try db.execute(
            sql: "DELETE FROM series WHERE meter = ? AND time < ?", arguments: [meter.name, frozen.time])
        for start in running {
            bind(insert, start.record)
            insert.bind(5, 0)
            insert.bind(6, start.record.number)
            try insert.run()
        }
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
