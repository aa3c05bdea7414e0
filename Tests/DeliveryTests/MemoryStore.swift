import Delivery
import Gzip
import MeterLine
import Synchronization
import Testing

/// A store in memory that answers as a test wants it.
final class MemoryStore: ObjectStore {
    private let state = Mutex<[String: [UInt8]]>([:])
    private let fault: @Sendable (Part) async throws(DeliveryError) -> Void

    init(_ fault: @escaping @Sendable (Part) async throws(DeliveryError) -> Void = { _ throws(DeliveryError) in }) {
        self.fault = fault
    }

    let name = "memory"

    var objects: [String: [UInt8]] { state.withLock { $0 } }

    func put(_ part: Part, deadline: ContinuousClock.Instant?) async throws(DeliveryError) {
        try await fault(part)
        state.withLock { objects in
            if let stored = objects[part.key] {
                #expect(stored == part.body, "the same name with other bytes")
            }
            objects[part.key] = part.body
        }
    }

    func check(_ kind: Part.Kind, deadline: ContinuousClock.Instant?) async throws(DeliveryError) {}

    /// The lines of all objects whose key begins like this.
    func lines(_ prefix: String) throws -> [String] {
        try objects.filter { $0.key.hasPrefix(prefix) }.sorted { $0.key < $1.key }.flatMap { object in
            var gunzip = Gunzip(limit: 64 << 20)
            let text = try gunzip.decompress(object.value.span) { bytes(of: $0) }
            return text.split(separator: UInt8(ascii: "\n")).map { String(decoding: $0, as: UTF8.self) }
        }
    }
}
