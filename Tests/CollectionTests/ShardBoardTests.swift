import AWS
import Collection
import Foundation
import Sample
import Testing

/// A stream and the collectors that share its shards, on a clock that the test moves on: documents with versions, calls
/// that take time and whose answers get lost, pauses, deaths, and shards that are split and merged.
private struct History {
    static let lease = Duration.seconds(3)
    static let step = Duration.milliseconds(50)

    struct Shard {
        var parents: [String]
        var count = 0
        var isClosed = false
        /// How many of its first records are in the sink.
        var delivered: Set<Int> = []
    }

    struct Document {
        var lease: ShardLease
        var version: Int
    }

    /// A change that is on its way: at some moment it takes effect, and later its answer comes, or not.
    struct Call {
        var change: ShardBoard.Change
        var sent: ContinuousClock.Instant
        var effect: ContinuousClock.Instant
        var done: ContinuousClock.Instant
        var isLost: Bool
        var version: Int??
    }

    enum ReaderState {
        case idle(ContinuousClock.Instant)
        case fetching(until: ContinuousClock.Instant)
        case delivering(Range<Int>, isLast: Bool, until: ContinuousClock.Instant)
    }

    struct Reader {
        var reading: ShardBoard.Reading
        var next: Int
        var state: ReaderState
    }

    struct Worker {
        var board: ShardBoard
        var nextLook: ContinuousClock.Instant
        var looking: (effect: ContinuousClock.Instant, done: ContinuousClock.Instant)?
        var snapshot: [String: Document]?
        var calls: [Call] = []
        var readers: [Reader] = []
        var pausedUntil: ContinuousClock.Instant
        var listed: ContinuousClock.Instant?
    }

    var random: SeededRandom
    let start = ContinuousClock.now
    var now: ContinuousClock.Instant
    var shards: [String: Shard] = [:]
    var documents: [String: Document] = [:]
    var workers: [String: Worker] = [:]
    var versions = 0
    var names = 0
    var moves = 0
    var problems: [String] = []
    /// Who asks Kinesis for a shard's records, and until when.
    var fetching: [String: [String: ContinuousClock.Instant]] = [:]

    init(seed: UInt64) {
        random = SeededRandom(seed: seed)
        now = start
        for _ in 0..<Int.random(in: 1...4, using: &random) { addShard([]) }
    }

    mutating func addShard(_ parents: [String]) {
        shards["shard-\(1_000 + shards.count)"] = Shard(parents: parents)
    }

    mutating func addWorker() {
        names += 1
        let name = "worker-\(names)"
        workers[name] = Worker(
            board: ShardBoard(worker: name, leaseLength: Self.lease), nextLook: now, pausedUntil: now)
    }

    mutating func duration(_ range: ClosedRange<Int>) -> Duration {
        .milliseconds(Int.random(in: range, using: &random))
    }

    mutating func isRare(_ one: Int) -> Bool { Int.random(in: 0..<one, using: &random) == 0 }

    // MARK: - The stream

    mutating func moveStream() {
        let open = shards.filter { !$0.value.isClosed }.keys.sorted()
        guard let name = open.randomElement(using: &random) else { return }
        if isRare(3) { shards[name]?.count += Int.random(in: 1...20, using: &random) }
        guard isRare(300), shards.count < 14 else { return }
        shards[name]?.isClosed = true
        if let other = open.first(where: { $0 != name }), isRare(2) {
            shards[other]?.isClosed = true
            addShard([name, other])
        } else {
            addShard([name])
            addShard([name])
        }
    }

    var isDelivered: Bool { shards.values.allSatisfy { $0.delivered.count == $0.count } }

    // MARK: - One step of time

