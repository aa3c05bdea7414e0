import Crypto
import HTTPTypes
package import Store
import Synchronization

/// The keys of the API: compares what came with what is kept, in a time that tells nothing.
package final class KeyRing: Sendable {
    private struct State {
        var keys: [StoredKey] = []
        var used: [String: Int64] = [:]
        /// How many times reading the keys began, and which of them `keys` is from.
        var begun = 0
        var read = 0
    }

    private let store: any Store
    private let hub: EventHub
    private let state = Mutex(State())
    private let now: @Sendable () -> Int64

    /// Makes an empty ring; `reload` fills it.
    init(store: any Store, hub: EventHub, now: @escaping @Sendable () -> Int64) {
        self.store = store
        self.hub = hub
        self.now = now
    }

    /// Reads the keys again, after one was made or revoked.
    ///
    /// Of two that read at once, the one that began later wins: it has seen all that the other must see.
    func reload() async throws {
        let turn = state.withLock { state in
            state.begun += 1
            return state.begun
        }
        let keys = try await store.keys()
        state.withLock { state in
            guard turn > state.read else { return }
            state.read = turn
            state.keys = keys
        }
    }

    var isEmpty: Bool { state.withLock { $0.keys.isEmpty } }

    /// The name of the key that came with a request.
    ///
    /// - Throws: `APIError`: 401 without a key or with an unknown one, 403 when it does not allow what is asked for.
    func check(_ headers: HTTPFields, for right: Right) async throws -> String {
        guard let secret = headers[.apiKey], let key = find(secret) else {
            throw APIError(
                .unauthorized, "send a key of this platform in X-API-KEY; metertap keys makes one",
                headers: [.wwwAuthenticate: "ApiKey"])
        }
        guard Right.allows(key.rights, right) else {
            throw APIError(.forbidden, "the key \"\(key.name)\" lacks the right \(right.rawValue)")
        }
        return key.name
    }

    /// The key of a secret; all are compared, whichever fits.
    package func find(_ secret: String) -> StoredKey? {
        let hash = Self.hash(secret)
        let time = now()
        return state.withLock { state in
            var found: StoredKey?
            for key in state.keys where Self.isEqual(key.hash, hash) { found = key }
            if let found { state.used[found.id] = time }
            return found
        }
    }

    private static func isEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        guard left.count == right.count else { return false }
        var difference: UInt8 = 0
        for index in left.indices { difference |= left[index] ^ right[index] }
        return difference == 0
    }

    package static func hash(_ secret: String) -> [UInt8] {
        Array(SHA256.hash(data: Array(secret.utf8)))
    }

    /// Whether a key was not revoked.
    package func holds(id: String) -> Bool {
        state.withLock { $0.keys.contains { $0.id == id } }
    }

    // MARK: - Making and revoking

    /// Makes a key.
    ///
    /// - Returns: the key, and its secret, which is kept nowhere and can be shown this once.
    /// - Throws: `APIError` when the name is too long or the rights are none; `StoreError`.
    package func create(name: String?, rights: [String]?, who: String) async throws -> (key: StoredKey, secret: String)
    {
        let name = try MeterInput.name(name, "name")
        let known = Right.allCases.map(\.rawValue).filter { (rights ?? []).contains($0) }
        guard !known.isEmpty, known.count == rights?.count else {
            throw APIError(.badRequest, "rights is a list of ingest, read and admin, each at most once, and not empty")
        }
        let (key, secret) = NewKey.make(name: name, rights: known, time: now())
        try await store.add(key, who: who)
        try await reload()
        return (key, secret)
    }

    /// Revokes a key; from then on it opens nothing.
    ///
    /// - Throws: `APIError` when there is none; `StoreError`.
    package func revoke(id: String, who: String) async throws -> StoredKey {
        guard let key = try await store.revokeKey(id: id, who: who, time: now()) else {
            throw APIError(.notFound, "there is no key of this id; GET /keys lists them")
        }
        try await reload()
        // Streams that the key opened look whether they may go on.
        hub.announce()
        return key
    }

    /// Writes down when keys were used.
    package func noteUse() async throws {
        let used = state.withLock { state in
            defer { state.used = [:] }
            return state.used
        }
        if !used.isEmpty { try await store.noteUse(ofKeys: used) }
    }
}

extension HTTPField.Name {
    /// The `X-API-KEY` of a request.
    static let apiKey = HTTPField.Name(StaticName.apiKey) ?? .cookie
    /// The `X-Rejected-Records` of an answer: how many records of the request became rejects.
    static let rejectedRecords = HTTPField.Name(StaticName.rejectedRecords) ?? .vary

    private enum StaticName {
        static let apiKey = "X-API-KEY"
        static let rejectedRecords = "X-Rejected-Records"
    }
}
