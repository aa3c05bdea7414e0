import AWS
import HTTP
import Synchronization

/// How many calls a second a service takes, found out by trying: a little more after each that succeeds, half after one
/// that is refused.
package struct RateLimit: Sendable {
    private static let lowest = 0.2
    private static let highest = 50.0
    /// How much faster after a call that succeeded, in calls a second.
    private static let increase = 0.02
    /// Calls that were under way together are refused together; that counts once.
    private static let pauseBetweenDecreases = Duration.seconds(1)

    /// Calls a second; FilterLogEvents allows 5 to 10 in an account and region, unless more was asked for.
    package private(set) var rate = 5.0
    private var free: ContinuousClock.Instant?
    private var decreased: ContinuousClock.Instant?

    /// Starts at what every account allows.
    package init() {}

    /// How long the next call has to wait; its turn is then taken.
    package mutating func turn(at now: ContinuousClock.Instant) -> Duration {
        let start = max(now, free ?? now)
        free = start.advanced(by: .seconds(1 / rate))
        return now.duration(to: start)
    }

    /// A call succeeded.
    package mutating func succeeded() {
        rate = min(Self.highest, rate + Self.increase)
    }

    /// A call was refused because there were too many.
    package mutating func throttled(at now: ContinuousClock.Instant) {
        if let decreased, decreased.duration(to: now) < Self.pauseBetweenDecreases { return }
        decreased = now
        rate = max(Self.lowest, rate / 2)
        free = max(free ?? now, now.advanced(by: .seconds(1 / rate)))
    }
}

/// The rate limits of all accounts and regions that a collector calls; connections to the same one share it.
final class RateLimits: Sendable {
    /// Whose limit it is.
    struct Key: Hashable, Sendable {
        let account: String
        let region: String
    }

    private static let maximumAttempts = 4

    private let clocks: Clocks
    private let limits = Mutex<[Key: RateLimit]>([:])

    init(clocks: Clocks) {
        self.clocks = clocks
    }

    /// Makes a call when its turn has come, and again when it may succeed later, so that a piece of many pages does not
    /// fail by one of them.
    func call<Answer>(
        _ key: Key, _ body: () async throws(AWSError) -> Answer
    ) async throws(AWSError) -> Answer {
        for _ in 1..<Self.maximumAttempts {
            do throws(AWSError) {
                return try await attempt(key, body)
            } catch {
                // Who did not answer in time will not answer the next moment; a list was begun anew already.
                guard error.kind == .transient, error.code != "Timeout", !error.isRepeatedToken, !Task.isCancelled
                else { throw error }
            }
        }
        return try await attempt(key, body)
    }

    /// Makes a call when its turn has come, and notes what became of it.
    private func attempt<Answer>(
        _ key: Key, _ body: () async throws(AWSError) -> Answer
    ) async throws(AWSError) -> Answer {
        let now = clocks.now()
        let wait = limits.withLock { $0[key, default: RateLimit()].turn(at: now) }
        if wait > .zero {
            do { try await clocks.sleep(wait) } catch {
                throw AWSError(
                    kind: .transient, code: "Cancelled", message: "The collector stops.",
                    operation: "Waiting for a turn")
            }
        }
        do throws(AWSError) {
            let answer = try await body()
            limits.withLock { $0[key, default: RateLimit()].succeeded() }
            return answer
        } catch {
            let now = clocks.now()
            if error.isThrottling { limits.withLock { $0[key, default: RateLimit()].throttled(at: now) } }
            throw error
        }
    }

    /// Calls a second that an account and region take at present.
    func rate(_ key: Key) -> Double {
        limits.withLock { $0[key, default: RateLimit()].rate }
    }
}

extension AWSError {
    /// Whether the call was refused because there were too many.
    var isThrottling: Bool { Self.throttlingCodes.contains(code) }

    private static let throttlingCodes: Set<String> = [
        "RequestLimitExceeded", "RequestThrottled", "RequestThrottledException", "SlowDown", "ThrottledException",
        "Throttling", "ThrottlingException", "TooManyRequests", "TooManyRequestsException",
    ]
}