    mutating func advance(isCalm: Bool) {
        now += Self.step
        if !isCalm {
            moveStream()
            if isRare(200), workers.count < 4 { addWorker() }
            if isRare(400), let name = workers.keys.sorted().randomElement(using: &random) {
                if isRare(3) {
                    workers[name]?.board.stop()
                } else {
                    // It dies; what it has asked for takes effect all the same.
                    let late = workers.removeValue(forKey: name)?.calls.filter { $0.version == nil } ?? []
                    orphans += late
                }
            }
            if isRare(200), let name = workers.keys.sorted().randomElement(using: &random) {
                let pause = duration(100...8_000)
                workers[name]?.pausedUntil = now + pause
            }
        }
        if workers.isEmpty { addWorker() }
        orphans = orphans.compactMap { call in
            var call = call
            takeEffect(&call)
            return call.version == nil ? call : nil
        }
        for name in workers.keys.sorted() {
            guard var worker = workers[name] else { continue }
            for index in worker.calls.indices { takeEffect(&worker.calls[index]) }
            if let looking = worker.looking, worker.snapshot == nil, now >= looking.effect {
                worker.snapshot = documents
            }
            if now >= worker.pausedUntil { step(&worker, name, isCalm: isCalm) }
            workers[name] = worker.board.isStopped ? nil : worker
        }
        for (shard, ends) in fetching {
            let names = ends.filter { now < $0.value }.keys.sorted()
            if names.count > 1 { problems.append("\(shard) is read by \(names) at \(start.duration(to: now))") }
        }
    }

    var orphans: [Call] = []

    mutating func takeEffect(_ call: inout Call) {
        guard call.version == nil, now >= call.effect else { return }
        let lease = call.change.lease
        guard documents[lease.shard].map({ String($0.version) }) == call.change.replaces else {
            call.version = .some(nil)
            return
        }
        versions += 1
        if documents[lease.shard]?.lease.owner != lease.owner { moves += 1 }
        documents[lease.shard] = Document(lease: lease, version: versions)
        call.version = .some(versions)
        check(lease)
    }

    /// A position is never ahead of what is durable.
    mutating func check(_ lease: ShardLease) {
        guard let shard = shards[lease.shard] else { return }
        switch lease.position {
        case .start: break
        case .after(let number):
            let count = (Int(number) ?? -1) + 1
            if !shard.delivered.isSuperset(of: 0..<count) { problems.append("\(lease) is ahead of the sink") }
        case .end:
            if !shard.isClosed || shard.delivered.count < shard.count { problems.append("\(lease) has not ended") }
        }
    }

    mutating func step(_ worker: inout Worker, _ name: String, isCalm: Bool) {
        if now - (worker.listed ?? start - .seconds(60)) > .seconds(5) {
            worker.board.list(shards.map { KinesisClient.Shard(id: $0.key, parents: $0.value.parents) })
            worker.listed = now
        }
        keep(&worker, isCalm: isCalm)
        for reading in worker.board.readings(at: now) {
            let next = if case .after(let number) = reading.position { (Int(number) ?? -1) + 1 } else { 0 }
            worker.readers.append(Reader(reading: reading, next: next, state: .idle(now)))
        }
        for index in worker.readers.indices.reversed() {
            var reader = worker.readers[index]
            let goesOn = read(&reader, &worker.board, name, isCalm: isCalm)
            worker.readers[index] = reader
            guard !goesOn else { continue }
            worker.board.ended(reader.reading)
            worker.readers.remove(at: index)
            worker.nextLook = min(worker.nextLook, now + .milliseconds(100))
        }
    }

    /// Looks, changes, and looks again in time.
    mutating func keep(_ worker: inout Worker, isCalm: Bool) {
        if let looking = worker.looking, now >= looking.done, let snapshot = worker.snapshot {
            (worker.looking, worker.snapshot) = (nil, nil)
            let known = worker.board.versions
            let changed = snapshot.values.filter { known[$0.lease.shard] != String($0.version) }
            worker.board.see(
                changed.map { ($0.lease, String($0.version)) }, all: Set(snapshot.keys), at: now)
            worker.calls = worker.board.changes(at: now).map { change in
                let effect = now + duration(0...(isCalm || !isRare(20) ? 200 : 5_000))
                return Call(
                    change: change, sent: now, effect: effect, done: effect + duration(0...200),
                    isLost: !isCalm && isRare(20))
            }
            worker.nextLook = now + Self.lease / 4
        }
        guard worker.looking == nil else { return }
        if !worker.calls.isEmpty {
            guard worker.calls.allSatisfy({ now >= $0.done && $0.version != nil }) else { return }
            for call in worker.calls where !call.isLost {
                worker.board.changed(
                    call.change, version: (call.version ?? nil).map { String($0) }, sent: call.sent, at: now)
            }
            worker.calls = []
            if worker.board.mustLook { worker.nextLook = now }
        }
        if now >= worker.nextLook {
            let effect = now + duration(0...100)
            worker.looking = (effect, effect + duration(0...(isCalm || !isRare(20) ? 100 : 4_000)))
        }
    }

