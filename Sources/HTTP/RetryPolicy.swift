public import HTTPTypes

/// When a request is sent again, and how long to wait before that.
///
/// The wait is drawn evenly between nothing and a ceiling that doubles with each attempt ("full jitter"), so that many
/// clients that failed together do not come back together. A server that says `Retry-After` is waited for at least
/// that long.
public struct RetryPolicy: Sendable {
    /// How often a request is sent at most, the first time included.
    public var maximumAttempts: Int
    /// The ceiling of the wait after the first attempt.
    public var baseDelay: Duration
    /// The largest ceiling.
    public var maximumDelay: Duration

    /// Makes a policy.
    public init(
        maximumAttempts: Int = 5, baseDelay: Duration = .milliseconds(200), maximumDelay: Duration = .seconds(20)
    ) {
        self.maximumAttempts = maximumAttempts
        self.baseDelay = baseDelay
        self.maximumDelay = maximumDelay
    }

    /// The longest `Retry-After` that is believed.
    ///
    /// A server that asks for more is asked again after this.
    public static let longestRetryAfter = Duration.seconds(300)

    /// Whether an answer with this status may be another one later: 408, 429, 500, 502, 503 and 504.
    public func retries(status: Int) -> Bool {
        switch status {
        case 408, 429, 500, 502, 503, 504: true
        default: false
        }
    }

    /// How long to wait before the next attempt, or nil to give up.
    ///
    /// - Parameters:
    ///   - attempt: how many attempts were made, 1 after the first.
    ///   - retryAfter: what the server asked for.
    ///   - remaining: the time left before the caller's deadline; nil without one. A wait that would not end before
    ///     the deadline is not begun.
    ///   - random: a random number from 0 up to and without 1.
    public func delay(
        afterAttempt attempt: Int, retryAfter: Duration?, remaining: Duration?, random: Double
    ) -> Duration? {
        guard attempt < maximumAttempts else { return nil }
        let doublings = min(max(attempt - 1, 0), 30)
        let ceiling = min(baseDelay * (1 << doublings), maximumDelay)
        let delay = max(ceiling * random, min(retryAfter ?? .zero, Self.longestRetryAfter))
        if let remaining, delay >= remaining { return nil }
        return delay
    }

    /// What `Retry-After` asks for: seconds or an HTTP date (RFC 9110 section 10.2.3).
    ///
    /// - Parameter now: the wall clock, which a date is compared with. A date in the past gives zero.
    /// - Returns: nil without the field, or when it makes no sense.
    public static func retryAfter(_ fields: HTTPFields, now: UnixTime) -> Duration? {
        guard let value = fields[.retryAfter] else { return nil }
        if let seconds = Int64(value) {
            return seconds >= 0 ? .seconds(min(seconds, longestRetryAfter.components.seconds)) : nil
        }
        return UnixTime(httpDate: value).map { max(.zero, now.duration(to: $0)) }
    }
}
