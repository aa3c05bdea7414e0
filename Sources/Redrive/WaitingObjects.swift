package import Delivery

/// What waits in a bucket to be delivered again, by kind: told by the keys alone, so that a look costs a few listings.
///
/// `metertap redrive` reads the objects and says what is in them.
public struct WaitingObjects: Sendable, Equatable {
    /// The objects of a kind.
    public struct Count: Sendable, Equatable {
        /// What they are.
        public var kind: WaitingKind
        /// How many there are.
        public var objects = 0
        /// Their size.
        public var bytes = 0
        /// When the oldest was stored, in milliseconds since 1970; nil where that is not told.
        public var oldest: Int64?
        /// When the newest was stored, in milliseconds since 1970; nil where that is not told.
        public var newest: Int64?

        /// None of a kind.
        public init(kind: WaitingKind) {
            self.kind = kind
        }

        package mutating func add(_ object: BucketObject) {
            objects += 1
            bytes += object.bytes ?? 0
            guard let time = object.modified else { return }
            oldest = min(oldest ?? time, time)
            newest = max(newest ?? time, time)
        }
    }

    /// How many objects of a folder are looked at when nobody says otherwise.
    public static let usualLimit = 10_000

    /// The address of the bucket.
    public let place: String
    /// The kinds of which something waits, in their order.
    public private(set) var counts: [Count] = []
    /// Whether all was counted; else there is more of it.
    public private(set) var isWhole = true

    /// Whether nothing waits.
    public var isEmpty: Bool { counts.isEmpty }
    /// How many objects wait.
    public var objects: Int { counts.reduce(0) { $0 + $1.objects } }
    /// When the oldest was stored, in milliseconds since 1970; nil when nothing waits, or that is not told.
    public var oldest: Int64? { counts.compactMap(\.oldest).min() }

    /// Lists what waits.
    ///
    /// It needs `s3:ListBucket`, and no more.
    ///
    /// - Parameter limit: how many objects are looked at, of each folder in which something may wait.
    /// - Throws: `AWSError`, or what reading a directory throws.
    package init(in bucket: any Bucket, limit: Int = usualLimit) async throws {
        place = bucket.name
        var found = WaitingKind.allCases.map { Count(kind: $0) }
        for folder in WaitingKind.folders {
            let (objects, isWhole) = try await bucket.list(folder, limit: limit)
            for object in objects {
                guard let index = found.firstIndex(where: { $0.kind == WaitingKind(key: object.key) }) else { continue }
                found[index].add(object)
            }
            self.isWhole = self.isWhole && isWhole
        }
        counts = found.filter { $0.objects > 0 }
    }
}
