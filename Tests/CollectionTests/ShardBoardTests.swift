import AWS
import Collection
import Foundation
import Sample
import Testing

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
            var history = ShardHistory(seed: seed)
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
