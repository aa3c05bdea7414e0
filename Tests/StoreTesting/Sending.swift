import Aggregation
import Meter
import Store
import Testing

/// Where the records of these checks begin: 2025-11-01.
let start: Int64 = 1_761_955_200_000
let minute: Int64 = 60_000
let hour: Int64 = 60 * minute
let day: Int64 = 24 * hour

let api = IntakeName(kind: .api, name: "key")

/// A record of the meter `calls`, unless it says otherwise.
func record(
    _ id: String?, meter: String = "calls", customer: String = "acme", value: String = "1", at time: Int64 = start,
    _ dimensions: [String: String] = [:], isTimeless: Bool = false, logGroup: String? = nil
) throws -> ReceivedRecord {
    let sorted = dimensions.map { Dimension(name: $0.key, value: $0.value) }
        .sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    let source = logGroup.map {
        RecordSource(
            account: "1", logGroup: $0, logStream: "s", eventId: "e", timestamp: time, ordinal: 0, timeDerived: true)
    }
    return ReceivedRecord(
        meterApiName: meter, customerId: customer, meterValue: try #require(Quantity(value)), meterTimeInMillis: time,
        uniqueId: id, dimensions: sorted, source: source, isTimeless: isTimeless)
}

extension ReceivedRecord {
    /// What takes this record back.
    var cancel: ReceivedRecord {
        var cancel = self
        cancel.dimensions.append(Dimension(name: Self.cancelDimension, value: "true"))
        cancel.dimensions.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        return cancel
    }

    /// The same record at another time.
    func at(_ time: Int64) -> ReceivedRecord {
        var record = self
        record.meterTimeInMillis = time
        return record
    }

    var item: IntakeBatch.Item { .record(self, line: Array((uniqueId ?? "").utf8)[...]) }
}

func reject(_ line: String, reason: RejectReason = .invalidValue) -> IntakeBatch.Item {
    .reject(ReceivedReject(reason: reason, detail: "it is wrong", line: Array(line.utf8)[...]))
}

func batch(
    _ items: [IntakeBatch.Item], by intake: IntakeName = api, object: IntakeObject? = nil,
    at time: Int64 = start + 60 * day,
    ignoredKeys: [[UInt8]: Int] = [:]
) -> IntakeBatch {
    IntakeBatch(intake: intake, object: object, time: time, items: items, format: .json, ignoredKeys: ignoredKeys)
}

func meter(
    _ name: String = "calls", type: MeterType = .sumOfAllUsage, dimensions: [String] = [], users: [String] = [],
    timeout: Int? = nil, deduplication: MeterDefinition.Deduplication = .record
) -> MeterDefinition {
    MeterDefinition(
        id: "id of \(name)", meterApiName: name, label: "label of \(name)", meterType: type, dimensions: dimensions,
        aggregationDimensions: users, timeoutInMinutes: timeout, deduplication: deduplication, createTime: start,
        updateTime: start)
}

extension Store {
    @discardableResult
    func send(_ records: ReceivedRecord..., by intake: IntakeName = api) async throws -> IntakeResult {
        try await ingest(batch(records.map(\.item), by: intake))
    }

    @discardableResult
    func define(_ definition: MeterDefinition = meter()) async throws -> MeterDefinition {
        try await create(definition, who: "tester")
    }

    /// Moves the retention mark to a time, as far as records go, and drops everything behind it.
    func close(before time: Int64) async throws {
        while try await closeRecords(keeping: 0, at: time) > 0 {}
    }

    /// A meter's figure over everything from `start` on for forty days.
    func figure(_ meter: String = "calls", _ function: Function? = nil, by interval: Interval = .day) async throws
        -> String
    {
        let query = UsageQuery(
            meterApiName: meter, function: function, interval: interval, range: start..<start + 40 * day,
            fillsGaps: false)
        return try #require(try await usage(query).series.first).groupValue
    }

    /// The figures, which always add up.
    func figures() async throws -> Pipeline {
        let figures = try await pipeline()
        #expect(
            figures.received
                == figures.counted + figures.duplicate + figures.cancelled + figures.undefined + figures.rejected)
        return figures
    }

    /// All records, in the order of their arrival.
    func allEvents() async throws -> [StoredEvent] {
        var query = EventQuery()
        query.isAscending = true
        query.limit = 20_000
        return try await events(query).events
    }
}

/// Expects an error of a kind.
func expect(
    _ kind: StoreError.Kind, sourceLocation: SourceLocation = #_sourceLocation, _ body: () async throws -> some Any
) async {
    do {
        _ = try await body()
        Issue.record("nothing was thrown, but \(kind) was expected", sourceLocation: sourceLocation)
    } catch let error as StoreError {
        #expect(error.kind == kind, "\(error)", sourceLocation: sourceLocation)
        #expect(!error.description.isEmpty, sourceLocation: sourceLocation)
    } catch {
        Issue.record(error, sourceLocation: sourceLocation)
    }
}

/// All orders of some things.
func orders<Element>(of elements: [Element]) -> [[Element]] {
    guard elements.count > 1 else { return [elements] }
    return elements.indices.flatMap { index in
        var rest = elements
        let first = rest.remove(at: index)
        return orders(of: rest).map { [first] + $0 }
    }
}
