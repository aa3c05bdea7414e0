import AWS
import Collection
import Foundation
import HTTP
import HTTPTesting
import HTTPTypes
import Testing

@Suite("Documents that several processes change")
struct SharedDocumentsTests {
    private let path = FileManager.default.temporaryDirectory.path + "/metertap-leases-\(UInt64.random(in: 0...(.max)))"

    @Test("in a directory are replaced only where the version is the one that is named")
    func directory() async throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let documents = DirectoryDocuments(path)
        #expect(try await documents.versions(in: "s/shards").isEmpty)
        #expect(try await documents.read("s/shards/a.json") == nil)
        let first = try #require(try await documents.write([1], to: "s/shards/a.json", replacing: nil))
        #expect(try await documents.write([2], to: "s/shards/a.json", replacing: nil) == nil)
        let second = try #require(try await documents.write([2], to: "s/shards/a.json", replacing: first))
        #expect(try await documents.write([3], to: "s/shards/a.json", replacing: first) == nil)
        #expect(try await documents.write([3], to: "s/shards/b.json", replacing: first) == nil)
        #expect(try await documents.versions(in: "s/shards") == ["s/shards/a.json": second])
        #expect(try await documents.read("s/shards/a.json")?.content == [2])
    }

    @Test("in a directory are changed by one at a time")
    func concurrency() async throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 {
                group.addTask { [path] in
                    let documents = DirectoryDocuments(path)
                    var made = 0
                    while made < 20 {
                        let found = try await documents.read("n.json")
                        let number = found.map { Int(String(decoding: $0.content, as: UTF8.self)) ?? 0 } ?? 0
                        let next = Array(String(number + 1).utf8)
                        if try await documents.write(next, to: "n.json", replacing: found?.version) != nil { made += 1 }
                    }
                }
            }
            try await group.waitForAll()
        }
        #expect(try await DirectoryDocuments(path).read("n.json")?.content == Array("160".utf8))
    }

    private func bucket(_ transport: FakeTransport) throws -> BucketDocuments {
        let session = AWSSession(
            settings: try AWSSettings(environment: ["AWS_REGION": "eu-west-1"]) { _ in nil }, transport: transport,
            credentials: FixedCredentials(Credentials(accessKeyID: "A", secretAccessKey: "S")), random: { 0 })
        return BucketDocuments(client: try S3Client(session), bucket: "b", prefix: "p/", patience: .seconds(600))
    }

    @Test("in a bucket are one's own when an attempt succeeded and its answer was lost")
    func lostAnswer() async throws {
        func answers(_ body: String) -> FakeTransport {
            FakeTransport([
                .failure(TransportError(.connection, "reset")),
                .success(Response(412, "<Error><Code>PreconditionFailed</Code></Error>")),
                .success(Response(200, fields: [.eTag: "\"new\""], body)),
            ])
        }
        let own = answers("mine")
        #expect(try await bucket(own).write(Array("mine".utf8), to: "a.json", replacing: "old") == "new")
        #expect(own.requests.map(\.head.method) == [.put, .put, .get])
        #expect(own.requests.first?.field("If-Match") == "\"old\"")
        #expect(try await bucket(answers("other")).write(Array("mine".utf8), to: "a.json", replacing: "old") == nil)
    }

    @Test("in a bucket are listed with the version that writing them gave")
    func versions() async throws {
        let list = """
            <ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>p/s/a.json</Key><Size>1</Size>
            <ETag>&quot;e1&quot;</ETag></Contents></ListBucketResult>
            """
        let transport = FakeTransport(Response(200, list), Response(404, "<Error><Code>NoSuchKey</Code></Error>"))
        let documents = try bucket(transport)
        #expect(try await documents.versions(in: "s") == ["s/a.json": "e1"])
        #expect(transport.requests[0].head.path?.contains("prefix=p%2Fs%2F") == true)
        #expect(try await documents.read("s/b.json") == nil)
    }
}

@Suite("The pace of a shard")
struct ShardPaceTests {
    @Test("keeps to 5 calls and 2 MB a second, and asks once a second when there is nothing more")
    func limits() {
        var pace = ShardPace()
        #expect(pace.answered(bytes: 100, isCaughtUp: false) == .milliseconds(250))
        #expect(pace.answered(bytes: 100, isCaughtUp: true) == .seconds(1))
        // 10 MB of data are 13.3 MB of base64.
        #expect(pace.answered(bytes: 13_333_336, isCaughtUp: false) >= .seconds(5))
        #expect(pace.answered(bytes: 13_333_336, isCaughtUp: true) >= .seconds(5))
    }

    @Test("waits longer with each failure, never longer than half a minute, and anew after an answer")
    func failures() {
        var pace = ShardPace()
        let waits = (0..<12).map { _ in pace.failed(random: 0.999) }
        #expect(waits[0] < .milliseconds(500) && waits[0] > .milliseconds(490))
        #expect(zip(waits, waits.dropFirst()).allSatisfy { $0 <= $1 })
        #expect(waits[11] <= .seconds(30) && waits[11] > .seconds(29))
        #expect(pace.failed(random: 0) == .milliseconds(250))
        _ = pace.answered(bytes: 0, isCaughtUp: false)
        #expect(pace.failed(random: 0.999) < .milliseconds(500))
    }
}
