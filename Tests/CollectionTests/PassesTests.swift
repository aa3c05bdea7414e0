import Collection
import Sample
import Testing

@Suite("The passes over a log group")
struct PassesTests {
    static let minute: Int64 = 60_000
    static let hour: Int64 = 3_600_000
    static let sweeps = [hour, 24 * hour]

    /// Reads whatever is due at a time, and gives which pass read what.
    private func readAll(_ passes: inout Passes, at now: Int64, calls: Int = 1) -> [(String, Range<Int64>)] {
        var read: [(String, Range<Int64>)] = []
        for index in passes.all.indices {
            while let piece = passes.piece(of: index, at: now) {
                read.append((passes.all[index].name, piece))
                passes.finish(piece, at: now, calls: calls)
            }
        }
        return read
    }

    @Test("what is old enough when it is read is read once")
    func oldOnce() {
        let now = 1_000 * Self.hour
        var passes = Passes(start: now - 48 * Self.hour, sweeps: Self.sweeps)
        let read = readAll(&passes, at: now)
        #expect(read.allSatisfy { $0.0 == "first" })
        #expect(passes.finished == now - 24 * Self.hour)
        #expect(passes.settled == now - passes.window)
        #expect(passes.read == now)
    }

    @Test("the last minute is read again with each reading, and by itself when that would be dear")
    func tail() {
        let start = 1_000 * Self.hour
        var cheap = Passes(start: start, sweeps: [])
        _ = readAll(&cheap, at: start + 10 * Self.minute)
        let again = cheap.piece(of: 0, at: start + 10 * Self.minute + 10_000)
        #expect(again == (start + 10 * Self.minute - cheap.all[1].age)..<(start + 10 * Self.minute + 10_000))
        var dear = Passes(start: start, sweeps: [])
        _ = readAll(&dear, at: start + 10 * Self.minute, calls: 3)
        let new = dear.piece(of: 0, at: start + 10 * Self.minute + 10_000)
        #expect(new == (start + 10 * Self.minute)..<(start + 10 * Self.minute + 10_000))
        #expect(dear.piece(of: 1, at: start + 12 * Self.minute)?.lowerBound == dear.all[1].position)
    }

    @Test("the window follows the lateness that was seen, up to the first sweep, and narrows again")
    func window() {
        let start = 1_000 * Self.hour
        var passes = Passes(start: start, sweeps: Self.sweeps)
        #expect(passes.window == 5 * Self.minute)
        passes.note(lateness: 20 * Self.minute, at: start)
        #expect(passes.window == 30 * Self.minute)
        passes.note(lateness: 25 * Self.hour, at: start)
        #expect(passes.window == 30 * Self.minute, "a sweep finds that")
        passes.note(lateness: Self.hour, at: start)
        #expect(passes.window == Self.hour)
        for day in 1...6 { _ = readAll(&passes, at: start + Int64(day) * 25 * Self.hour) }
        #expect(passes.window == 5 * Self.minute)
    }

    @Test("a pass that is new begins where the slowest is, and none is ahead of the one before it")
    func resume() {
        var passes = Passes(start: 0, sweeps: Self.sweeps)
        passes.resume(
            positions: ["first": 100, "early": 80, "window": 90, "1h": 40, "14d2h": 1], largestLateness: 0, at: 1_000)
        #expect(passes.all.map(\.position) == [100, 80, 80, 40, 40])
        #expect(passes.all.map(\.name) == ["first", "early", "window", "1h", "24h"])
        #expect(Passes.name(ofAge: 14 * 24 * Self.hour + 2 * Self.hour) == "14d2h")
    }

    @Test("a clock that was ahead takes the passes back with it, and a start that is to come is waited for")
    func clock() {
        let start = 1_000 * Self.hour
        var passes = Passes(start: start, sweeps: Self.sweeps)
        _ = readAll(&passes, at: start + 8 * Self.hour)
        let back = start + Self.hour
        let isAhead = passes.follow(clock: back)
        #expect(isAhead)
        #expect(passes.read == back)
        #expect(passes.all.allSatisfy { $0.position <= max(start, back - $0.age) })
        let again = passes.follow(clock: back)
        #expect(!again)
        var future = Passes(start: start, sweeps: Self.sweeps)
        let isBack = future.follow(clock: start - Self.hour)
        #expect(!isBack)
        #expect(future.piece(of: 0, at: start - Self.hour) == nil)
        #expect(future.piece(of: 0, at: start + 1_000) == start..<(start + 1_000))
    }

