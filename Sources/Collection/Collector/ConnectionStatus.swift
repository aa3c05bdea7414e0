/// How a connection does: what `metertap collect` reports and the console shows.
public struct ConnectionStatus: Sendable, Codable {
    /// What a connection is doing.
    public enum State: String, Sendable, Codable {
        /// It was not reached yet.
        case starting
        /// It reads what is older than it should be.
        case catchingUp
        /// It reads what is logged as it comes.
        case following
        /// Something is wrong with all or a part of it; the rest goes on.
        case failing
    }

    /// What went wrong last.
    public struct Problem: Sendable, Codable {
        /// What happened, where, what it means, and what to do.
        public var message: String
        /// Since when it has been so, in milliseconds since 1970.
        public var since: Int64
    }

    /// What one pass took and gave.
    public struct Pass: Sendable, Codable {
        /// How many calls it took.
        public var calls = 0
        /// How many bytes came.
        public var bytes = 0
        /// How many log events with records or rejects it found that no pass before it had found.
        public var found = 0

        /// Nothing yet.
        public init() {}
    }

    /// The connection's name.
    public var name: String
    /// The account; empty until it is known.
    public var account: String
    /// The region.
    public var region: String
    /// What it is doing.
    public var state = State.starting
    /// How many log groups it reads.
    public var logGroups = 0
    /// How far behind the clock the slowest log group was when it was read last, in milliseconds; nil until all were read.
    public var lag: Int64?
    /// The log event time before which everything is settled, in milliseconds since 1970; nil until then.
    public var settled: Int64?
    /// How long log events are waited for before what was read is settled, in milliseconds.
    public var window: Int64 = 0
    /// What is wrong at present.
    public var problem: Problem?
    /// How many log events were read, each as often as it was read.
    public var events = 0
    /// How many records and rejects were found, each as often as it was read.
    public var found = 0
    /// How many of these had been delivered before.
    public var repeated = 0
    /// How many records are durable in the sink.
    public var delivered = 0
    /// How many rejects are durable in their store.
    public var rejected = 0
    /// How many log events came so late that the first reading did not find them.
    public var late = 0
    /// The latest of them, in milliseconds behind its time.
    public var largestLateness: Int64 = 0
    /// What each pass took and gave, by name.
    public var passes: [String: Pass] = [:]
    /// How many calls a second its account and region take at present; throttling halves it.
    public var callsPerSecond = 0.0
    /// How many calls there were.
    public var calls = 0
    /// How many bytes came.
    public var bytes = 0
    /// How often a range was begun anew with narrower times, because a page's token led nowhere.
    public var rangesBegunAnew = 0
}

/// What a round adds to the figures of a connection when what it found is durable.
struct RoundFigures: Sendable {
    var found = 0
    var repeated = 0
    var foundByPass: [String: Int] = [:]
    private(set) var late = 0
    private(set) var largestLateness: Int64 = 0

    /// Counts a log event that the first reading did not find.
    mutating func note(lateness: Int64) {
        late += 1
        largestLateness = max(largestLateness, lateness)
    }
}

extension ConnectionStatus {
    /// Adds what a round found.
    mutating func add(_ round: RoundFigures) {
        found += round.found
        repeated += round.repeated
        late += round.late
        largestLateness = max(largestLateness, round.largestLateness)
        for (name, count) in round.foundByPass { passes[name, default: Pass()].found += count }
    }
}
