import Delivery
import Gzip
import HTTP
import HTTPTesting
import HTTPTypes
import MeterLine
import Sample
import Synchronization
import Testing

/// Makes the records of Kinesis events of everything that the reader of envelopes tells apart, the same for the same seed.
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
    mutating func everyKind() -> [String] {
        let kinds = (0...12).flatMap { [$0, 99, 99] }
        return kinds.map { Base64.encode(data($0)) }.enumerated().map { Self.record($0, $1, shard: 0) }
    }

    /// So many records with a meter record each, from as many shards.
    mutating func shards(_ count: Int) -> [String] {
        (0..<count).map { index in
            let message =
                "amberflo_meter: {\"uniqueId\":\"u\(index)\",\"customerId\":\"c\",\"meterApiName\":\"m\","
                + "\"meterValue\":1}"
            return Self.record(index, Base64.encode(gzip(envelope([message]))), shard: index)
        }
    }

    mutating func kinesis() -> [String] {
        var shard = 0
        return (0..<number(1...40)).map { index in
            if number(0...15) == 0 { shard += 1 }
            // A large one takes long in debug; `everyKind` has one.
            let kind = number(1...24)
            let text = number(0...20) == 0 ? "no base64" : Base64.encode(data(kind))
            let escaped = number(0...9) == 0 ? text.replacing("/", with: #"\/"#) : text
            return Self.record(index, escaped, shard: shard, seconds: number(0...200_000))
        }
    }

    private static func record(_ index: Int, _ data: String, shard: Int, seconds: Int = 0) -> String {
        "{\"kinesis\":{\"sequenceNumber\":\"\(1_000 + index)\",\"data\":\"\(data)\","
            + "\"approximateArrivalTimestamp\":\(1_767_323_046 + seconds).5},"
            + "\"eventID\":\"shardId-\(shard):\(1_000 + index)\",\"eventSourceARN\":\"arn:stream\"}"
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

/// An event of records, whose sequence numbers count from 1000.
private func event(_ records: some Sequence<String>) -> [UInt8] {
    Array("{\"Records\":[\(records.joined(separator: ","))]}".utf8)
}

/// How many records stand before the one that an answer names.
private func acknowledged(_ outcome: Agent.Outcome, of count: Int) throws -> Int {
    let answer = String(decoding: outcome.answer, as: UTF8.self)
    if answer == #"{"batchItemFailures":[]}"# { return count }
    let named = try #require(answer.firstMatch(of: /"itemIdentifier":"(\d+)"/)?.1)
    return try #require(Int(named)) - 1_000
}

/// What an agent left behind, in whatever objects and requests.
private struct Result: Equatable {
    /// The figures of the first delivery that do not depend on objects, nor on which of too many ignored keys came first.
    var log: String
    /// The lines in each folder of the store, and those that the API took.
    var lines: [String: [String]]
}

@Suite("Several cores")
struct SeveralCoresTests {
    /// A sink that refuses some of what it is given, for what it is given alone.
    private enum Sink: CaseIterable {
        case store, storeWithLimit, storeThatFailsOnce, ingest
    }

    private func result(_ records: [String], _ sink: Sink, provenance: Bool, cores: Int) async throws -> Result {
        let failed = Mutex<Set<String>>([])
        let store = MemoryStore { part throws(DeliveryError) in
            if sink == .storeWithLimit, part.lines > 400 { throw DeliveryError(.tooLarge, "too large") }
            if sink == .storeThatFailsOnce, part.name.utf8.reduce(0, { $0 &+ Int($1) }) % 3 == 0,
                failed.withLock({ $0.insert(part.name).inserted })
            {
                throw DeliveryError(.transient, "away")
            }
        }
        let taken = Mutex<[String]>([])
        let transport = FakeTransport { request, _ in
            let lines = lines(request.body)
            if lines.contains(where: { $0.utf8.count % 64 == 0 }) {
                return Response(400, "unwanted")
            }
            taken.withLock { $0 += lines }
            return Response(200, "ok")
        }
        let address = try #require(IngestAddress("https://api.example/ingest"))
        let ingest = IngestSink(
            address: address, client: HTTPClient(transport: transport, clocks: FakeTime().clocks, random: { 0.5 }),
            key: { "secret" })
        let agent = Agent(
            reader: try LineReader(), sink: sink == .ingest ? ingest : StoreSink(store), rejects: store,
            provenance: provenance, cores: cores)
        var outcome = try await agent.handle(event(records), requestID: "r", deadline: nil)
        let log = outcome.log?.replacing(/"(milliseconds|bytes|parts|ignoredKeys)":\d+/, with: "")
        var next = try acknowledged(outcome, of: records.count)
        // As Lambda does; each object fails but once.
        for _ in 0..<100 where next < records.count {
            outcome = try await agent.handle(event(records[next...]), requestID: "r", deadline: nil)
            next = try acknowledged(outcome, of: records.count)
        }
        #expect(next == records.count)
        var found = ["taken": taken.withLock { $0.sorted() }]
        for folder in ["ingest/", "rejects/", "manifest/"] { found[folder] = Set(try store.lines(folder)).sorted() }
        return Result(log: sink == .storeThatFailsOnce ? "" : log ?? "", lines: found)
    }

    private func compare(_ records: [String], _ sink: Sink, provenance: Bool, seed: UInt64) async throws {
        let one = try await result(records, sink, provenance: provenance, cores: 1)
        let several = try await result(records, sink, provenance: provenance, cores: 4)
        #expect(several.log == one.log, "seed \(seed)")
        #expect(several.lines == one.lines, "seed \(seed)")
    }

    @Test("deliver the records and rejects that one delivers, and count the same", arguments: 0..<24)
    func sameAsOne(run: Int) async throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = EventGenerator(seed: seed)
        let records = generator.kinesis()
        let sink = Sink.allCases[run % Sink.allCases.count]
        try await compare(records, sink, provenance: generator.number(0...1) == 0, seed: seed)
    }

    @Test("deliver what one delivers when every kind of data comes among small envelopes")
    func everyKind() async throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        var generator = EventGenerator(seed: seed)
        try await compare(generator.everyKind(), .store, provenance: true, seed: seed)
    }

    @Test("acknowledge nothing behind the first record that is not durable, though more is durable")
    func laterIsDurable() async throws {
        var generator = EventGenerator(seed: 1)
        let records = generator.shards(4)
        let begun = Mutex<Set<String>>([])
        let isMended = Mutex(false)
        let store = MemoryStore { part async throws(DeliveryError) in
            let first = String(part.name.prefix(4))
            begun.withLock { _ = $0.insert(first) }
            guard first == "1001", !isMended.withLock({ $0 }) else { return }
            // With one object after the other this would not end well: the last one would not be there.
            for _ in 0..<1_000 where !begun.withLock({ $0.contains("1003") }) {
                try? await Task.sleep(for: .milliseconds(5))
            }
            throw DeliveryError(.transient, "away")
        }
        let agent = Agent(
            reader: try LineReader(), sink: StoreSink(store), rejects: store, provenance: true, cores: 2)
        var outcome = try await agent.handle(event(records), requestID: "r", deadline: nil)
        #expect(try acknowledged(outcome, of: 4) == 1)
        #expect(outcome.log?.contains(#""acknowledged":1,"#) == true)
        #expect(outcome.log?.contains(#""records":4,"rejects":0,"#) == true)
        #expect(outcome.log?.contains(#""delivered":3,"rejected":0,"#) == true)
        let before = store.objects
        #expect(before.keys.map { $0.dropFirst(26).prefix(4) }.sorted() == ["1000", "1002", "1003"])
        isMended.withLock { $0 = true }
        outcome = try await agent.handle(event(records[1...]), requestID: "r", deadline: nil)
        #expect(try acknowledged(outcome, of: 4) == 4)
        // What was durable before is the same object.
        #expect(store.objects.count == 4)
        #expect(before.allSatisfy { store.objects[$0.key] == $0.value })
    }

    @Test("acknowledge what is durable at the deadline, and begin nothing after it")
    func deadline() async throws {
        var generator = EventGenerator(seed: 1)
        let event = event(generator.shards(3))
        guard case .kinesis(let records) = try LambdaEvent(event.span) else { return }
        let store = MemoryStore()
        let delivery = KinesisDelivery(
            lineReader: try LineReader(), sink: StoreSink(store), rejects: store, provenance: true, cores: 2)
        let now = ContinuousClock.now
        let deadline = now + .seconds(3_600)
        var schedule = delivery.schedule(records, of: event, deadline: deadline)
        // The records are read, and the first piece is delivered.
        for _ in 0..<2 {
            let next = schedule.next(at: now)
            let step = try #require(next)
            schedule.take(await delivery.perform(step, of: schedule.envelopes, deadline), at: now)
        }
        let next = schedule.next(at: deadline)
        #expect(next.map { _ in 0 } == nil)
        #expect(schedule.outcome.acknowledged == 1)
        #expect(schedule.outcome.error?.kind == .deadline)
        #expect(store.objects.count == 1)
    }
}

/// The lines of a body.
private func lines(_ body: [UInt8]) -> [String] {
    var gunzip = Gunzip(limit: 64 << 20)
    let text = try? gunzip.decompress(body.span) { bytes(of: $0) }
    return (text ?? []).split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) }
}
