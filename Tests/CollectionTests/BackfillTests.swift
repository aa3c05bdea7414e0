import AWS
import Collection
import Delivery
import FoundationEssentials
import Gzip
import HTTP
import HTTPTesting
import HTTPTypes
import MeterLine
import Synchronization
import Testing

/// A log group with given events, behind a transport.
final class FakeLogGroup: Sendable {
    struct Event {
        var id: Int
        var time: Int64
        var message: String
    }

    private let events: [Event]
    private let pageSize: Int
    private let asked = Mutex<[String]>([])

    init(_ events: [Event], pageSize: Int = 3) {
        self.events = events
        self.pageSize = pageSize
    }

    /// The bodies of the requests so far.
    var requests: [String] { asked.withLock { $0 } }

    static func message(_ number: Int) -> String {
        #"amberflo_meter: {\"customerId\":\"c\#(number)\",\"meterApiName\":\"m\",\"meterValue\":1}"#
    }

    func reader() throws -> LogGroupReader {
        let transport = FakeTransport { request, _ in self.answer(request) }
        let session = AWSSession(
            settings: try AWSSettings(environment: ["AWS_REGION": "eu-west-1"]) { _ in nil }, transport: transport,
            credentials: FixedCredentials(Credentials(accessKeyID: "A", secretAccessKey: "S")),
            clocks: FakeTime().clocks, random: { 0 })
        let group = try JSONDecoder().decode(
            CloudWatchLogsClient.LogGroup.self,
            from: Data(#"{"logGroupName":"g","arn":"arn:aws:logs:eu-west-1:1:log-group:g:*"}"#.utf8))
        return LogGroupReader(client: try CloudWatchLogsClient(session), group: group, lineReader: try LineReader())
    }

    private struct Query: Decodable {
        var startTime: Int64
        var endTime: Int64
        var nextToken: String?
    }

    /// A page, and a further empty one at the end, as CloudWatch may give it.
    private func answer(_ request: Request) -> Response {
        asked.withLock { $0.append(request.text) }
        guard let query = try? JSONDecoder().decode(Query.self, from: Data(request.body)) else {
            return Response(400, "{}")
        }
        let inside = events.filter { ($0.time >= query.startTime) && ($0.time <= query.endTime) }
        let first = Int(query.nextToken ?? "0") ?? 0
        let page = inside.dropFirst(first).prefix(pageSize).map {
            #"{"logStreamName":"s","timestamp":\#($0.time),"message":"\#($0.message)","eventId":"\#($0.id)"}"#
        }
        let next = page.isEmpty ? "" : #","nextToken":"\#(first + page.count)""#
        return Response(200, #"{"events":[\#(page.joined(separator: ","))]\#(next)}"#)
    }
}

/// A store in memory that may fail.
private final class Objects: ObjectStore {
    private let state = Mutex<[String: [UInt8]]>([:])
    private let fault: @Sendable (Int) -> DeliveryError?

    init(_ fault: @escaping @Sendable (Int) -> DeliveryError? = { _ in nil }) {
        self.fault = fault
    }

    let name = "memory"

    func put(_ part: Part, deadline: ContinuousClock.Instant?) async throws(DeliveryError) {
        if let error = fault(state.withLock { $0.count }) { throw error }
        state.withLock { $0[part.key] = part.body }
    }

    func check(_ kind: Part.Kind, deadline: ContinuousClock.Instant?) async throws(DeliveryError) {}

    func lines(_ prefix: String) throws -> [String] {
        try state.withLock { $0 }.filter { $0.key.hasPrefix(prefix) }.flatMap { object in
            var gunzip = Gunzip(limit: 64 << 20)
            let text = try gunzip.decompress(object.value.span) { bytes(of: $0) }
            return text.split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) }
        }.sorted()
    }
}

@Suite("A backfill")
struct BackfillTests {
    private let path =
        FileManager.default.temporaryDirectory.path + "/metertap-checkpoint-\(UInt64.random(in: 0...(.max)))"

