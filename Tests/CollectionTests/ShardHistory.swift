import AWS
import Collection
import Sample

/// A stream and the collectors that share its shards, on a clock that the test moves on: documents with versions, calls
/// that take time and whose answers get lost, pauses, deaths, and shards that are split and merged.
struct ShardHistory {
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
