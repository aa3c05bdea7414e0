import Delivery
import Gzip
import HTTP
import HTTPTesting
import HTTPTypes
import MeterLine
import Sample
import Testing

/// Makes Kinesis events of everything that the reader of envelopes tells apart, the same for the same seed.
private struct EventGenerator {
    private var random: SeededRandom
    private var application: SampleApplication
    private var eventID = 0

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
        application = SampleApplication(seed: seed)
    }

    mutating func number(_ range: ClosedRange<Int>) -> Int {
        range.lowerBound + random.next(below: range.count)
    }

    /// Each kind of data among small envelopes, in one shard.
    mutating func everyKind() -> [UInt8] {
        let kinds = (0...12).flatMap { [$0, 99, 99] }
        return Self.event(kinds.map { Base64.encode(data($0)) }.enumerated().map { Self.record($0, $1, shard: 0) })
    }

    mutating func kinesis() -> [UInt8] {
        var shard = 0
        let records = (0..<number(1...40)).map { index in
            if number(0...15) == 0 { shard += 1 }
            // A large one takes long in debug; `everyKind` has one.
            let kind = number(1...24)
            let text = number(0...20) == 0 ? "no base64" : Base64.encode(data(kind))
            let escaped = number(0...9) == 0 ? text.replacing("/", with: #"\/"#) : text
            return Self.record(index, escaped, shard: shard, seconds: number(0...200_000))
        }
        return Self.event(records)
    }

    private static func record(_ index: Int, _ data: String, shard: Int, seconds: Int = 0) -> String {
        "{\"kinesis\":{\"sequenceNumber\":\"\(1_000 + index)\",\"data\":\"\(data)\","
            + "\"approximateArrivalTimestamp\":\(1_767_323_046 + seconds).5},"
            + "\"eventID\":\"shardId-\(shard):\(1_000 + index)\",\"eventSourceARN\":\"arn:stream\"}"
    }

    private static func event(_ records: [String]) -> [UInt8] {
        Array("{\"Records\":[\(records.joined(separator: ","))]}".utf8)
    }

    private mutating func data(_ kind: Int) -> [UInt8] {
        switch kind {
        // Larger than all that is read ahead.
        case 0: gzip(envelope(lines: 3, padding: 9 << 20))
        case 1: []
        case 2: [0x1f, 0x8b, 0x00]
        case 3: gzip(Array("{\"messageType\":\"CONTROL_MESSAGE\",\"logEvents\":[]}".utf8))
        case 4: envelope(lines: 2)
        case 5: Self.bomb
        // It states the size of its last member alone.
        case 6: gzip(envelope(lines: 40, padding: 300 << 10)) + gzip(envelope(lines: 1))
        // It states a size that is not its own.
        case 7: Array(gzip(envelope(lines: 20)).dropLast(4)) + [0xff, 0, 0, 0]
        case 8: gzip(envelope(lines: 1, padding: 400 << 10))
        // Much more comes out than went in.
        case 9: gzip(manyValues())
        case 10: gzip(unknownKeys())
        case 11: gzip(Array(envelope(lines: 5).dropLast(30)))
        default: gzip(envelope(lines: number(1...60)))
        }
    }

    private static let bomb = gzip([UInt8](repeating: 0x20, count: (64 << 20) + 1), level: 1)

    private mutating func envelope(lines: Int, padding: Int = 0) -> [UInt8] {
        var messages = (0..<lines).map { _ in application.nextLine(at: 1_767_323_045_000).message }
        if padding > 0 { messages.append(String(repeating: "x", count: padding)) }
        return envelope(messages)
    }

    private mutating func manyValues() -> [UInt8] {
        let values = (0..<300).map { "\"meter-\($0)\":1" }.joined(separator: ",")
        let long = String(repeating: "d", count: 1_000)
        return envelope([
            "amberflo_meter: {\"customerId\":\"c\",\"values\":{\(values)},\"dimensions\":{\"a\":\"\(long)\"}}"
        ])
    }

    private mutating func unknownKeys() -> [UInt8] {
        let keys = (0..<60).map { _ in "\"key-\(number(0...300))\":1" }.joined(separator: ",")
        return envelope(["amberflo_meter: {\"customerId\":\"c\",\"meterApiName\":\"m\",\"meterValue\":1,\(keys)}"])
    }

    private mutating func envelope(_ messages: [String]) -> [UInt8] {
        let events = messages.map { message in
            eventID += 1
            var text: [UInt8] = []
            appendJSONString(message, to: &text)
            return
                "{\"id\":\"\(eventID)\",\"timestamp\":1767323045000,\"message\":\(String(decoding: text, as: UTF8.self))}"
        }
        return Array(
            ("{\"messageType\":\"DATA_MESSAGE\",\"owner\":\"1\",\"logGroup\":\"g\",\"logStream\":\"s\",\"logEvents\":["
                + events.joined(separator: ",") + "]}").utf8)
    }
}

