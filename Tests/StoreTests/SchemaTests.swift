import Aggregation
import FoundationEssentials
import GRDB
import Meter
import Store
import Testing

@Suite struct SchemaTests {
    /// The first day of the records in version-1.sql.
    private static let start: Int64 = 1_761_955_200_000
    private static let hour: Int64 = 3_600_000

    @Test func `a database of version 1 is upgraded with what is in it`() async throws {
        try await withPath { path in
            try Self.make(PackageResources.version_1_sql, at: path)
            let store = try SQLiteStore(path: path)
            let figures = try await store.pipeline()
            #expect(figures.received == 52 && figures.counted == 43 && figures.duplicate == 5)
            #expect(figures.cancelled == 2 && figures.undefined == 1 && figures.rejected == 1)
            #expect(
                try await Self.days(store, by: "region") == [
                    ["1001"], ["20", "68", "116", "76"], ["24", "72", "120", "37.5"], ["22.5", "76", "124", "38.5"],
                ])
            #expect(try await Self.days(store, "running") == [["3600", "60"]])
            #expect(try await store.customers().map(\.customerName) == ["Acme"])
            #expect(try await store.keys().count == 1)
            try store.close()
        }
    }

    @Test func `an upgraded database goes on`() async throws {
        try await withPath { path in
            try Self.make(PackageResources.version_1_sql, at: path)
            let store = try SQLiteStore(path: path)
            // Late for a day that version 1 wrote, known already, taken back, and of a day that is new.
            let known = try Self.record("r1", "1.5", at: Self.start + 2 * Self.hour, customer: "globex", region: "us")
            var cancel = known
            cancel.dimensions.insert(Dimension(name: ReceivedRecord.cancelDimension, value: "true"), at: 0)
            let result = try await Self.ingest(
                [
                    try Self.record("late", "0.5", at: Self.start, region: "eu"), known, cancel,
                    try Self.record("new", "3", at: Self.start + 240 * Self.hour, region: "us"),
                ], store)
            #expect(result.stored == 3 && result.duplicates == 1)
            #expect(
                try await Self.days(store, by: "region") == [
                    ["1001"], ["20.5", "68", "116", "76"], ["22.5", "72", "120", "37.5", "3"],
                    ["22.5", "76", "124", "38.5"],
                ])
            while try await store.closeRecords(keeping: 0, at: Self.start + 240 * Self.hour) > 0 {}
            #expect(try await store.events(EventQuery()).events.map(\.record.uniqueId) == ["new"])
            #expect(try await Self.days(store) == [["1066.5", "216", "360", "152", "3"]])
            try store.close()
        }
    }

    @Test func `what version 3 had frozen stays as it was`() async throws {
        try await withPath { path in
            try Self.make(PackageResources.version_3_sql, at: path)
            let store = try SQLiteStore(path: path)
            // In the middle of dropping, under another definition, and when all is dropped.
            for dimensions in [["region"], ["plan"], []] {
                var definition = try #require(try await store.meters().first { $0.meterApiName == "calls" })
                definition.dimensions = dimensions
                _ = try await store.update(definition, who: "tester")
                var running = try #require(try await store.meters().first { $0.meterApiName == "runs" })
                running.dimensions = dimensions
                _ = try await store.update(running, who: "tester")
                #expect(try await Self.days(store) == [["53", "48", "55"]])
                #expect(try await Self.days(store, "once") == [["10", "20"]])
                #expect(try await Self.days(store, "runs") == [["75600", "86400", "86400", "86400", "14400"]])
                #expect(try await store.pipeline().frozenBefore == Self.start + 30 * Self.hour)
                while try await store.closeRecords(keeping: 100_000, at: Self.start) > 0 {}
            }
            // Its key has no time, and was not dropped.
            let known = try Self.record("v", "21", at: Self.start + 70 * Self.hour, meter: "once")
            #expect(try await Self.ingest([known], store).duplicates == 1)
            try store.close()
        }
    }

    @Test func `a database of a later version is refused`() async throws {
        try await withPath { path in
            try SQLiteStore(path: path).close()
            let database = try DatabaseQueue(path: path)
            try await database.write { try $0.execute(sql: "INSERT INTO grdb_migrations VALUES ('later')") }
            try database.close()
            #expect {
                try SQLiteStore(path: path)
            } throws: { error in
                let error = error as? StoreError
                return error?.kind == .incompatible && error?.description.contains("later version") == true
            }
        }
    }

    private static func make(_ dump: [UInt8], at path: String) throws {
        let database = try DatabaseQueue(path: path)
        let sql = String(decoding: dump, as: UTF8.self)
        try database.write { try $0.execute(sql: sql) }
        try database.close()
    }

    private static func days(
        _ store: SQLiteStore, _ meter: String = "calls", by key: String? = nil
    ) async throws -> [[String]] {
        let query = UsageQuery(
            meterApiName: meter, interval: .day, range: start..<start + 20 * 24 * hour,
            groupBy: key.map { [.dimension($0)] } ?? [], fillsGaps: false)
        return try await store.usage(query).series.map { $0.values.map(\.value) }
    }

    private static func record(
        _ id: String, _ value: String, at time: Int64, meter: String = "calls", customer: String = "acme",
        region: String? = nil
    ) throws -> ReceivedRecord {
        ReceivedRecord(
            meterApiName: meter, customerId: customer, meterValue: try #require(Quantity(value)),
            meterTimeInMillis: time, uniqueId: id,
            dimensions: region.map { [Dimension(name: "region", value: $0)] } ?? [])
    }

    private static func ingest(_ records: [ReceivedRecord], _ store: SQLiteStore) async throws -> IntakeResult {
        try await store.ingest(
            IntakeBatch(
                intake: IntakeName(kind: .api, name: "key"), time: start + 240 * hour,
                items: records.map { .record($0, line: []) }, format: .json))
    }
}
