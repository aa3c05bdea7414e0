import AWS
import Delivery
import Foundation
import Gzip
import HTTP
import HTTPTesting
import HTTPTypes
import MeterLine
import Testing

private enum Events {
    static func message(_ number: Int) -> String {
        #"amberflo_meter: {\"uniqueId\":\"u\#(number)\",\"customerId\":\"c\",\"meterApiName\":\"m\",\"meterValue\":1}"#
    }

    static func envelope(_ messages: [String], first: Int) -> [UInt8] {
        let events = messages.enumerated().map { index, message in
            "{\"id\":\"\(first + index)\",\"timestamp\":1767323045000,\"message\":\"\(message)\"}"
        }
        return gzip(
            Array(
                ("{\"messageType\":\"DATA_MESSAGE\",\"owner\":\"1\",\"logGroup\":\"g\",\"logStream\":\"s\",\"logEvents\":["
                    + events.joined(separator: ",") + "]}").utf8))
    }

    static func kinesis(_ data: [[UInt8]], first: Int = 100) -> [UInt8] {
        let records = data.enumerated().map { index, data in
            "{\"kinesis\":{\"sequenceNumber\":\"\(first + index)\",\"data\":\"\(Base64.encode(data))\","
                + "\"approximateArrivalTimestamp\":1767323046.5},\"eventID\":\"shardId-0:\(first + index)\","
                + "\"eventSourceARN\":\"arn:stream\"}"
        }
        return Array("{\"Records\":[\(records.joined(separator: ","))]}".utf8)
    }

    /// So many Kinesis records of one good and one broken line each.
    static func shipments(_ count: Int) -> [[UInt8]] {
        (0..<count).map { envelope([message($0), "amberflo_meter: {"], first: 10 * $0) }
    }
}

private func agent(
    _ store: MemoryStore, sink: (any RecordSink)? = nil, provenance: Bool = true
) throws -> Agent {
    Agent(reader: try LineReader(), sink: sink ?? StoreSink(store), rejects: store, provenance: provenance)
}

private func handle(
    _ agent: Agent, _ event: [UInt8], deadline: ContinuousClock.Instant? = nil
) async throws -> (answer: String, log: String) {
    let outcome = try await agent.handle(event, requestID: "r", deadline: deadline)
    return (String(decoding: outcome.answer, as: UTF8.self), outcome.log ?? "")
}

private let allDurable = #"{"batchItemFailures":[]}"#

@Suite("The agent")
struct AgentTests {
    @Test("acknowledges a batch whose records and rejects are stored, under names that say what they hold")
    func delivered() async throws {
        let store = MemoryStore()
        let (answer, log) = try await handle(try agent(store), Events.kinesis(Events.shipments(3)))
        #expect(answer == allDurable)
        let records = try store.lines("ingest/records/2026-01-02/100-102-")
        #expect(records.count == 3)
        #expect(records.first?.contains("\"uniqueId\":\"u0\"") == true)
        #expect(records.first?.contains("\"source\":{\"account\":\"1\"") == true)
        #expect(try store.lines("rejects/2026-01-02/100-102-").count == 3)
        #expect(store.objects.count == 2)
        #expect(log.contains("\"records\":3,\"rejects\":3,\"reasons\":{\"malformedJSON\":3}"))
        #expect(log.contains("\"delivered\":3,\"rejected\":3,\"refusedBySink\":0"))
        #expect(!log.contains("amberflo_meter"))
    }

    @Test("writes no object for an event without a record, nor for a control message")
    func empty() async throws {
        let store = MemoryStore()
        let control = gzip(Array("{\"messageType\":\"CONTROL_MESSAGE\",\"logEvents\":[]}".utf8))
        let data = [control, Events.envelope(["noise", "reading amberflo_meter config"], first: 1)]
        #expect(try await handle(try agent(store), Events.kinesis(data)).answer == allDurable)
        #expect(try await handle(try agent(store), Array("{\"Records\":[]}".utf8)).answer == allDurable)
        #expect(store.objects.isEmpty)
    }

