import FoundationEssentials
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
}

/// Lends the path of a database that is not there yet, in a directory of its own.
func withPath(_ body: (String) async throws -> Void) async throws {
    let directory = FileManager.default.temporaryDirectory.appending(path: "store-tests-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    try await body(directory.appending(path: "metertap.sqlite").path)
}
