import GRDB
public import Meter

// The protocol documents what is public here.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension SQLiteStore {
    public func find(_ records: [ReceivedRecord]) async throws(StoreError) -> [KnownRecord] {
        try await read { db in
            let finder = try RecordFinder(db)
            return try records.map { try finder.find($0) }
        }
    }
}

/// Finds records by their identity, as intake would to tell whether they are known.
private struct RecordFinder {
    private let db: Database
    private let meters: [Int64: RollupMeter]
    private let deduplications: Deduplications
    private let frozen: FrozenPast
    private let identities: IdentityTable

    init(_ db: Database) throws {
        self.db = db
        meters = try RollupMeter.all(db)
        deduplications = try Deduplications(db)
        frozen = try FrozenPast(db)
        identities = try IdentityTable(db)
    }

    /// A timeless record may have come without its provenance, so that its time was taken for its own.
    func find(_ record: ReceivedRecord) throws -> KnownRecord {
        let found = try findAsItIs(record)
        guard found.state == .unknown, record.isTimeless else { return found }
        var timed = record
        timed.isTimeless = false
        return try findAsItIs(timed)
    }

    private func findAsItIs(_ record: ReceivedRecord) throws -> KnownRecord {
        guard record.meterTimeInMillis >= frozen.time else { return KnownRecord(state: .pastRetention) }
        guard let meter = try NameTable.find(record.meterApiName, db),
            let customer = try NameTable.find(record.customerId, db)
        else { return KnownRecord(state: .unknown) }
        let key = RecordKey(record, deduplication: deduplications[meter])
        let place = IdentityPlace(
            meter: meter, customer: customer, key: key, hour: Hour.containing(record.meterTimeInMillis))
        guard let known = try identities.find(place) else { return KnownRecord(state: .unknown) }
        switch (known.state, record.isCancel) {
        case (.record, true) where known.isFrozen: return KnownRecord(state: .pastRetention)
        case (.record, true), (.cancel, false): return KnownRecord(state: .unknown)
        case (.record, false): return try answer(meters[meter] == nil ? .undefined : .counted, known.number)
        case (.cancelled, false): return try answer(.cancelled, known.number)
        case (.cancel, true): return try answer(.cancel, known.number)
        case (.cancelled, true): return try answer(.cancel, known.cancel ?? known.number)
        }
    }

    private func answer(_ state: KnownRecord.State, _ number: Int64) throws -> KnownRecord {
        // What is frozen is known by its key alone.
        guard number > 0 else { return KnownRecord(state: state) }
        var source: RecordSource?
        if let row = try StoredRecord.find(number, db), let packed = row.source, let logGroup = row.logGroup {
            source = RecordSource(
                packed: packed, logGroup: try NameTable.text(of: logGroup, db), timestamp: row.logTime)
        }
        return KnownRecord(state: state, number: number, source: source)
    }
}
