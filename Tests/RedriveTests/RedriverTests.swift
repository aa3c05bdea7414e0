import Delivery
import Gzip
import Meter
import MeterLine
import Redrive
import Testing

struct RedriverTests {
    /// The members of AWS's own example.
    private static let metadata = """
        {"requestContext":{"functionArn":"arn:f","condition":"RetryAttemptsExhausted"},"responseContext":{"statusCode":200},\
        "version":"1.0","timestamp":"2019-11-14T00:38:06.021Z","KinesisBatchInfo":{"shardId":"shardId-000000000001",\
        "startSequenceNumber":"496011","endSequenceNumber":"496012",\
        "approximateArrivalOfFirstRecord":"2019-11-14T00:38:04.835Z",\
        "approximateArrivalOfLastRecord":"2019-11-14T00:38:05.580Z","batchSize":500,"streamArn":"arn:s"}
        """

    @Test func `Lambda's record holds the event, or says what it is about`() throws {
        let whole = try #require(FailureRecord(Array((Self.metadata + ",\"payload\":\"{\\\"Records\\\":[]}\"}").utf8)))
        #expect(whole.event == Array("{\"Records\":[]}".utf8))
        #expect(whole.note.condition == "RetryAttemptsExhausted")
        let named = try #require(FailureRecord(Array((Self.metadata + "}").utf8)))
        #expect(named.event == nil)
        for part in [
            "500 Kinesis records of arn:s", "shardId-000000000001", "from 496011 to 496012",
            "--from 2019-11-13T23:38:04Z --to 2019-11-14T00:53:05Z",
        ] {
            #expect(named.note.remedy.contains(part))
        }
        let direct = try #require(
            FailureRecord(Array("{\"requestPayload\":{\"awslogs\":{\"data\":\"\"}},\"responseContext\":{}}".utf8)))
        #expect(direct.event == Array("{\"awslogs\":{\"data\":\"\"}}".utf8))
        for text in ["", "{", "{\"a\":1}", Self.metadata, "[1]"] { #expect(FailureRecord(Array(text.utf8)) == nil) }
    }

    @Test(arguments: [
        (
            "failed-requests/2026-01-03/ingest/records/2026-01-02/a.ndjson.gz.reason.txt",
            "ingest/records/2026-01-02/a.ndjson.gz"
        ),
        ("team/failed-requests/2026-01-03/x.json.reason.txt", "team/x.json"),
        ("failed-requests/x.json.reason.txt", nil), ("failed-requests/2026-01-03/x.json", nil),
    ])
    func `A failed request names its object`(key: String, about: String?) {
        #expect(Redriver.failedKey(key) == about)
    }

    private func redriver(_ directory: TestDirectory, _ sink: TestDirectory) throws -> Redriver {
        let store = DirectoryStore(sink.path)
        return Redriver(
            bucket: DirectoryBucket(directory.path), context: directory.path,
            parts: DeliveryParts(reader: try LineReader(), sink: StoreSink(store), rejects: store, provenance: true))
    }

    private static func refused(_ number: Int) -> String {
        let record =
            "{\\\"uniqueId\\\":\\\"\(number)\\\",\\\"meterApiName\\\":\\\"m\\\",\\\"meterValue\\\":1,"
            + "\\\"meterTimeInMillis\\\":1767225600000,\\\"customerId\\\":\\\"c\\\"}"
        return "{\"reason\":\"refusedBySink\",\"detail\":\"\",\"tag\":null,\"ordinal\":0,\"source\":{\"account\":\"1\","
            + "\"logGroup\":\"g\",\"logStream\":\"s\",\"eventId\":\"\(number)\",\"timestamp\":1767225600000},"
            + "\"timestamp\":null,\"message\":\"\(record)\"}\n"
    }

    @Test func `Objects are told by their content where the key says nothing, and what was delivered is passed by`()
        async throws
    {
        let directory = TestDirectory()
        let sink = TestDirectory()
        directory.write("a/ingest/records/1.ndjson", Self.refused(1))
        directory.write("b.ndjson", Self.refused(1) + Self.refused(2))
        directory.write("c.json", Self.metadata + "}")
        directory.write("d.txt", "anything")
        directory.write("ingest/records/1.ndjson", Self.refused(1))
        directory.write("ingest0", Self.metadata + "}")
        directory.write("redriven/b.ndjson", Self.refused(1))
        directory.write("z.json", "{\"awslogs\":{\"data\":\"\"}}")
        let redriver = try redriver(directory, sink)
        let plan = try await redriver.plan { _ in }
        #expect(plan.items.map(\.object.key) == ["b.ndjson", "c.json", "ingest0", "z.json"])
        #expect(plan.items.map(\.kind) == [.rejects, .streamFailure, .streamFailure, .streamFailure])
        #expect(plan.items[0].state == .ready && plan.items[0].found.records == 2)
        #expect(plan.items[0].reasons == ["refusedBySink": 2])
        guard case .metadata = plan.items[1].state else {
            Issue.record("\(plan.items[1].state)")
            return
        }
        #expect(plan.others == 1)
        #expect(sink.keys.isEmpty)
    }

    @Test func `An object moves once it is durable, and its copy says the same`() async throws {
        let directory = TestDirectory()
        let sink = TestDirectory()
        directory.write("rejects/2026-01-01/a-b-c.ndjson.gz", Self.refused(1))
        let redriver = try redriver(directory, sink)
        let item = try #require(try await redriver.plan { _ in }.items.first)
        let kept = try await redriver.carryOut(item, ending: .kept)
        #expect(kept.isFinished && kept.figures.delivered == 1 && kept.figures.records == 1)
        #expect(directory.keys == ["rejects/2026-01-01/a-b-c.ndjson.gz"])
        let before = sink.keys
        #expect(before.count == 1)
        _ = try await redriver.carryOut(item, ending: .moved)
        #expect(directory.keys == ["redriven/rejects/2026-01-01/a-b-c.ndjson.gz"])
        #expect(sink.keys == before)
    }

    @Test func `Lines are read in any pieces`() throws {
        var writer = GzipWriter()
        writer.append(Array("one\n\ntwo\nthree".utf8))
        let text = writer.finish()
        for size in [2, 3, 7, 1_000] {
            var lines = ObjectLines()
            for start in stride(from: 0, to: text.count, by: size) {
                try lines.read(text.span.extracting(start..<min(text.count, start + size)))
            }
            try lines.finish()
            #expect(lines.take().map { String(decoding: $0, as: UTF8.self) } == ["one", "two", "three"])
        }
        var cut = ObjectLines()
        try cut.read(text.span.extracting(0..<(text.count - 4)))
        #expect(throws: ObjectText.Damaged.self) { try cut.finish() }
    }
}
