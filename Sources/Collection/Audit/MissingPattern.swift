package import MeterLine

/// Looks for a reason in when and where records are missing.
package struct MissingPattern: Sendable {
    /// A stretch of log event time of which nothing was received.
    package struct Gap: Sendable, Equatable {
        /// The first missing record's time.
        package var from: Int64
        /// The last missing record's time.
        package var to: Int64
        /// How many are missing.
        package var missing: Int
        /// Whether nothing was received before it.
        package var isAtStart: Bool
        /// Whether nothing was received after it.
        package var isAtEnd: Bool
    }

    /// A stretch this long has a reason of its own.
    private static let shortest: Int64 = 60_000
    private static let fewest = 5
    private static let maximumGaps = 20
    private static let maximumStreams = 1_000

    /// The gaps, the first ones when there are many.
    package private(set) var gaps: [Gap] = []
    /// How many records of each stream are missing and were received; nil when there are too many streams to tell.
    private var streams: [[UInt8]: (missing: Int, received: Int)]? = [:]
    /// The stream that was noted last and its figures, which are not in `streams` yet: records of one come in a row.
    private var last: (stream: String, missing: Int, received: Int)?
    private var run: Gap?
    private var hasReceived = false

    /// Starts with nothing.
    package init() {}

    /// Takes a record, in the order of log event time.
    package mutating func note(_ origin: EventOrigin, isMissing: Bool) {
        let time = origin.timestamp ?? 0
        count(origin.logStream, isMissing)
        guard isMissing else {
            endRun(isAtEnd: false)
            hasReceived = true
            return
        }
        var gap = run ?? Gap(from: time, to: time, missing: 0, isAtStart: !hasReceived, isAtEnd: false)
        gap.to = max(gap.to, time)
        gap.missing += 1
        run = gap
    }

    /// Ends the range.
    package mutating func finish() {
        endRun(isAtEnd: true)
        countLast()
    }

    private mutating func endRun(isAtEnd: Bool) {
        guard var gap = run else { return }
        run = nil
        gap.isAtEnd = isAtEnd
        guard gap.missing >= Self.fewest, gap.to - gap.from >= Self.shortest, gaps.count < Self.maximumGaps else {
            return
        }
        gaps.append(gap)
    }

    private mutating func count(_ stream: String, _ isMissing: Bool) {
        if last?.stream.utf8.elementsEqual(stream.utf8) != true {
            countLast()
            last = (stream, 0, 0)
        }
        last?.missing += isMissing ? 1 : 0
        last?.received += isMissing ? 0 : 1
    }

    private mutating func countLast() {
        guard let last else { return }
        self.last = nil
        guard streams != nil else { return }
        let name = Array(last.stream.utf8)
        streams?[name, default: (0, 0)].missing += last.missing
        streams?[name, default: (0, 0)].received += last.received
        if (streams?.count ?? 0) > Self.maximumStreams { streams = nil }
    }

    /// The streams of which nothing was received, when something was of others; sorted by their bytes.
    package var missingStreams: [String] {
        guard hasReceived, let streams else { return [] }
        return streams.filter { $0.value.received == 0 }.keys.sorted { $0.lexicographicallyPrecedes($1) }
            .map { String(decoding: $0, as: UTF8.self) }
    }
}
