/// How far the passes over one log group have come, and what to read next.
///
/// CloudWatch Logs gives events late and out of order, so that one reading of a range proves nothing. Each moment of log
/// event time is therefore read several times, by passes of different ages: at once, a little later, when it leaves the
/// window in which lateness is expected, and by sweeps long after that. A pass of age 1 h reads every moment when it is at
/// least one hour old. What was delivered before is passed over.
///
/// Most events come a few seconds late. So each reading by the first pass begins where the second one is, and reads the
/// last minute again with the same call, unless so much is logged that this would take several.
///
/// It knows neither clock nor service: it is told the time, and what was read.
package struct Passes: Sendable, Equatable {
    /// One pass.
    package struct Pass: Sendable, Equatable {
        /// What it is called: `first`, `early`, `window`, or the age of a sweep such as `24h`.
        package var name: String
        /// How old a moment is, in milliseconds, when this pass reads it.
        package var age: Int64
        /// Everything before this was read by the pass; milliseconds of log event time.
        package var position: Int64
    }

    /// The narrowest window; events usually can be read within three minutes.
    static let narrowestWindow: Int64 = 5 * 60_000
    /// The ages of the sweeps, unless told otherwise.
    ///
    /// CloudWatch Logs takes events that are up to 14 days old; after two hours more all of them can be read.
    static let standardSweeps: [Int64] = [3_600_000, 86_400_000, 14 * 86_400_000 + 2 * 3_600_000]

    /// A late pass is worth its call when at least this, or an eighth of its age, has become due.
    private static let shortestLatePiece: Int64 = 15_000
    private static let longestPiece: Int64 = 6 * 3_600_000
    private static let shortestPiece: Int64 = 1_000
    private static let firstWidth: Int64 = 15 * 60_000
    /// How many calls the reading of a piece should take.
    private static let callsOfPiece: Int64 = 20
    private static let growth: Int64 = 8
    /// A clock that goes back by less is one that is being set right.
    private static let toleratedStep: Int64 = 5_000
    /// The last minute is read again each time as long as a reading takes no more calls than this.
    private static let callsOfCheapReading = 2
    /// After this time without lateness the window becomes narrower.
    private static let memoryOfLateness: Int64 = 86_400_000

    /// The passes, the youngest first; none is ahead of the one before it.
    package private(set) var all: [Pass]
    /// The largest lateness that a window can cover and that was seen lately, in milliseconds.
    package private(set) var largestLateness: Int64 = 0
    private var latenessSeenAt: Int64 = 0
    /// Nothing before this is ever read.
    private let start: Int64
    private var width = Self.firstWidth
    private var isCheap = true

    /// Starts at a log event time.
    ///
    /// - Parameter sweeps: the ages of the sweeps in milliseconds.
    package init(start: Int64, sweeps: [Int64]) {
        self.start = start
        let sweeps = sweeps.sorted().map { Pass(name: Self.name(ofAge: $0), age: $0, position: start) }
        all = ["first", "early", "window"].map { Pass(name: $0, age: 0, position: start) } + sweeps
        setAges()
    }

    /// Goes on where an earlier run was.
    ///
    /// - Parameter positions: by the names of passes; a pass that was not there begins where the slowest is.
    package mutating func resume(positions: [String: Int64], largestLateness: Int64, at now: Int64) {
        // What is remembered of a pass that is no longer wanted says nothing of the others.
        guard let slowest = all.compactMap({ positions[$0.name] }).min() else { return }
        for index in all.indices { all[index].position = positions[all[index].name] ?? slowest }
        for index in all.indices.dropFirst() {
            all[index].position = min(all[index].position, all[index - 1].position)
        }
        (self.largestLateness, latenessSeenAt) = (largestLateness, now)
        setAges()
    }

    /// How long log events are waited for before what was read counts as settled, in milliseconds.
    package var window: Int64 { all[2].age }
    /// Everything before this log event time is settled, but for what only a sweep can find.
    package var settled: Int64 { all[2].position }
    /// Everything before this log event time was read at least once.
    package var read: Int64 { all[0].position }
    /// Nothing before this log event time is read again.
    package var finished: Int64 { all[all.count - 1].position }

    /// What a pass has to read, if that is worth its calls.
    ///
    /// - Returns: log event times; nil when there is nothing to do yet.
    package func piece(of index: Int, at now: Int64) -> Range<Int64>? {
        let pass = all[index]
        var end = now - pass.age
        if index > 0 { end = min(end, all[index - 1].position) }
        let least = index == 0 ? 1 : min(max(Self.shortestLatePiece, pass.age / 8), Self.longestPiece)
        guard end - pass.position >= least else { return nil }
        let again = all[1].position
        let start = index == 0 && isCheap && again + width > pass.position ? again : pass.position
        return start..<min(end, start + width)
    }

    /// Whether a log event that a pass finds should have been found before.
    package func isLate(foundBy index: Int, timestamp: Int64) -> Bool {
        index > 0 || timestamp < all[0].position
    }

    /// Notes that a piece was read, and what was found in it is durable.
    ///
    /// What is old enough when it is read needs no later pass of a smaller age: those move on as well.
    ///
    /// - Parameters:
    ///   - now: when the reading began.
    ///   - calls: how many calls it took.
    package mutating func finish(_ piece: Range<Int64>, at now: Int64, calls: Int) {
        if piece.upperBound > all[0].position { isCheap = calls <= Self.callsOfCheapReading }
        for index in all.indices {
            let position = all[index].position
            guard piece.lowerBound <= position, position < piece.upperBound else { continue }
            all[index].position = max(position, min(piece.upperBound, now - all[index].age))
        }
        fit(piece, calls: Int64(max(1, calls)))
        if largestLateness > 0, now - latenessSeenAt > Self.memoryOfLateness {
            (largestLateness, latenessSeenAt) = (largestLateness / 2, now)
            setAges()
        }
    }

    /// Notes that the reading of a piece failed: the next try is a shorter one, which may fit between two failures.
    package mutating func fail(_ piece: Range<Int64>) {
        width = max(Self.shortestPiece, Int64(piece.count) / Self.growth)
    }

    /// Goes back when the clock did, for what was read ahead of it was not there yet.
    ///
    /// - Returns: whether it did.
    package mutating func follow(clock now: Int64) -> Bool {
        guard all[0].position > max(start, now + Self.toleratedStep) else { return false }
        for index in all.indices {
            all[index].position = min(all[index].position, max(start, now - all[index].age))
        }
        return true
    }

    /// How late a log event was at least that a pass found and those before it did not.
    ///
    /// - Parameters:
    ///   - ingested: when CloudWatch Logs took it, as far as it says so.
    package func lateness(foundBy index: Int, timestamp: Int64, ingested: Int64?, at now: Int64) -> Int64 {
        let seen = max((ingested ?? now) - timestamp, index > 0 ? all[index - 1].age : 0)
        return max(0, min(seen, now - timestamp))
    }

    /// Lets the window follow the lateness that was seen; what no window covers is left to the sweeps.
    package mutating func note(lateness: Int64, at now: Int64) {
        guard lateness <= widestWindow, lateness >= largestLateness else { return }
        (largestLateness, latenessSeenAt) = (lateness, now)
        setAges()
    }

    private var widestWindow: Int64 {
        all.count > 3 ? max(Self.narrowestWindow, all[3].age) : 12 * Self.narrowestWindow
    }

    private mutating func setAges() {
        all[2].age = min(max(Self.narrowestWindow, largestLateness * 3 / 2), widestWindow)
        all[1].age = all[2].age / 4
    }

    /// Makes the next piece longer or shorter, so that it takes about as many calls as it should.
    private mutating func fit(_ piece: Range<Int64>, calls: Int64) {
        let length = Int64(piece.count)
        if calls > Self.callsOfPiece {
            width = max(Self.shortestPiece, length / Self.growth, length * Self.callsOfPiece / calls)
        } else if length == width {
            width = min(Self.longestPiece, width * min(Self.growth, Self.callsOfPiece / calls))
        }
    }

    /// An age as people write it: `90s`, `45m`, `24h`, `14d2h`.
    package static func name(ofAge age: Int64) -> String {
        let units: [(String, Int64)] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)]
        if age % 86_400_000 == 0, age < 3 * 86_400_000 { return "\(age / 3_600_000)h" }
        var rest = age
        var text = ""
        for (unit, length) in units where rest >= length {
            text += "\(rest / length)\(unit)"
            rest %= length
        }
        return text.isEmpty ? "\(age)ms" : text
    }
}