    @Test("a piece that could not be read to its end comes again as a shorter one")
    func failed() throws {
        let start = 1_000 * Self.hour
        var passes = Passes(start: start, sweeps: [])
        let now = start + 10 * Self.hour
        let piece = try #require(passes.piece(of: 0, at: now))
        passes.fail(piece)
        #expect(try #require(passes.piece(of: 0, at: now)).count < piece.count)
        #expect(passes.read == start)
    }

    /// Whatever rounds, restarts and lateness there are: every pass reads every moment when it is old enough.
    @Test("every moment is read at every age", arguments: 0..<50)
    func everyAge(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let start = 1_000 * Self.hour
        var now = start
        let callLength = Int64.random(in: 1...40, using: &random) * Self.minute
        var passes = Passes(start: start - Int64.random(in: 0...50, using: &random) * Self.hour, sweeps: Self.sweeps)
        let first = passes.finished
        // The oldest age at which each minute was read.
        var ages: [Int64: Int64] = [:]
        var skipped: [String] = []
        for _ in 0..<400 {
            now += Int64.random(in: 1...40, using: &random) * Self.minute
            for index in passes.all.indices where Bool.random(using: &random) {
                guard let piece = passes.piece(of: index, at: now) else { continue }
                // A crash: the piece was read, and nobody knows.
                if Int.random(in: 0..<10, using: &random) == 0 { continue }
                passes.finish(piece, at: now, calls: 1 + piece.count / Int(callLength))
                for minute in piece.lowerBound / Self.minute..<(piece.upperBound / Self.minute) {
                    ages[minute] = max(ages[minute] ?? 0, now - (minute + 1) * Self.minute)
                }
            }
            if Int.random(in: 0..<20, using: &random) == 0 {
                passes.note(lateness: Int64.random(in: 0...90, using: &random) * Self.minute, at: now)
            }
            for (left, right) in zip(passes.all, passes.all.dropFirst()) { #expect(left.position >= right.position) }
            for pass in passes.all.dropFirst(3) {
                for minute in stride(from: first / Self.minute, to: pass.position / Self.minute - 1, by: 7) {
                    if ages[minute, default: 0] < pass.age - 2 * Self.minute {
                        skipped.append("\(pass.name) \(minute)")
                    }
                }
            }
        }
        #expect(skipped.isEmpty)
        #expect(passes.finished > start)
    }
}

@Suite("Patterns of log group names")
struct LogGroupPatternTests {
    @Test(
        "a star stands for any text and a question mark for one character",
        arguments: [
            ("/app/shop", "/app/shop", true), ("/app/shop", "/app/shop2", false), ("/app/*", "/app/", true),
            ("/app/*", "/apps", false), ("*", "", true), ("*/prod/*", "/app/prod/api", true),
            ("*/prod/*", "/app/prod", false), ("/app/?", "/app/x", true), ("/app/?", "/app/", false),
            ("a*b*c", "aXbXbYc", true), ("a*b*c", "aXbXbYcd", false), ("a**", "a", true), ("", "", true),
            ("", "a", false),
        ])
    func matches(pattern: String, name: String, isMatch: Bool) {
        #expect(LogGroupPattern(pattern).matches(name) == isMatch)
    }
}

@Suite("The rate limit of an account and region")
struct RateLimitTests {
    @Test("calls are spread, faster after successes and half as fast after a refusal, once for those together")
    func adapts() {
        let now = ContinuousClock.now
        var limit = RateLimit()
        #expect(limit.turn(at: now) == .zero)
        #expect(limit.turn(at: now) == .milliseconds(200))
        let before = limit.rate
        for _ in 0..<10 { limit.succeeded() }
        #expect(limit.rate > before)
        let rate = limit.rate
        for _ in 0..<5 { limit.throttled(at: now) }
        #expect(limit.rate == rate / 2)
        limit.throttled(at: now.advanced(by: .seconds(2)))
        #expect(limit.rate == rate / 4)
        for second in 0..<100 { limit.throttled(at: now.advanced(by: .seconds(10 + 2 * second))) }
        #expect(limit.rate >= 0.2)
        for _ in 0..<10_000 { limit.succeeded() }
        #expect(limit.rate <= 50)
    }
}
