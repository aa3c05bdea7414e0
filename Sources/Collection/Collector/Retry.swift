/// When something that failed is tried again: later each time, up to five minutes.
struct Retry: Sendable {
    private static let first: Int64 = 5_000
    private static let longest: Int64 = 300_000

    private var failures = 0
    private var notBefore = Int64.min

    /// Whether it may be tried.
    func isDue(at now: Int64) -> Bool { now >= notBefore }

    mutating func failed(at now: Int64) {
        notBefore = now + min(Self.longest, Self.first << min(failures, 10))
        failures += 1
    }

    mutating func succeeded() {
        self = Retry()
    }
}
