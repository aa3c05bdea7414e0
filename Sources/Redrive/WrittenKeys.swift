import Delivery
import Synchronization

/// A store that remembers what was put into it.
final class WrittenKeys: ObjectStore {
    private let store: any ObjectStore
    private let keys = Mutex<Set<String>>([])

    init(_ store: any ObjectStore) {
        self.store = store
    }

    var name: String { store.name }

    func put(_ part: Part, deadline: ContinuousClock.Instant?) async throws(DeliveryError) {
        try await store.put(part, deadline: deadline)
        keys.withLock { _ = $0.insert(part.key) }
    }

    func check(_ kind: Part.Kind, deadline: ContinuousClock.Instant?) async throws(DeliveryError) {
        try await store.check(kind, deadline: deadline)
    }

    /// Whether the end of a path is the key of something that was put.
    func contains(_ path: String) -> Bool {
        keys.withLock { $0.contains { path.hasSuffix("/\($0)") } }
    }
}
