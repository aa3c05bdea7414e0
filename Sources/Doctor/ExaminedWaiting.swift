public import Redrive

/// What waits in a bucket, and nobody has been billed for.
public struct ExaminedWaiting: Sendable, Hashable {
    /// Objects of a kind.
    public struct Count: Sendable, Hashable {
        /// What they are.
        public var kind: WaitingKind
        /// How many.
        public var objects: Int
        /// When the oldest was stored, in milliseconds since 1970; nil where that is not told.
        public var oldest: Int64?
        /// When the newest was stored, in milliseconds since 1970; nil where that is not told.
        public var newest: Int64?

        /// Counts objects.
        public init(_ kind: WaitingKind, objects: Int, oldest: Int64? = nil, newest: Int64? = nil) {
            self.kind = kind
            self.objects = objects
            self.oldest = oldest
            self.newest = newest
        }
    }

    /// What was counted; a kind of which there is nothing is left out.
    public var counts: [Count]
    /// Whether all of it was counted.
    public var isWhole: Bool

    /// Tells what waits.
    public init(counts: [Count] = [], isWhole: Bool = true) {
        self.counts = counts
        self.isWhole = isWhole
    }
}
