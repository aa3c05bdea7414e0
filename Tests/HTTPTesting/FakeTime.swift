package import HTTP
import Synchronization

/// Clocks that stand still but for `sleep`, which moves them on at once, and `advance`.
package final class FakeTime: Sendable {
    /// The monotonic clock at the beginning.
    package let start = ContinuousClock.now
    /// The wall clock at the beginning: 2015-08-30T12:36:00Z.
    package let wallStart = UnixTime(seconds: 1_440_938_160)
    private let passed = Mutex<Duration>(.zero)
    private let slept = Mutex<[Duration]>([])

    package init() {}

    /// What was slept so far.
    package var sleeps: [Duration] { slept.withLock { $0 } }

    /// Lets time pass.
    package func advance(_ duration: Duration) {
        passed.withLock { $0 += duration }
    }

    /// The clocks.
    package var clocks: Clocks {
        Clocks(
            now: { [self] in start.advanced(by: passed.withLock { $0 }) },
            wall: { [self] in wallStart.advanced(by: passed.withLock { $0 }) },
            sleep: { [self] duration in
                try Task.checkCancellation()
                slept.withLock { $0.append(duration) }
                advance(duration)
            })
    }
}
