public import AWS
public import Delivery
public import HTTP
public import MeterLine
import Synchronization

/// Reads a Kinesis stream to which CloudWatch Logs delivers, without a Lambda function, and brings what it holds to where
/// an agent of the same settings would bring it: the same identities, the same objects.
///
/// Several collectors share the shards of a stream by leases. A position moves only when everything before it is durable,
/// so that a collector that dies repeats what identity makes harmless, and skips nothing. `run` goes on until `stop`;
/// what fails is reported and tried again.
public final class StreamCollector: Sendable {
    /// What a collector has done since it started, and how it is.
    public struct Status: Sendable {
        /// The collector's name among those of its stream.
        public var worker: String
        /// The shards that it holds.
        public var shards: [String] = []
        /// How far it is behind the newest record of a shard, at most; nil as long as no shard has answered.
        public var millisecondsBehind: Int64?
        /// What was found in what is durable.
        public var accounting = Accounting()
        /// What became of it.
        public var report = DeliveryReport()
        /// The Kinesis records that are durable.
        public var kinesisRecords = 0
        /// The calls of GetRecords.
        public var calls = 0
        /// The bytes that they brought.
        public var bytes = 0
        /// The last thing that went wrong; nil when it is over.
        public var problem: String?
    }

    private struct State {
        var board: ShardBoard
        var status: Status
        var behind: [String: Int64] = [:]
        var isStopping = false
        var mustList = false
        /// The shards with a problem; an empty name stands for the leases.
        var faulty: Set<String> = []
        /// The kinds of problems that were told since all was well.
        var told: Set<String> = []
    }

    /// How often the shards of the stream are listed.
    private static let listInterval = Duration.seconds(60)
    /// What stands for the list of shards among the parts that may have a problem; no shard is called so.
    private static let listing = "list of shards"

    /// What is read.
    public let settings: StreamSettings
    private let delivery: KinesisDelivery
    private let kinesis: KinesisClient
    private let documents: any SharedDocuments
    private let clocks: Clocks
    private let random: @Sendable () -> Double
    private let onProblem: @Sendable (String) -> Void
    private let slots: ReadingSlots
    private let state: Mutex<State>
    private let wakes: AsyncStream<Void>
    private let waking: AsyncStream<Void>.Continuation

    /// Makes a collector.
    ///
    /// - Parameters:
    ///   - agent: where records and rejects go, and what marks them.
    ///   - session: the credentials for the sink and the leases, and for the stream where it names no role.
    ///   - slots: limits how many shards are read at once; collectors of one process share them.
    ///   - onProblem: is told what goes wrong, in sentences for people, each kind once until all is well.
    /// - Throws: `SettingError`, `InvalidTag`, `AWSError`.
    public convenience init(
        _ settings: StreamSettings, agent: AgentSettings, session: AWSSession, transport: any HTTPTransport,
        slots: ReadingSlots = ReadingSlots(), onProblem: @escaping @Sendable (String) -> Void
    ) async throws {
        let reading =
            try settings.roleARN.map { try session.assuming(roleARN: $0, externalID: settings.externalID) } ?? session
        try self.init(
            settings, delivery: try await KinesisDelivery(settings: agent, session: session, transport: transport),
            kinesis: try KinesisClient(reading, region: settings.region), session: session, slots: slots,
            onProblem: onProblem)
    }

