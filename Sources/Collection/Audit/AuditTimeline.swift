/// How much of the range was found and how much of it is missing, by time, in a bounded number of buckets.
package struct AuditTimeline: Sendable {
    /// One stretch of log event time.
    package struct Bucket: Sendable, Equatable {
        /// Where it begins, in milliseconds since 1970.
        package var from: Int64
        /// How much stood behind tags.
        package var found = 0
        /// How much of that is missing.
        package var missing = 0

        /// Makes a bucket.
        package init(from: Int64, found: Int = 0, missing: Int = 0) {
            self.from = from
            self.found = found
            self.missing = missing
        }
    }

    /// So many buckets there are at most.
    package static let maximumBuckets = 100
    /// Lengths that people read easily: from a second to a year.
    private static let lengths: [Int64] = [
        1, 10, 60, 300, 900, 3_600, 10_800, 21_600, 43_200, 86_400, 604_800, 31_536_000,
    ]
    .map { $0 * 1_000 }

    /// The length of a bucket in milliseconds.
    package let length: Int64
    /// The buckets, in order, empty ones included.
    package private(set) var buckets: [Bucket]

    /// Starts with nothing.
    ///
    /// - Parameter times: the range, in milliseconds since 1970.
    package init(_ times: Range<Int64>) {
        let most = Int64(Self.maximumBuckets)
        let fitting = Self.lengths.first { times.upperBound / $0 - times.lowerBound / $0 < most }
        let length = fitting ?? Int64(times.count)
        self.length = length
        buckets = stride(from: times.lowerBound / length * length, to: times.upperBound, by: Int(length))
            .map { Bucket(from: $0) }
    }

    /// Takes one thing that was found.
    package mutating func note(at time: Int64, isMissing: Bool) {
        guard let first = buckets.first?.from else { return }
        let index = Int((time - first) / length)
        guard buckets.indices.contains(index) else { return }
        buckets[index].found += 1
        buckets[index].missing += isMissing ? 1 : 0
    }
}
