import Delivery
import Foundation
import Redrive
import Testing

struct WaitingObjectsTests {
    @Test(arguments: [
        ("aws/lambda/0b1c-uuid/shardId-000000000001/2026/01/02/2026-01-02T03.04.05-uuid", WaitingKind.streamFailure),
        ("aws/lambda/async/metertap/2026/01/02/2026-01-02T03.04.05-uuid", .directFailure),
        ("team/rejects/2026-01-02/1-2-ab.ndjson.gz", .rejects),
        ("failed-requests/2026-01-02/ingest/records/2026-01-02/1-2-ab.ndjson.gz.reason.txt", .failedRequest),
        ("failed-requests/2026-01-02/rejects/a.ndjson.gz.reason.txt", .failedRequest),
        ("ingest/records/2026-01-02/1-2-ab.ndjson.gz", nil), ("manifest/2026-01-02/1-2-ab.ndjson.gz", nil),
        ("redriven/rejects/2026-01-02/1-2-ab.ndjson.gz", nil), ("aws/lambda/stray", nil), ("rejects", nil),
        ("rejects/readme.txt", nil),
    ])
    func `A key tells what waits`(key: String, kind: WaitingKind?) {
        #expect(WaitingKind(key: key) == kind)
    }

    @Test func `What stands before a key is a part of it`() {
        #expect(WaitingKind(key: "2026-01-02/1-2-ab.ndjson.gz", in: "team/rejects/") == .rejects)
        // What is asked for by name is looked at again.
        #expect(WaitingKind(key: "rejects/2026-01-02/1-2-ab.ndjson.gz", in: "redriven/") == .rejects)
    }

    @Test func `What waits is counted by kind, and no further than asked`() async throws {
        let directory = TestDirectory()
        directory.write("aws/lambda/async/f/2026/01/02/a", "12345")
        directory.write("rejects/2026-01-02/a.ndjson.gz", "1")
        directory.write("rejects/2026-01-03/b.ndjson.gz", "1234")
        directory.write("redriven/rejects/2026-01-01/c.ndjson.gz", "1")
        directory.write("ingest/records/2026-01-02/a.ndjson.gz", "1")
        let bucket = DirectoryBucket(directory.path)
        let all = try await WaitingObjects(in: bucket)
        #expect(all.isWhole)
        #expect(all.counts.map(\.kind) == [.directFailure, .rejects])
        #expect(all.counts.map(\.objects) == [1, 2])
        #expect(all.counts.map(\.bytes) == [5, 5])
        #expect(all.objects == 3)
        #expect(all.oldest.map { $0 > 1_700_000_000_000 } == true)
        let some = try await WaitingObjects(in: bucket, limit: 1)
        #expect(!some.isWhole)
        #expect(some.counts.map(\.objects) == [1, 1])
    }

    @Test func `A directory that is not there holds nothing`() async throws {
        let waiting = try await WaitingObjects(in: DirectoryBucket("/nowhere/at/all"))
        #expect(waiting.isEmpty && waiting.isWhole && waiting.oldest == nil)
    }
}

/// A directory that goes with its test.
final class TestDirectory {
    let path = FileManager.default.temporaryDirectory.appending(path: UUID().uuidString).path

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func write(_ key: String, _ text: String) {
        write(key, Array(text.utf8))
    }

    func write(_ key: String, _ bytes: [UInt8]) {
        let file = URL(filePath: "\(path)/\(key)")
        try? FileManager.default.createDirectory(
            at: file.deletingLastPathComponent(), withIntermediateDirectories: true)
        try? Data(bytes).write(to: file)
    }

    /// The keys of all objects.
    var keys: [String] {
        let names = FileManager.default.subpaths(atPath: path) ?? []
        return names.filter { name in
            var isDirectory: ObjCBool = false
            return FileManager.default.fileExists(atPath: "\(path)/\(name)", isDirectory: &isDirectory)
                && !isDirectory.boolValue
        }.sorted()
    }
}