    @Test("keeps a bad envelope with its place in the stream, and its neighbours' records")
    func badEnvelope() async throws {
        let store = MemoryStore()
        var shipments = Events.shipments(3)
        shipments[1] = [0x1f, 0x8b, 0x00]
        #expect(try await handle(try agent(store), Events.kinesis(shipments)).answer == allDurable)
        #expect(try store.lines("ingest/").count == 2)
        let rejects = try store.lines("rejects/")
        #expect(
            rejects.contains {
                $0.contains("\"undecodable\"") && $0.contains("\"sequenceNumber\":\"101\"")
                    && $0.contains("\"data\":\"H4sA\"")
            })
    }

    @Test("leaves the same objects when the same event comes again, and the same records when boundaries shift")
    func redelivery() async throws {
        let shipments = Events.shipments(6)
        let store = MemoryStore()
        _ = try await handle(try agent(store), Events.kinesis(shipments))
        let first = store.objects
        _ = try await handle(try agent(store), Events.kinesis(shipments))
        #expect(store.objects == first)
        _ = try await handle(try agent(store), Events.kinesis(Array(shipments[2...]), first: 102))
        #expect(store.objects.count > first.count)
        #expect(Set(try store.lines("ingest/")).count == 6)
    }

    @Test("names the lowest sequence number that is not durable, not the batch's first")
    func lowest() async throws {
        let store = MemoryStore { part throws(DeliveryError) in
            if part.kind == .records { throw DeliveryError(.transient, "no records today") }
        }
        let control = gzip(Array("{\"messageType\":\"CONTROL_MESSAGE\",\"logEvents\":[]}".utf8))
        let data = [control, [0xff], Events.envelope(["noise"], first: 1)] + Events.shipments(2)
        let (answer, _) = try await handle(try agent(store), Events.kinesis(data))
        #expect(answer == #"{"batchItemFailures":[{"itemIdentifier":"103"}]}"#)
    }

    @Test("names the first record that is not durable when the store fails")
    func storeFails() async throws {
        let store = MemoryStore { _ throws(DeliveryError) in throw DeliveryError(.transient, "the store is away") }
        let (answer, log) = try await handle(try agent(store), Events.kinesis(Events.shipments(2)))
        #expect(answer == #"{"batchItemFailures":[{"itemIdentifier":"100"}]}"#)
        #expect(log.contains("the store is away"))
        #expect(log.contains("\"delivered\":0,\"rejected\":0"))
    }

    @Test("does not acknowledge records whose rejects are not durable")
    func rejectsFail() async throws {
        let store = MemoryStore { part throws(DeliveryError) in
            if part.kind == .rejects { throw DeliveryError(.transient, "no rejects today") }
        }
        let (answer, _) = try await handle(try agent(store), Events.kinesis(Events.shipments(2)))
        #expect(answer.contains("\"100\""))
    }

    @Test("halves what is too large for the store, between Kinesis records")
    func tooLarge() async throws {
        let store = MemoryStore { part throws(DeliveryError) in
            if part.lines > 2 { throw DeliveryError(.tooLarge, "too large") }
        }
        #expect(try await handle(try agent(store), Events.kinesis(Events.shipments(7))).answer == allDurable)
        #expect(try store.lines("ingest/").count == 7)
    }

    @Test("acknowledges nothing that it had no time for")
    func deadline() async throws {
        let store = MemoryStore()
        let past = ContinuousClock.now - .seconds(1)
        let (answer, log) = try await handle(try agent(store), Events.kinesis(Events.shipments(2)), deadline: past)
        #expect(answer.contains("\"itemIdentifier\":\"100\""))
        #expect(log.contains("\"errorKind\":\"deadline\""))
        #expect(store.objects.isEmpty)
    }

    @Test("writes a manifest where the records do not tell their log events")
    func manifest() async throws {
        let store = MemoryStore()
        _ = try await handle(try agent(store, provenance: false), Events.kinesis(Events.shipments(2)))
        #expect(try store.lines("ingest/").allSatisfy { !$0.contains("source") })
        let manifest = try store.lines("manifest/2026-01-02/100-101-")
        #expect(manifest.count == 2)
        #expect(manifest.first?.contains("\"uniqueId\":\"u0\"") == true)
        #expect(manifest.first?.contains("\"eventId\":\"0\"") == true)
    }

    @Test("answers a direct event with null, and fails when it is not durable")
    func direct() async throws {
        let store = MemoryStore()
        let data = Base64.encode(Events.envelope([Events.message(1), Events.message(2)], first: 7))
        let event = Array("{\"awslogs\":{\"data\":\"\(data)\"}}".utf8)
        #expect(try await handle(try agent(store), event).answer == "null")
        #expect(try store.lines("ingest/records/2026-01-02/7-8-").count == 2)
        let broken = MemoryStore { _ throws(DeliveryError) in throw DeliveryError(.transient, "away") }
        let outcome = try await agent(broken).handle(event, requestID: "r", deadline: nil)
        #expect(outcome.failure?.kind == .transient)
        #expect(outcome.log?.contains("\"metertap\":\"failed\"") == true)
    }

    @Test("gives a record the same identity on the direct path and through Kinesis")
    func paths() async throws {
        let envelope = Events.envelope(
            [#"amberflo_meter: {\"customerId\":\"c\",\"meterApiName\":\"m\",\"meterValue\":1}"#], first: 7)
        let direct = MemoryStore()
        _ = try await handle(try agent(direct), Array("{\"awslogs\":{\"data\":\"\(Base64.encode(envelope))\"}}".utf8))
        let kinesis = MemoryStore()
        _ = try await handle(try agent(kinesis), Events.kinesis([envelope]))
        #expect(try direct.lines("ingest/") == kinesis.lines("ingest/"))
    }

    @Test("refuses an event that it does not know")
    func unsupported() async throws {
        let agent = try agent(MemoryStore())
        await #expect(throws: LambdaEvent.Unsupported.self) { try await handle(agent, Array("{}".utf8)) }
    }
}

@Suite("An ingest API")
struct IngestSinkTests {
    private func sink(_ transport: FakeTransport) throws -> IngestSink {
        let address = try #require(IngestAddress("https://api.example/ingest"))
        return IngestSink(
            address: address, client: HTTPClient(transport: transport, clocks: FakeTime().clocks, random: { 0.5 }),
            key: { "secret" })
    }

    private func ids(_ request: Request) -> [String] {
        var gunzip = Gunzip(limit: 64 << 20)
        let text = try? gunzip.decompress(request.body.span) { bytes(of: $0) }
        return String(decoding: text ?? [], as: UTF8.self).split(separator: "\n").compactMap {
            $0.split(separator: "\"").dropFirst(3).first.map(String.init)
        }
    }

    @Test("takes records in requests of at most a thousand, with the key and compressed")
    func requests() async throws {
        let transport = FakeTransport { _, _ in Response(200, "ok") }
        let store = MemoryStore()
        let messages = (0..<2_500).map { Events.message($0) }
        let event = Events.kinesis([Events.envelope(messages, first: 0)])
        let (answer, log) = try await handle(try agent(store, sink: try sink(transport)), event)
        #expect(answer == allDurable)
        #expect(log.contains("\"delivered\":2500"))
        let requests = transport.requests
        #expect(requests.map { ids($0).count } == [1_000, 1_000, 500])
        #expect(requests.allSatisfy { $0.field("X-API-KEY") == "secret" && $0.field("Content-Encoding") == "gzip" })
        #expect(!log.contains("secret"))
    }

    @Test("that refuses one record of a batch keeps its neighbours, and the record becomes a reject with the answer")
    func refusal() async throws {
        let transport = FakeTransport { request, _ in
            ids(request).contains("u5") ? Response(400, "u5 is unwanted") : Response(200, "ok")
        }
        let store = MemoryStore()
        let event = Events.kinesis([Events.envelope((0..<10).map { Events.message($0) }, first: 0)])
        let (answer, log) = try await handle(try agent(store, sink: try sink(transport)), event)
        #expect(answer == allDurable)
        #expect(log.contains("\"records\":10,\"rejects\":0,"))
        #expect(log.contains("\"delivered\":9,\"rejected\":1,\"refusedBySink\":1"))
        #expect(!log.contains("unwanted"))
        let reject = try #require(try store.lines("rejects/").first)
        #expect(reject.contains("\"reason\":\"refusedBySink\"") && reject.contains("u5 is unwanted"))
        #expect(reject.contains("\"eventId\":\"5\""))
    }

    @Test("that is wrongly configured, or away, dead-letters nothing", arguments: [401, 403, 404, 415, 500, 503, 429])
    func notDelivered(status: Int) async throws {
        let transport = FakeTransport { _, _ in Response(status, "no") }
        let store = MemoryStore()
        let event = Events.kinesis([Events.envelope([Events.message(1)], first: 0)])
        let (answer, log) = try await handle(try agent(store, sink: try sink(transport)), event)
        #expect(answer.contains("itemIdentifier"))
        #expect(log.contains((401...415).contains(status) ? "configuration" : "transient"))
        #expect(store.objects.isEmpty)
    }

    @Test(
        "is addressed by https, or on this machine",
        arguments: [
            ("https://h/ingest", true), ("https://h", true), ("http://127.0.0.1:8080/ingest", true),
            ("http://localhost/x", true), ("http://[::1]:80/x", true), ("http://h/ingest", false), ("ftp://h", false),
            ("https://", false), ("https://user@h/", false), ("http://localhost.evil.example/", false),
        ])
    func addresses(url: String, isTaken: Bool) {
        #expect((IngestAddress(url) != nil) == isTaken)
    }
}

@Suite("A check of the agent")
struct AgentCheckTests {
    private let question = Array(#"{"metertap":"check"}"#.utf8)

    private func check(_ environment: [String: String], _ transport: FakeTransport) async throws -> String {
        let session = AWSSession(
            settings: try AWSSettings(environment: ["AWS_REGION": "eu-west-1"]) { _ in nil }, transport: transport,
            credentials: FixedCredentials(Credentials(accessKeyID: "A", secretAccessKey: "S")),
            clocks: FakeTime().clocks)
        let agent = try await Agent(
            settings: try AgentSettings(environment: environment), session: session, transport: transport)
        let (answer, log) = try await handle(agent, question)
        #expect(log.isEmpty)
        return answer
    }

    private func answer(_ code: String, _ status: Int = 400) -> Response {
        Response(status, "<Error><Code>\(code)</Code><Message>m</Message></Error>")
    }

    @Test("asks S3 with a digest that is wrong, under the prefixes it writes to, and takes BadDigest for a yes")
    func writable() async throws {
        let transport = FakeTransport { _, _ in answer("BadDigest") }
        let told = try await check(["METERTAP_SINK": "s3://meters/team/", "METERTAP_PROVENANCE": "false"], transport)
        let place = #"{"url":"s3://meters/team/","writable":true}"#
        #expect(
            told == #"{"metertap":"check","version":"\#(Release.version)","sink":\#(place),"rejects":\#(place),"#
                + #""manifest":\#(place)}"#)
        #expect(
            transport.requests.map(\.line)
                == ["ingest/records", "rejects", "manifest"].map {
                    "PUT https://meters.s3.eu-west-1.amazonaws.com/team/\($0)/metertap-check"
                })
        // The digest of another body than the one that is sent, and the body that is sent is no record.
        for request in transport.requests {
            #expect(request.field("Content-MD5") == "1B2M2Y8AsgTpgAmY7PhCfg==" && request.text == "\n")
        }
    }

    @Test("tells what S3 refuses, and asks for the ACL that it sets")
    func refused() async throws {
        let transport = FakeTransport { request, _ in
            request.line.contains("theirs") ? answer("AccessDenied", 403) : answer("BadDigest")
        }
        let told = try await check(
            [
                "METERTAP_SINK": "s3://theirs/", "METERTAP_SINK_ACL": "bucket-owner-full-control",
                "METERTAP_REJECTS": "s3://own/", "METERTAP_PROVENANCE": "true",
            ], transport)
        #expect(
            told.contains(#""sink":{"url":"s3://theirs/","writable":false,"errorKind":"configuration","error":"S3"#))
        #expect(told.contains("AccessDenied"))
        #expect(told.contains(#""rejects":{"url":"s3://own/","writable":true}}"#))
        #expect(transport.requests.map { $0.field("x-amz-acl") } == ["bucket-owner-full-control", nil])
    }

    @Test("sends an API no record and tells no key", arguments: [(200, true), (400, true), (401, false), (404, false)])
    func ingest(status: Int, isTaken: Bool) async throws {
        let transport = FakeTransport { request, _ in
            request.line.contains("/ingest") ? Response(status, "{}") : answer("BadDigest")
        }
        let told = try await check(
            [
                "METERTAP_SINK": "https://h/ingest", "METERTAP_API_KEY": "secret", "METERTAP_REJECTS": "s3://own/",
            ], transport)
        #expect(told.contains(#""sink":{"url":"https://h/ingest","writable":\#(isTaken)"#))
        #expect(!told.contains("secret"))
        let body = transport.requests[0].body
        var gunzip = Gunzip(limit: 1_024)
        let text = try gunzip.decompress(body.span) { bytes(of: $0) }
        #expect(text.isEmpty)
    }

    @Test("leaves no file in a directory, and tells one that cannot be written")
    func directory() async throws {
        let path = FileManager.default.temporaryDirectory.path + "/metertap-check-\(UInt64.random(in: 0...(.max)))"
        let transport = FakeTransport { _, _ in Response(500, "") }
        let told = try await check(["METERTAP_SINK": "file://\(path)"], transport)
        #expect(told.contains(#""writable":true"#) && !told.contains("false"))
        let files = FileManager.default.subpaths(atPath: path) ?? []
        #expect(files.sorted() == ["ingest", "ingest/records", "rejects"])
        try FileManager.default.removeItem(atPath: path)
        try Data().write(to: URL(filePath: path))
        #expect(try await check(["METERTAP_SINK": "file://\(path)"], transport).contains(#""writable":false"#))
        try FileManager.default.removeItem(atPath: path)
    }
}