/// What an agent left behind.
private struct Result {
    var answer: String
    var log: String
    var objects: [String: [UInt8]]
    var requests: [[UInt8]]
}

@Suite("Several cores")
struct SeveralCoresTests {
    /// A sink that now and then refuses what it is given, by what it is given alone.
    private enum Sink: CaseIterable {
        case store, storeWithLimit, storeThatFails, ingest
    }

    private func result(_ event: [UInt8], _ sink: Sink, provenance: Bool, cores: Int) async throws -> Result {
        let store = MemoryStore { part throws(DeliveryError) in
            if sink == .storeWithLimit, part.lines > 100 { throw DeliveryError(.tooLarge, "too large") }
            if sink == .storeThatFails, part.name.utf8.reduce(0, { $0 &+ Int($1) }) % 3 == 0 {
                throw DeliveryError(.transient, "away")
            }
        }
        let transport = FakeTransport { request, _ in
            request.body.count % 7 == 0 ? Response(400, "unwanted") : Response(200, "ok")
        }
        let address = try #require(IngestAddress("https://api.example/ingest"))
        let ingest = IngestSink(
            address: address, client: HTTPClient(transport: transport, clocks: FakeTime().clocks, random: { 0.5 }),
            key: { "secret" })
        let agent = Agent(
            reader: try LineReader(), sink: sink == .ingest ? ingest : StoreSink(store), rejects: store,
            provenance: provenance, cores: cores)
        let outcome = try await agent.handle(event, requestID: "r", deadline: nil)
        let log = outcome.log?.replacing(/"milliseconds":\d+/, with: "")
        return Result(
            answer: String(decoding: outcome.answer, as: UTF8.self), log: log ?? "", objects: store.objects,
            requests: transport.requests.map(\.body))
    }

    private func compare(_ event: [UInt8], _ sink: Sink, provenance: Bool, seed: UInt64) async throws {
        let one = try await result(event, sink, provenance: provenance, cores: 1)
        let several = try await result(event, sink, provenance: provenance, cores: 4)
        #expect(several.answer == one.answer, "seed \(seed)")
        #expect(several.log == one.log, "seed \(seed)")
        #expect(several.objects == one.objects, "seed \(seed)")
        #expect(several.requests == one.requests, "seed \(seed)")
        #expect(one.log.contains("\"records\":"))
    }

    @Test("leave the same objects, send the same requests and give the same answer as one", arguments: 0..<24)
    func sameAsOne(run: Int) async throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = EventGenerator(seed: seed)
        let event = generator.kinesis()
        let sink = Sink.allCases[run % Sink.allCases.count]
        try await compare(event, sink, provenance: generator.number(0...1) == 0, seed: seed)
    }

    @Test("leave the same objects as one when every kind of data comes among small envelopes")
    func everyKind() async throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = EventGenerator(seed: seed)
        let event = generator.everyKind()
        try await compare(event, .store, provenance: true, seed: seed)
    }
}
