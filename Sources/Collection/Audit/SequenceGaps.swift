package import MeterLine

/// Finds the numbers that producers gave to what they wrote and that never reached the logs, in constant memory.
///
/// Before the first and behind the last number of a source nothing can be told. A counter that begins again begins a new
/// life, between which and the one before nothing is missed.
package struct SequenceGaps: Sendable {
    /// Numbers that never came.
    package struct Gap: Sendable, Equatable {
        /// Who counted.
        package var source: String
        /// The numbers.
        package var numbers: ClosedRange<Int64>
        /// The log event time of the number before them, in milliseconds since 1970.
        package var after: Int64
        /// The log event time of the number behind them.
        package var before: Int64

        /// How many there are.
        package var missing: UInt64 { UInt64(numbers.upperBound - numbers.lowerBound) + 1 }
    }

    /// What is known of one source.
    package struct Source: Sendable, Equatable {
        /// Who counted.
        package var name: String
        /// How many numbers came, each counted once in each life of its counter.
        package var numbers = 0
        /// How many numbers between the first and the last of a life never came.
        package var missing: UInt64 = 0
        /// How often a number came that had come before.
        package var repeated = 0
        /// How often the counter began again.
        package var restarts = 0

        /// Nothing came yet.
        package init(name: String) {
            self.name = name
        }
    }

    /// So many sources are told apart.
    package static let maximumSources = 1_000
    /// So many holes of a source are kept open for lines that come late; the oldest is then settled.
    package static let maximumHoles = 250
    /// So many gaps are named; all are counted.
    package static let maximumGaps = 1_000
    /// A counter that begins again does so at least this long after its highest number; what is nearer came out of order.
    private static let restartTime: Int64 = 1_000
    /// A counter that began again counts on; with fewer numbers it may be an old number that was written once more.
    private static let numbersOfLife = 3

    /// The gaps, the first ones when there are many; complete behind `finish`.
    package private(set) var gaps: [Gap] = []
    /// How many numbers came of sources beyond the limit, which are not followed.
    package private(set) var unfollowed = 0
    private var counters: [[UInt8]: Counter] = [:]

    private struct Counter {
        var source: Source
        var life: NumberRuns
        /// The life before, as long as it is not certain that the counter began again.
        var previous: NumberRuns?
    }

    /// Starts with nothing.
    package init() {}

    /// The sources, those of which most is missing first.
    package var sources: [Source] {
        counters.values.map(\.source).sorted {
            $0.missing != $1.missing
                ? $0.missing > $1.missing : $0.name.utf8.lexicographicallyPrecedes($1.name.utf8)
        }
    }

    /// How many numbers never came.
    package var missing: UInt64 { counters.values.reduce(0) { $0 &+ $1.source.missing } }

    /// Takes a number, in the order of log event time; that of an object with several values once.
    package mutating func note(_ sequence: ProducerSequence, at time: Int64) {
        let name = Array(sequence.source.utf8)
        guard var counter = counters.removeValue(forKey: name) else {
            guard counters.count < Self.maximumSources else {
                unfollowed += 1
                return
            }
            counters[name] = Counter(
                source: Source(name: sequence.source), life: NumberRuns(sequence.number, at: time))
            return
        }
        take(sequence.number, at: time, &counter)
        counters[name] = counter
    }

    /// Ends the range.
    package mutating func finish() {
        for name in counters.keys.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
            guard var counter = counters.removeValue(forKey: name) else { continue }
            settlePrevious(&counter)
            settle(counter.life, &counter.source)
            counters[name] = counter
        }
        gaps.sort { $0.after < $1.after }
    }

    private mutating func take(_ number: Int64, at time: Int64, _ counter: inout Counter) {
        if let previous = counter.previous, Self.isOld(counter.life, before: number, previous) {
            counter.source.repeated += counter.life.count
            counter.source.restarts -= 1
            (counter.life, counter.previous) = (previous, nil)
        }
        let isSeen = counter.life.contains(number)
        if isSeen || number < counter.life.lowest, time > counter.life.time + Self.restartTime,
            number != counter.life.highest
        {
            settlePrevious(&counter)
            (counter.previous, counter.life) = (counter.life, NumberRuns(number, at: time))
            counter.source.restarts += 1
            return
        }
        guard !isSeen else {
            counter.source.repeated += 1
            return
        }
        counter.life.insert(number, at: time)
        if counter.life.count >= Self.numbersOfLife { settlePrevious(&counter) }
        if counter.life.runs.count > Self.maximumHoles + 1, let (before, behind) = counter.life.closeFirstHole() {
            note(before, behind, &counter.source)
        }
    }

    /// Whether a life was only an old number that was written once more: the one before it goes on.
    private static func isOld(_ life: NumberRuns, before number: Int64, _ previous: NumberRuns) -> Bool {
        life.count < numbersOfLife && number > previous.highest && number - previous.highest < number - life.highest
    }

    private mutating func settlePrevious(_ counter: inout Counter) {
        guard let previous = counter.previous else { return }
        counter.previous = nil
        settle(previous, &counter.source)
    }

    private mutating func settle(_ life: NumberRuns, _ source: inout Source) {
        source.numbers += life.count
        for (before, behind) in zip(life.runs, life.runs.dropFirst()) { note(before, behind, &source) }
    }

    private mutating func note(_ before: NumberRuns.Run, _ behind: NumberRuns.Run, _ source: inout Source) {
        let gap = Gap(
            source: source.name, numbers: (before.numbers.upperBound + 1)...(behind.numbers.lowerBound - 1),
            after: before.to, before: behind.from)
        source.missing &+= gap.missing
        if gaps.count < Self.maximumGaps { gaps.append(gap) }
    }
}
