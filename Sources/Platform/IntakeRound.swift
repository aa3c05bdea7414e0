import Crypto
import Delivery

/// What the intake of a bucket remembers from round to round; after a restart it begins anew, and reads at most what is
/// known already.
struct IntakeRound {
    /// An object that couldn't be opened, and when it is tried again.
    struct Deferred {
        var object: BucketObject
        var reason: String
        var attempts: Int
        var next: ContinuousClock.Instant
        /// The last whole listing that named it.
        var listing: Int
    }

    /// How far a file that may still be growing was read.
    struct Growth {
        var etag: String
        /// Since when it has been seen with this tag.
        var since: ContinuousClock.Instant
        /// The rows that are stored: their bytes, how many items they gave, and the digest of the bytes.
        var bytes = 0
        var items = 0
        var digest: SHA256.Digest?

        /// Whether a text begins with the rows that are stored.
        func isBeginning(of text: [UInt8]) -> Bool {
            digest == nil || (text.count >= bytes && SHA256.hash(data: text[..<bytes]) == digest)
        }
    }

    static let maximumKnown = 200_000
    static let maximumDeferred = 100_000
    static let maximumGrowths = 10_000
    /// The longest pause before an object is tried again.
    static let longestPause = Duration.seconds(3_600)

    /// Objects that need not be looked up again, by ETag and the bytes of their name.
    private var known: Set<[UInt8]> = []
    /// By the bytes of the name: two texts may be equal though their bytes aren't.
    private(set) var deferred: [[UInt8]: Deferred] = [:]
    private var growths: [[UInt8]: Growth] = [:]
    private var listing = 0
    var isSmall = true
    var lastWhole: ContinuousClock.Instant?
    /// How many objects in a row couldn't be opened for a reason that passes.
    var failuresInARow = 0

    private static func identity(_ object: BucketObject) -> [UInt8] { Array(object.etag.utf8) + [0] + object.name }

    func knows(_ object: BucketObject) -> Bool { known.contains(Self.identity(object)) }

    mutating func finish(_ object: BucketObject) {
        deferred[object.name] = nil
        if known.count >= Self.maximumKnown { known = [] }
        known.insert(Self.identity(object))
    }

    mutating func beginWholeListing() { listing += 1 }

    /// Forgets what is no longer in the bucket.
    mutating func endWholeListing() {
        lastWhole = .now
        deferred = deferred.filter { $0.value.listing == listing }
    }

    /// Whether an object that was listed is to be left alone until its pause is over.
    mutating func isDeferred(_ object: BucketObject) -> Bool {
        deferred[object.name]?.listing = listing
        guard let entry = deferred[object.name], entry.object.etag == object.etag else { return false }
        return entry.next > .now
    }

    /// The objects whose pause is over.
    func due() -> [BucketObject] {
        let now = ContinuousClock.now
        return deferred.values.filter { $0.next <= now }.map(\.object)
    }

    mutating func forget(_ object: BucketObject) { deferred[object.name] = nil }

    /// Notes that an object can't be opened.
    ///
    /// - Parameter pause: the first pause; each one is twice the one before.
    /// - Returns: how often it was tried; nil when so many can't be opened that this one isn't remembered.
    mutating func fail(_ object: BucketObject, _ reason: String, pause: Duration) -> Int? {
        guard deferred[object.name] != nil || deferred.count < Self.maximumDeferred else { return nil }
        let attempts = (deferred[object.name]?.attempts ?? 0) + 1
        let wait = min(pause * (1 << min(attempts - 1, 20)), Self.longestPause)
        deferred[object.name] = Deferred(
            object: object, reason: reason, attempts: attempts, next: .now + wait, listing: listing)
        return attempts
    }

    /// How far a file was read that has been seen before.
    func growth(of object: BucketObject) -> Growth? { growths[object.name] }

    mutating func note(_ growth: Growth, of object: BucketObject) {
        if growths.count >= Self.maximumGrowths, growths[object.name] == nil { growths = [:] }
        growths[object.name] = growth
    }
}
