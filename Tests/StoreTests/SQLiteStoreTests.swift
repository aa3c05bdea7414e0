import Aggregation
import FoundationEssentials
import GRDB
import Meter
import Store
import StoreTesting
import Testing

@Suite struct SQLiteStoreTests {
    /// Days sealed at once, after a while, and never, as long as a test runs.
    @Test(arguments: StorePromise.all, [0, 25, 10_000])
    func `keeps what a store promises`(_ promise: StorePromise, quietRecords: Int64) async throws {
        try await withPath { path in
            let store = try SQLiteStore(path: path, quietRecords: quietRecords)
            try await promise.check(store)
            try store.close()
        }
    }

    @Test func `what was acknowledged is there when the file is opened again`() async throws {
        try await withPath { path in
            let first = try SQLiteStore(path: path)
            let customer = Customer(customerId: "acme", customerName: "Acme")
            _ = try await first.put(customer, isNew: true, who: "tester")
            try first.close()
            let second = try SQLiteStore(path: path)
            #expect(try await second.customer("acme")?.customerName == "Acme")
            try second.close()
        }
    }

    @Test func `a day that cannot be added up does not keep others from being counted`() async throws {
        try await withPath { path in
            let store = try SQLiteStore(path: path, quietRecords: 5)
            for name in ["damaged", "other"] {
                let meter = MeterDefinition(id: name, meterApiName: name, label: name, meterType: .sumOfAllUsage)
                _ = try await store.create(meter, who: "tester")
            }
            try await Self.ingest("damaged", 1, store)
            let database = try DatabaseQueue(path: path)
            try await database.write { try $0.execute(sql: "UPDATE rollup SET aggregate = X'FF'") }
            try database.close()
            try await Self.ingest("other", 20, store)
            #expect(try await Self.total("other", store) == "20")
            await #expect(throws: StoreError.self) { try await Self.total("damaged", store) }
            try store.close()
        }
    }

    private static func ingest(_ meter: String, _ count: Int, _ store: SQLiteStore) async throws {
        let value = try #require(Quantity("1"))
        for number in 0..<count {
            let record = ReceivedRecord(
                meterApiName: meter, customerId: "acme", meterValue: value, meterTimeInMillis: 0,
                uniqueId: "\(number)", dimensions: [])
            _ = try await store.ingest(
                IntakeBatch(
                    intake: IntakeName(kind: .api, name: "key"), time: 0, items: [.record(record, line: [])],
                    format: .json))
        }
    }

    private static func total(_ meter: String, _ store: SQLiteStore) async throws -> String? {
        let query = UsageQuery(meterApiName: meter, interval: .day, range: 0..<1, fillsGaps: false)
        return try await store.usage(query).series.first?.groupValue
    }
}

/// Lends the path of a database that is not there yet, in a directory of its own.
func withPath(_ body: (String) async throws -> Void) async throws {
    let directory = FileManager.default.temporaryDirectory.appending(path: "store-tests-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    try await body(directory.appending(path: "metertap.sqlite").path)
}