    package init(
        _ settings: StreamSettings, delivery: KinesisDelivery, kinesis: KinesisClient, session: AWSSession,
        worker: String? = nil, clocks: Clocks = .system, slots: ReadingSlots = ReadingSlots(),
        random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) },
        onProblem: @escaping @Sendable (String) -> Void
    ) throws {
        let worker = worker ?? String(UInt64.random(in: 0...UInt64.max), radix: 16)
        self.settings = settings
        self.delivery = delivery
        self.kinesis = kinesis
        self.clocks = clocks
        self.random = random
        self.onProblem = onProblem
        self.slots = slots
        let lease = Duration.seconds(settings.leaseSeconds)
        documents =
            switch settings.leases {
            case .bucket(let bucket, let prefix):
                BucketDocuments(
                    client: try S3Client(session), bucket: bucket, prefix: prefix, patience: lease / 4)
            case .directory(let path): DirectoryDocuments(path)
            case .ingest, .standardOutput: throw StreamProblem("\(settings.leases) keeps no leases")
            }
        state = Mutex(
            State(board: ShardBoard(worker: worker, leaseLength: lease), status: Status(worker: worker)))
        (wakes, waking) = AsyncStream.makeStream(bufferingPolicy: .bufferingNewest(1))
    }

    /// What it has done, and how it is.
    public var status: Status {
        state.withLock { state in
            var status = state.status
            status.shards = state.board.own.sorted()
            status.millisecondsBehind = state.behind.filter { state.board.own.contains($0.key) }.values.max()
            return status
        }
    }

    /// Ends the run: what is read is delivered, and the leases are given back.
    public func stop() {
        state.withLock { state in
            state.isStopping = true
            state.board.stop()
        }
        waking.yield()
    }

    /// Reads until `stop`, or until the task is cancelled; then the leases end by themselves.
    public func run() async {
        var pace = ShardPace()
        while !isStopping, !Task.isCancelled {
            do {
                try await collect()
            } catch {
                report(error)
                await pause(pace.failed(random: random())) { !self.isStopping }
            }
        }
    }

    private var isStopping: Bool { state.withLock { $0.isStopping } }
    private var leaseLength: Duration { .seconds(settings.leaseSeconds) }

    // MARK: - Leases

    private func collect() async throws {
        let stream = try await kinesis.stream(settings.stream)
        let folder = "\(stream.name)-\(stream.created)"
        let keeper = LeaseKeeper(documents, folder: folder, clock: clocks.now)
        try await keeper.check()
        let wanted: Int64? =
            switch settings.start {
            case .trimHorizon: nil
            case .latest: clocks.wall().milliseconds
            case .time(let time): time
            }
        let start = try await StreamStart(stream: stream.arn, time: wanted).settled(in: documents, folder: folder)
        state.withLock { state in
            state.board = ShardBoard(worker: state.status.worker, leaseLength: leaseLength)
            if state.isStopping { state.board.stop() }
        }
        try await withThrowingDiscardingTaskGroup { group in
            group.addTask { await self.tick() }
            defer { group.cancelAll() }
            var listed: ContinuousClock.Instant?
            for await _ in wakes {
                try await list(stream, &listed)
                do {
                    try await keep(keeper) { reading in
                        group.addTask { await self.read(reading, of: stream, from: start) }
                    }
                    settle()
                } catch {
                    report(error)
                }
                if state.withLock({ $0.board.isStopped }) { return }
            }
        }
    }

    /// Wakes the run in time to renew leases.
    private func tick() async {
        while !Task.isCancelled {
            waking.yield()
            try? await clocks.sleep(leaseLength / 4)
        }
    }

    /// Lists the shards, if it is time to; leases are kept also while that fails.
    private func list(
        _ stream: KinesisClient.Stream, _ last: inout ContinuousClock.Instant?
    ) async throws(StreamMadeAnew) {
        let isDue = last.map { clocks.now() - $0 >= Self.listInterval } ?? true
        guard isDue || state.withLock({ $0.mustList || $0.board.mustList }) else { return }
        state.withLock { $0.mustList = false }
        let deadline = clocks.now() + leaseLength / 4
        let found: KinesisClient.Stream
        do throws(AWSError) {
            found = try await kinesis.stream(settings.stream, deadline: deadline)
            let shards = try await kinesis.shards(of: stream, deadline: deadline)
            if found == stream { state.withLock { $0.board.list(shards) } }
        } catch {
            state.withLock { $0.mustList = true }
            return report(error, of: Self.listing)
        }
        guard found == stream else { throw StreamMadeAnew(stream.name) }
        last = clocks.now()
        settle(Self.listing)
    }

    /// Makes the changes of leases that are due, and starts to read what may be read.
    private func keep(_ keeper: LeaseKeeper, _ start: (ShardBoard.Reading) -> Void) async throws {
        // What a change makes possible is done at once: children of a shard that has ended, what somebody else changed.
        for _ in 0..<4 {
            let (changed, all) = try await keeper.look(known: state.withLock { $0.board.versions })
            let changes = state.withLock { state in
                state.board.see(changed, all: all, at: clocks.now())
                return state.board.changes(at: clocks.now())
            }
            let outcomes = await keeper.make(changes)
            let readings = state.withLock { state in
                for case (let outcome, .success(let version)) in outcomes.map({ ($0, $0.result) }) {
                    state.board.changed(outcome.change, version: version, sent: outcome.sent, at: outcome.done)
                }
                return state.board.readings(at: clocks.now())
            }
            readings.forEach(start)
            for outcome in outcomes { _ = try outcome.result.get() }
            guard state.withLock({ $0.board.mustLook }) || changes.contains(where: { $0.lease.position == .end })
            else { return }
        }
    }

    // MARK: - Reading

    private func read(
        _ reading: ShardBoard.Reading, of stream: KinesisClient.Stream, from start: StreamStart
    ) async {
        var reader = ShardReader(
            shard: reading.shard, stream: stream, start: start, position: reading.position, kinesis: kinesis)
        var pace = ShardPace()
        while reader.position != .end, mayRead(reading) != nil, !Task.isCancelled {
            let called = clocks.now()
            var wait: Duration
            do {
                let page = try await slots.use { try await self.step(&reader, reading) }
                guard let page else { continue }
                wait = pace.answered(bytes: page.bytes, isCaughtUp: page.isCaughtUp)
            } catch {
                if (error as? AWSError)?.isThroughputExceeded != true { report(error, of: reading.shard) }
                wait = pace.failed(random: random())
            }
            wait -= called.duration(to: clocks.now())
            await pause(wait) { self.mayRead(reading) != nil }
        }
        state.withLock { state in
            state.board.ended(reading)
            state.mustList = state.mustList || reader.position == .end
        }
        settle(reading.shard)
        waking.yield()
    }

    private func mayRead(_ reading: ShardBoard.Reading) -> ContinuousClock.Instant? {
        state.withLock { $0.board.end(of: reading, at: clocks.now()) }
    }

    /// Reads a page and delivers it; nil when the lease is over.
    private func step(
        _ reader: inout ShardReader, _ reading: ShardBoard.Reading
    ) async throws -> (bytes: Int, isCaughtUp: Bool)? {
        guard let deadline = mayRead(reading) else { return nil }
        let page = try await reader.next(deadline: deadline)
        state.withLock { state in
            state.status.calls += 1
            state.status.bytes += page.answer.count
            state.behind[reading.shard] = page.content.millisecondsBehind
        }
        try await deliver(page, reading)
        reader.finish(page)
        state.withLock { $0.board.delivered(reading, to: reader.position) }
        settle(reading.shard)
        let isCaughtUp = page.content.millisecondsBehind.map { $0 == 0 } ?? page.content.records.isEmpty
        return (page.answer.count, isCaughtUp && page.content.nextIterator != nil)
    }

    /// Delivers a page, again and again, as long as its shard is ours.
    private func deliver(_ page: ShardReader.Page, _ reading: ShardBoard.Reading) async throws {
        var records = page.content.records
        var pace = ShardPace()
        while !records.isEmpty {
            let outcome = await delivery.deliver(records, of: page.answer, deadline: nil)
            let durable = records.prefix(outcome.acknowledged).last
            state.withLock { state in
                state.status.kinesisRecords += outcome.whole.count
                state.status.accounting.add(outcome.whole.accounting)
                state.status.report.add(outcome.whole.report)
                if let durable { state.board.delivered(reading, to: .after(durable.sequenceNumber)) }
            }
            // The batch that failed is repeated as a whole: then its objects are the same.
            records.removeFirst(outcome.whole.count)
            guard let error = outcome.error else { continue }
            report(error, of: reading.shard)
            await pause(pace.failed(random: random())) { self.mayRead(reading) != nil }
            guard mayRead(reading) != nil, !Task.isCancelled else { throw error }
        }
    }

    // MARK: - Time and problems

    /// Waits, but not for longer than something holds.
    private func pause(_ duration: Duration, while holds: () -> Bool) async {
        let end = clocks.now() + duration
        while clocks.now() < end, holds(), !Task.isCancelled {
            try? await clocks.sleep(min(.milliseconds(200), clocks.now().duration(to: end)))
        }
    }

    private func report(_ error: any Error, of shard: String? = nil) {
        guard !(error is CancellationError), !Task.isCancelled else { return }
        let problem = "the stream \(settings.name): \(error)"
        // The same problem has other words for each shard and each request.
        let kind =
            switch error {
            case let error as AWSError: "\(error.operation) \(error.code)"
            case let error as DeliveryError: error.kind.rawValue
            default: problem
            }
        let isNew = state.withLock { state in
            state.status.problem = problem
            state.faulty.insert(shard ?? "")
            return state.told.insert(kind).inserted
        }
        if isNew { onProblem(problem) }
    }

    /// Notes that something works, or works again.
    private func settle(_ shard: String? = nil) {
        state.withLock { state in
            state.faulty.remove(shard ?? "")
            guard state.faulty.isEmpty else { return }
            state.status.problem = nil
            state.told = []
        }
    }
}

/// Ends a run whose shards and leases are those of a stream that is no more.
private struct StreamMadeAnew: Error, CustomStringConvertible {
    let description: String

    init(_ name: String) {
        description = "the stream \(name) was deleted and made anew; it is read from its beginning"
    }
}
