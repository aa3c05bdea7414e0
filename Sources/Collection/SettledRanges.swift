/// Which parts of a range of time are done.
package struct SettledRanges: Sendable, Equatable {
    /// The parts, in order; none touches another.
    package private(set) var ranges: [Range<Int64>] = []

    /// Starts with nothing.
    package init() {}

    /// Adds a part.
    package mutating func insert(_ range: Range<Int64>) {
        guard !range.isEmpty else { return }
        let touching = ranges.filter { $0.upperBound >= range.lowerBound && $0.lowerBound <= range.upperBound }
        let merged = touching.reduce(range) {
            min($0.lowerBound, $1.lowerBound)..<max($0.upperBound, $1.upperBound)
        }
        ranges.removeAll { touching.contains($0) }
        ranges.append(merged)
        ranges.sort { $0.lowerBound < $1.lowerBound }
    }

    /// What of a range is not done, in order.
    package func missing(of range: Range<Int64>) -> [Range<Int64>] {
        var missing: [Range<Int64>] = []
        var start = range.lowerBound
        for done in ranges where done.upperBound > start && done.lowerBound < range.upperBound {
            if done.lowerBound > start { missing.append(start..<done.lowerBound) }
            start = max(start, done.upperBound)
        }
        if start < range.upperBound { missing.append(start..<range.upperBound) }
        return missing
    }
}