    private func checkpoint() throws -> CheckpointFile {
        try CheckpointFile(path: path, work: ["1", "g", "memory"])
    }

    private func run(_ group: FakeLogGroup, _ store: Objects, _ range: Range<Int64>) async throws -> Backfill {
        let delivery = FindingDelivery(
            lineReader: try LineReader(), sink: StoreSink(store), rejects: store, provenance: true)
        var backfill = Backfill(reader: try group.reader(), delivery: delivery)
        var checkpoint = try checkpoint()
        try await backfill.run(range, checkpoint: &checkpoint) { _ in }
        checkpoint.remove()
        return backfill
    }

    private let hour: Int64 = 3_600_000

    private func events() -> [FakeLogGroup.Event] {
        (0..<20).map { number in
            let message = number % 5 == 4 ? "amberflo_meter: 5" : FakeLogGroup.message(number)
            return FakeLogGroup.Event(id: number, time: 1_767_323_045_000 + Int64(number) * hour, message: message)
        }
    }

    private var whole: Range<Int64> { 1_767_323_045_000..<(1_767_323_045_000 + 20 * hour) }

    @Test("delivers records and rejects of the range, and its figures add up")
    func delivers() async throws {
        let store = Objects()
        let group = FakeLogGroup(events())
        let backfill = try await run(group, store, whole.lowerBound..<(whole.upperBound - hour))
        #expect(try store.lines("ingest/").count == 16)
        #expect(try store.lines("rejects/").count == 3)
        #expect(backfill.accounting.found == 19)
        #expect(backfill.report.delivered + backfill.report.rejected == backfill.accounting.found)
        #expect(backfill.cost.calls == group.requests.count)
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test("goes on with what is not settled, and every record arrives once")
    func resumes() async throws {
        let failing = Objects { $0 >= 2 ? DeliveryError(.transient, "away") : nil }
        let group = FakeLogGroup(events())
        await #expect(throws: DeliveryError.self) { try await run(group, failing, whole) }
        let settled = try checkpoint()
        #expect(settled.isResumed)
        let before = group.requests.count
        let rest = Objects()
        _ = try await run(group, rest, whole)
        let all = try (failing.lines("ingest/") + rest.lines("ingest/")).sorted()
        #expect(Set(all).count == 16)
        #expect(try rest.lines("ingest/").count < 16)
        #expect(group.requests.count > before)
        #expect(!FileManager.default.fileExists(atPath: path))
    }

    @Test("does not take the checkpoint of other work")
    func otherWork() async throws {
        let failing = Objects { $0 >= 1 ? DeliveryError(.transient, "away") : nil }
        await #expect(throws: DeliveryError.self) { try await run(FakeLogGroup(events()), failing, whole) }
        defer { try? FileManager.default.removeItem(atPath: path) }
        let problem = #expect(throws: CheckpointFile.Problem.self) {
            try CheckpointFile(path: path, work: ["1", "other", "memory"])
        }
        #expect(problem?.isOther == true)
        try Data("{".utf8).write(to: URL(filePath: path))
        let damaged = #expect(throws: CheckpointFile.Problem.self) { try checkpoint() }
        #expect(damaged?.isOther == false)
    }

    @Test("gives a record the identity that the agent gives it")
    func identity() async throws {
        let store = Objects()
        _ = try await run(FakeLogGroup(events()), store, whole)
        let envelope = events().map {
            #"{"id":"\#($0.id)","timestamp":\#($0.time),"message":"\#($0.message)"}"#
        }
        let text = """
            {"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s",\
            "logEvents":[\(envelope.joined(separator: ","))]}
            """
        let direct = Objects()
        let agent = Agent(reader: try LineReader(), sink: StoreSink(direct), rejects: direct, provenance: true)
        let event = #"{"awslogs":{"data":"\#(Base64.encode(gzip(Array(text.utf8))))"}}"#
        _ = try await agent.handle(Array(event.utf8), requestID: "r", deadline: nil)
        #expect(try direct.lines("ingest/") == store.lines("ingest/"))
        #expect(try direct.lines("rejects/") == store.lines("rejects/"))
    }
}