    /// One step of a reader; whether it goes on.
    mutating func read(_ reader: inout Reader, _ board: inout ShardBoard, _ name: String, isCalm: Bool) -> Bool {
        let id = reader.reading.shard
        guard let shard = shards[id] else { return false }
        switch reader.state {
        case .idle(let until):
            guard let end = board.end(of: reader.reading, at: now) else { return false }
            guard now >= until else { return true }
            // A call of GetRecords ends with the lease.
            let until = min(end, now + duration(50...(isRare(20) ? 4_000 : 300)))
            reader.state = .fetching(until: until)
            fetching[id, default: [:]][name] = until
            for parent in shard.parents {
                if let one = shards[parent], one.delivered.count < one.count || !one.isClosed {
                    problems.append("\(id) is read before its parent \(parent)")
                }
            }
        case .fetching(let until):
            guard now >= until else { return true }
            let last = min(shard.count, reader.next + 100)
            let isLast = shard.isClosed && last == shard.count
            reader.state = .delivering(
                reader.next..<last, isLast: isLast, until: now + duration(0...(isRare(30) ? 6_000 : 200)))
        case .delivering(let range, let isLast, let until):
            guard now >= until else { return true }
            if !isCalm, isRare(20) {
                reader.state = .delivering(range, isLast: isLast, until: now + duration(100...2_000))
                return board.end(of: reader.reading, at: now) != nil
            }
            shards[id]?.delivered.formUnion(range)
            reader.next = range.upperBound
            if let last = range.last { board.delivered(reader.reading, to: .after(String(last))) }
            if isLast {
                board.delivered(reader.reading, to: .end)
                return false
            }
            reader.state = .idle(now + duration(50...400))
        }
        return true
    }
}

