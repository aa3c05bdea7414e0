/// The passing of time, as a value, so that tests decide it.
public struct Clocks: Sendable {
    /// The monotonic clock, which deadlines are measured on.
    public var now: @Sendable () -> ContinuousClock.Instant
    /// The wall clock, which dates in headers and signatures are read from.
    public var wall: @Sendable () -> UnixTime
    /// Waits; throws when the task is cancelled.
    public var sleep: @Sendable (Duration) async throws -> Void

    /// Makes a set of clocks.
    public init(
        now: @escaping @Sendable () -> ContinuousClock.Instant,
        wall: @escaping @Sendable () -> UnixTime,
        sleep: @escaping @Sendable (Duration) async throws -> Void
    ) {
        self.now = now
        self.wall = wall
        self.sleep = sleep
    }

    /// The clocks of the machine.
    public static let system = Clocks(
        now: { .now }, wall: { .now() }, sleep: { duration in try await Task.sleep(for: duration) })
}
