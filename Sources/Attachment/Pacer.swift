package import HTTP

/// Keeps calls apart, so that they stay within what AWS allows in a second.
package struct Pacer: Sendable {
    private let interval: Duration
    private let clocks: Clocks
    private var next: ContinuousClock.Instant?

    /// Makes a pacer for so many calls a second.
    package init(perSecond: Int, clocks: Clocks) {
        // A twentieth more, since calls are not equally long on their way.
        interval = .milliseconds(1_050) / max(1, perSecond)
        self.clocks = clocks
    }

    /// Waits until the next call may be made.
    package mutating func wait() async throws {
        let now = clocks.now()
        if let next, next > now { try await clocks.sleep(next - now) }
        next = max(next ?? now, now) + interval
    }
}
