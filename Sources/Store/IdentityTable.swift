import GRDB
import Meter

/// What was seen of one identity.
enum IdentityState: Int64 {
    /// A record: it counts.
    case record = 1
    /// A cancel without its record.
    case cancel = 2
    /// Both: nothing counts.
    case cancelled = 3
}

/// An identity that is in the table.
struct KnownIdentity {
    var hour: Int64
    var state: IdentityState
    /// The record, or the cancel when there is no record.
    var number: Int64
    /// The cancel of a record that was taken back.
    var cancel: Int64?
    /// Whether its hour is frozen: its records may be gone, and what it counts for stays.
    var isFrozen = false
}

/// Where an identity stands, if there is one.
struct IdentityPlace {
    var meter: Int64
    var customer: Int64
    var key: RecordKey
    var hour: Int64
}

/// Finds and writes identities, in the hour of their time or, when time is no part of them, wherever they are.
struct IdentityTable {
    private let db: Database
    private let frozen: FrozenPast
    private let insertNew: HotStatement
    private let select: HotStatement
    private let upsert: HotStatement
    private let delete: HotStatement
    private let selectTimeless: HotStatement
    private let upsertTimeless: HotStatement

    init(_ db: Database) throws {
        self.db = db
        frozen = try FrozenPast(db)
        insertNew = try HotStatement(
            db,
            """
            INSERT INTO identity (hour, meter, customer, key, state, number, cancel) VALUES (?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT DO NOTHING
            """)
        select = try HotStatement(
            db, "SELECT state, number, cancel FROM identity WHERE hour = ? AND meter = ? AND customer = ? AND key = ?")
        upsert = try HotStatement(
            db,
            """
            INSERT OR REPLACE INTO identity (hour, meter, customer, key, state, number, cancel)
            VALUES (?, ?, ?, ?, ?, ?, ?)
            """)
        delete = try HotStatement(
            db, "DELETE FROM identity WHERE hour = ? AND meter = ? AND customer = ? AND key = ?")
        selectTimeless = try HotStatement(
            db, "SELECT hour, state FROM timeless WHERE meter = ? AND customer = ? AND key = ?")
        upsertTimeless = try HotStatement(
            db, "INSERT OR REPLACE INTO timeless (meter, customer, key, hour, state) VALUES (?, ?, ?, ?, ?)")
    }

    /// The identity of what arrived; when it is new it is inserted, and there is none to return.
    func findOrInsert(_ arrival: Arrival, number: Int64) throws -> KnownIdentity? {
        let state: IdentityState = arrival.record.isCancel ? .cancel : .record
        // Most are new: looking first would cost a search more.
        if !arrival.key.isTimeless {
            try write(insertNew, arrival, hour: arrival.hour, state: state, number: number, cancel: nil)
            return try db.changesCount > 0 ? nil : find(arrival.place)
        }
        if let known = try find(arrival.place) { return known }
        try write(upsert, arrival, hour: arrival.hour, state: state, number: number, cancel: nil)
        return nil
    }

    /// The identity of a place; nil when there is none.
    func find(_ place: IdentityPlace) throws -> KnownIdentity? {
        var hour = place.hour
        if place.key.isTimeless {
            guard let known = try findTimeless(place) else { return nil }
            if known.isFrozen { return known }
            hour = known.hour
        }
        bind(select, place, hour: hour)
        defer { select.reset() }
        guard try select.step(), let state = IdentityState(rawValue: select.int(0)) else { return nil }
        return KnownIdentity(hour: hour, state: state, number: select.int(1), cancel: select.optionalInt(2))
    }

    /// What is remembered for good of an identity whose time is no part of it.
    private func findTimeless(_ place: IdentityPlace) throws -> KnownIdentity? {
        selectTimeless.bind(1, place.meter)
        selectTimeless.bind(2, place.customer)
        selectTimeless.bind(3, place.key.bytes)
        defer { selectTimeless.reset() }
        guard try selectTimeless.step(), let state = IdentityState(rawValue: selectTimeless.int(1)) else { return nil }
        let hour = selectTimeless.int(0)
        return KnownIdentity(hour: hour, state: state, number: 0, isFrozen: frozen.contains(hour))
    }

    /// Changes an identity where it is.
    func update(
        _ known: KnownIdentity, _ arrival: Arrival, state: IdentityState, number: Int64, cancel: Int64?
    ) throws {
        try write(upsert, arrival, hour: known.hour, state: state, number: number, cancel: cancel)
    }

    /// Changes an identity and puts it into the hour of what arrived; in a frozen hour it is left to retention.
    func move(
        _ known: KnownIdentity, to arrival: Arrival, state: IdentityState, number: Int64, cancel: Int64?
    ) throws {
        if !known.isFrozen {
            bind(delete, arrival.place, hour: known.hour)
            try delete.run()
        }
        try write(upsert, arrival, hour: arrival.hour, state: state, number: number, cancel: cancel)
    }

    private func write(
        _ statement: HotStatement, _ arrival: Arrival, hour: Int64, state: IdentityState, number: Int64, cancel: Int64?
    ) throws {
        bind(statement, arrival.place, hour: hour)
        statement.bind(5, state.rawValue)
        statement.bind(6, number)
        statement.bind(7, cancel)
        try statement.run()
        guard arrival.key.isTimeless else { return }
        upsertTimeless.bind(1, arrival.meter)
        upsertTimeless.bind(2, arrival.customer)
        upsertTimeless.bind(3, arrival.key.bytes)
        upsertTimeless.bind(4, hour)
        upsertTimeless.bind(5, state.rawValue)
        try upsertTimeless.run()
    }

    private func bind(_ statement: HotStatement, _ place: IdentityPlace, hour: Int64) {
        statement.bind(1, hour)
        statement.bind(2, place.meter)
        statement.bind(3, place.customer)
        statement.bind(4, place.key.bytes)
    }
}
