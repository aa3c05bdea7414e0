/// How fast a shard is read: Kinesis allows 5 calls of GetRecords a second and 2 MB a second for each shard, shared by all
/// who read it; one call in five is left to others.
///
/// https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
package struct ShardPace: Sendable {
    private static let callInterval = Duration.milliseconds(250)
    private static let bytesPerSecond = 2_000_000
    /// How often a shard is asked that has given everything it has.
    private static let pollInterval = Duration.seconds(1)
    private static let firstPause = Duration.milliseconds(500)
    private static let longestPause = Duration.seconds(30)

    private var failures = 0

    package init() {}

    /// How long to wait after an answer, counted from the call.
    ///
    /// - Parameters:
    ///   - bytes: the size of the answer. Kinesis counts the data, of which the answer is the base64.
    ///   - isCaughtUp: whether there was nothing more.
    package mutating func answered(bytes: Int, isCaughtUp: Bool) -> Duration {
        failures = 0
        let least = isCaughtUp ? Self.pollInterval : Self.callInterval
        return max(least, .milliseconds(bytes / 4 * 3 * 1_000 / Self.bytesPerSecond))
    }

    /// How long to wait after a failure: full jitter below a ceiling that doubles, and never less than a call's interval.
    ///
    /// - Parameter random: a number from 0 up to and without 1.
    package mutating func failed(random: Double) -> Duration {
        let ceiling = min(Self.firstPause * (1 << min(failures, 10)), Self.longestPause)
        failures += 1
        return max(Self.callInterval, ceiling * random)
    }
}
