/// Cuts a range of time into windows that hold about as much as they should, whatever the density of what is in it.
///
/// It is told after each window how much was in it, and makes the next one narrower or wider. A window in which there is
/// more than fits can be given back: it comes again as a narrower one.
package struct TimeWindows: Sendable {
    /// How much wider the next window may be.
    private static let growth: Int64 = 8
    private static let firstWidth: Int64 = 15 * 60_000

    private let end: Int64
    private let target: Int
    private var start: Int64
    private var width = Self.firstWidth

    /// Cuts a range.
    ///
    /// - Parameters:
    ///   - range: milliseconds since 1970.
    ///   - target: how much a window should hold.
    package init(_ range: Range<Int64>, target: Int) {
        start = range.lowerBound
        end = range.upperBound
        self.target = max(1, target)
    }

    /// The window at hand; nil when the whole range is done.
    package var current: Range<Int64>? {
        start < end ? start..<min(end, start + width) : nil
    }

    /// Moves on to the next window.
    ///
    /// - Parameter found: how much was in this one.
    package mutating func finish(found: Int) {
        guard let current else { return }
        start = current.upperBound
        // Half of the target, so that what is twice as dense still fits.
        let (product, isTooLarge) = width.multipliedReportingOverflow(by: Int64(max(1, target / 2)))
        let wanted = isTooLarge ? Int64.max : product / Int64(max(1, found))
        width = min(max(wanted, width / Self.growth, 1), width * Self.growth, max(1, end - start))
    }

    /// Makes the window narrower, because there is more in it than fits.
    ///
    /// - Parameter seen: the latest time that was seen before it was full.
    /// - Returns: false when it cannot be narrower than the millisecond that it is.
    @discardableResult
    package mutating func narrow(seen: Int64) -> Bool {
        guard let current, current.count > 1 else { return false }
        // Events come roughly in order: what was seen tells how far a window reaches that would have fitted.
        let reached = max(1, (seen - start) / 2)
        width = max(1, min(Int64(current.count) / 2, reached))
        return true
    }
}
