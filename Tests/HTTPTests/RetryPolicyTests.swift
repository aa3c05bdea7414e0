import HTTP
import HTTPTypes
import Testing

@Suite struct RetryPolicyTests {
    private let policy = RetryPolicy(maximumAttempts: 100, baseDelay: .seconds(1), maximumDelay: .seconds(10))

    private func delay(
        _ attempt: Int, retryAfter: Duration? = nil, remaining: Duration? = nil, random: Double = 0.5
    ) -> Duration? {
        policy.delay(afterAttempt: attempt, retryAfter: retryAfter, remaining: remaining, random: random)
    }

    @Test func `the ceiling doubles up to the maximum`() {
        #expect([1, 2, 3, 4, 5, 6, 99].map { delay($0) } == [0.5, 1, 2, 4, 5, 5, 5].map { .seconds($0) })
        #expect(delay(100) == nil)
    }

    @Test func `the jitter is full`() {
        #expect(delay(3, random: 0) == .zero)
        #expect(delay(3, random: 0.25) == .seconds(1))
    }

    @Test func `a wait that the deadline would cut short is not begun`() {
        #expect(delay(1, remaining: .milliseconds(501)) == .milliseconds(500))
        #expect(delay(1, remaining: .milliseconds(500)) == nil)
        #expect(delay(1, remaining: .seconds(-1), random: 0) == nil)
    }

    @Test func `Retry-After is a lower bound with a limit`() {
        #expect(delay(1, retryAfter: .seconds(3)) == .seconds(3))
        #expect(delay(4, retryAfter: .seconds(3)) == .seconds(4))
        #expect(delay(1, retryAfter: .seconds(86_400)) == .seconds(300))
    }

    @Test(
        arguments: [
            ("0", .zero), ("120", .seconds(120)), ("999999999999", .seconds(300)),
            ("Sun, 30 Aug 2015 12:36:30 GMT", .seconds(30)), ("Sun, 30 Aug 2015 12:00:00 GMT", .zero),
            ("-1", nil), ("1.5", nil), ("soon", nil), ("", nil),
        ] as [(String, Duration?)])
    func `Retry-After is seconds or a date`(value: String, expected: Duration?) {
        let now = UnixTime(seconds: 1_440_938_160)
        #expect(RetryPolicy.retryAfter([.retryAfter: value], now: now) == expected)
    }

    @Test func `without the field there is nothing to wait for`() {
        #expect(RetryPolicy.retryAfter([:], now: .now()) == nil)
    }
}