@Suite("The collectors of a stream")
struct ShardBoardTests {
    /// METERTAP_STREAM_HISTORIES sets how many there are, METERTAP_SEED where they begin.
    private static let environment = ProcessInfo.processInfo.environment
    private static let count = environment["METERTAP_STREAM_HISTORIES"].flatMap { UInt64($0) } ?? 8
    private static let seed =
        environment["METERTAP_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 0..<1_000_000_000)

    @Test("deliver everything, children after parents, and never read a shard at the same time")
    func histories() {
        var moves = 0
        for seed in Self.seed..<Self.seed + Self.count {
            var history = History(seed: seed)
            for _ in 0..<Int.random(in: 1...3, using: &history.random) { history.addWorker() }
            for _ in 0..<2_400 { history.advance(isCalm: false) }
            var steps = 0
            while steps < 6_000, !history.isDelivered || steps < 1_200 {
                history.advance(isCalm: true)
                steps += 1
            }
            #expect(history.problems.prefix(3).joined(separator: "; ") == "", "METERTAP_SEED=\(seed)")
            let isDelivered = history.isDelivered
            #expect(isDelivered, "METERTAP_SEED=\(seed)")
            let open = history.shards.filter { !$0.value.isClosed }.keys
            let loads = history.workers.values.map { worker in worker.board.own.count { open.contains($0) } }
            #expect(loads.reduce(0, +) == open.count, "METERTAP_SEED=\(seed) \(loads)")
            #expect((loads.max() ?? 0) - (loads.min() ?? 0) <= 1, "METERTAP_SEED=\(seed) \(loads)")
            moves += history.moves
        }
        // Shards did change hands, so that something was proved.
        #expect(moves > Int(Self.count) * 10)
    }

    private let start = ContinuousClock.now

    private func board(_ worker: String, _ shards: [KinesisClient.Shard]) -> ShardBoard {
        var board = ShardBoard(worker: worker, leaseLength: .seconds(10))
        board.list(shards)
        return board
    }

    /// Makes all changes that a board wants, as if nobody else were there.
    private func settle(_ board: inout ShardBoard, at now: ContinuousClock.Instant) -> [ShardLease] {
        let changes = board.changes(at: now)
        for change in changes {
            board.changed(change, version: "\(board.worker)-\(change.lease.revision)", sent: now, at: now)
        }
        return changes.map(\.lease)
    }

    @Test("take a child when both its parents have ended, or are not kept any more")
    func parents() throws {
        let merged = KinesisClient.Shard(id: "c", parents: ["a", "b"])
        var board = board("w", [.init(id: "a"), .init(id: "b"), merged])
        #expect(Set(settle(&board, at: start).map(\.shard)) == ["a", "b"])
        let readings = board.readings(at: start)
        for reading in readings {
            #expect(settle(&board, at: start).isEmpty)
            board.delivered(reading, to: .end)
            board.ended(reading)
            let written = settle(&board, at: start)
            #expect(written.map(\.position) == [.end])
            #expect(written.map(\.owner) == [nil])
        }
        #expect(settle(&board, at: start).map(\.shard) == ["c"])
        var later = self.board("v", [merged])
        #expect(settle(&later, at: start).map(\.shard) == ["c"])
    }

    @Test("hold a lease from before it was written until it ends, and renew it in time")
    func validity() throws {
        var board = board("w", [.init(id: "a")])
        let change = try #require(board.changes(at: start).first)
        #expect(change.replaces == nil)
        board.changed(change, version: "1", sent: start, at: start + .seconds(4))
        let reading = try #require(board.readings(at: start + .seconds(4)).first)
        #expect(board.end(of: reading, at: start + .seconds(9)) == start + .seconds(10))
        #expect(board.end(of: reading, at: start + .seconds(10)) == nil)
        let renewal = try #require(board.changes(at: start + .seconds(4)).first)
        #expect(renewal.replaces == "1")
        board.changed(renewal, version: "2", sent: start + .seconds(4), at: start + .seconds(5))
        #expect(board.end(of: reading, at: start + .seconds(13)) == start + .seconds(14))
        #expect(board.changes(at: start + .seconds(5)).isEmpty)
    }

    @Test("take over a lease that was seen unchanged for its length and a tenth, not earlier")
    func takeover() throws {
        var board = board("w", [.init(id: "a")])
        let lease = ShardLease(shard: "a", owner: "other", position: .after("7"), revision: 3, writer: "other")
        board.see([(lease, "v3")], all: ["a"], at: start)
        #expect(board.changes(at: start + .milliseconds(10_999)).isEmpty)
        let change = try #require(board.changes(at: start + .seconds(11)).first)
        #expect(change.replaces == "v3")
        #expect(change.lease.owner == "w")
        #expect(change.lease.position == .after("7"))
        // A renewal that is seen in between begins a new length.
        board.see([(lease, "v4")], all: ["a"], at: start + .seconds(10))
        #expect(board.changes(at: start + .seconds(20)).isEmpty)
    }

    @Test("ask who has more, and give back what is asked for once it is delivered")
    func handover() throws {
        let shards = ["a", "b", "c", "d"].map { KinesisClient.Shard(id: $0) }
        var rich = board("rich", shards)
        let leases = settle(&rich, at: start)
        let readings = rich.readings(at: start)
        var poor = board("poor", shards)
        poor.see(leases.map { ($0, "rich-1") }, all: ["a", "b", "c", "d"], at: start)
        let asked = settle(&poor, at: start)
        #expect(asked.map(\.wantedBy) == ["poor", "poor"])
        #expect(asked.map(\.owner) == ["rich", "rich"])
        #expect(poor.changes(at: start + .seconds(1)).isEmpty)
        rich.see(asked.map { ($0, "poor-2") }, all: ["a", "b", "c", "d"], at: start + .seconds(1))
        let shard = asked[0].shard
        let reading = try #require(readings.first { $0.shard == shard })
        #expect(rich.end(of: reading, at: start + .seconds(1)) == nil)
        #expect(!rich.changes(at: start + .seconds(1)).contains { $0.lease.owner == nil })
        rich.delivered(reading, to: .after("5"))
        rich.ended(reading)
        let given = settle(&rich, at: start + .seconds(1)).filter { $0.shard == shard }
        #expect(given.map(\.owner) == [nil])
        #expect(given.map(\.position) == [.after("5")])
        // It is kept for who asked, and not taken back.
        #expect(!rich.changes(at: start + .seconds(2)).contains { $0.lease.shard == shard })
        poor.see(given.map { ($0, "rich-3") }, all: ["a", "b", "c", "d"], at: start + .seconds(2))
        #expect(settle(&poor, at: start + .seconds(2)).map(\.owner) == ["poor"])
    }

    @Test("give everything back at the end, for everybody")
    func stopping() throws {
        var board = board("w", [.init(id: "a")])
        _ = settle(&board, at: start)
        let reading = try #require(board.readings(at: start).first)
        board.stop()
        #expect(board.end(of: reading, at: start) == nil)
        #expect(settle(&board, at: start).isEmpty)
        #expect(!board.isStopped)
        board.delivered(reading, to: .after("1"))
        board.ended(reading)
        #expect(settle(&board, at: start).map(\.owner) == [nil])
        #expect(board.isStopped)
        #expect(board.changes(at: start + .seconds(60)).isEmpty)
    }

    @Test("give back at the end what ran out meanwhile, too")
    func stoppingLate() throws {
        var board = board("w", [.init(id: "a")])
        _ = settle(&board, at: start)
        let reading = try #require(board.readings(at: start).first)
        board.delivered(reading, to: .after("1"))
        board.stop()
        let late = start + .seconds(30)
        #expect(settle(&board, at: late).isEmpty)
        #expect(!board.isStopped)
        board.ended(reading)
        let given = settle(&board, at: late)
        #expect(given.map(\.owner) == [nil])
        // What was delivered since it was written is read once more.
        #expect(given.map(\.position) == [.start])
        #expect(board.isStopped)
    }

    @Test("look for shards that another one has found, once")
    func newShards() throws {
        var board = board("w", [.init(id: "a")])
        #expect(!board.mustList)
        let child = ShardLease(shard: "b", owner: "other", revision: 1, writer: "other")
        let gone = ShardLease(shard: "c", position: .end, revision: 9, writer: "other")
        board.see([(gone, "1")], all: ["c"], at: start)
        #expect(!board.mustList)
        board.see([(child, "1")], all: ["b", "c"], at: start)
        #expect(board.mustList)
        board.list([.init(id: "a")])
        board.see([(child, "2")], all: ["b", "c"], at: start)
        #expect(!board.mustList)
    }

    @Test("cannot move the position of a shard that was lost")
    func fencing() throws {
        var board = board("w", [.init(id: "a")])
        _ = settle(&board, at: start)
        let reading = try #require(board.readings(at: start).first)
        board.delivered(reading, to: .after("9"))
        let change = try #require(board.changes(at: start + .seconds(4)).first)
        board.changed(change, version: nil, sent: start + .seconds(4), at: start + .seconds(4))
        #expect(board.mustLook)
        #expect(board.changes(at: start + .seconds(4)).isEmpty)
        let taken = ShardLease(shard: "a", owner: "other", revision: 2, writer: "other")
        board.see([(taken, "x")], all: ["a"], at: start + .seconds(5))
        #expect(board.end(of: reading, at: start + .seconds(5)) == nil)
        #expect(board.changes(at: start + .seconds(6)).isEmpty)
    }

    @Test("write a lease as a document that gives it back")
    func document() throws {
        for position in [ShardPosition.start, .after("495"), .end] {
            let lease = ShardLease(
                shard: "s", owner: "w", wantedBy: "v", position: position, revision: 4, writer: "v")
            #expect(ShardLease(lease.document) == lease)
        }
        #expect(ShardLease(Array("{}".utf8)) == nil)
        #expect(ShardLease([]) == nil)
    }
}
