import Crypto
import HTTPTypes
import Store
import Synchronization

/// The keys of the API: compares what came with what is kept, in a time that tells nothing.
final class KeyRing: Sendable {
    private struct State {
        var keys: [StoredKey] = []
        var used: [String: Int64] = [:]
    }

    private let store: any Store
    private let state = Mutex(State())
    private let now: @Sendable () -> Int64

    /// Makes an empty ring; `reload` fills it.
    init(store: any Store, now: @escaping @Sendable () -> Int64) {
        self.store = store
        self.now = now
    }

    /// Reads the keys again, after one was made or revoked.
    func reload() async throws {
        let keys = try await store.keys()
        state.withLock { $0.keys = keys }
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
        guard key.rights.contains(right.rawValue) || key.rights.contains(Right.admin.rawValue) else {
            throw APIError(.forbidden, "the key \"\(key.name)\" lacks the right \(right.rawValue)")
        }
        return key.name
    }

    /// The key of a secret; all are compared, whichever fits.
    func find(_ secret: String) -> StoredKey? {
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

    static func hash(_ secret: String) -> [UInt8] {
        Array(SHA256.hash(data: Array(secret.utf8)))
    }

    /// Writes down when keys were used.
    func noteUse() async throws {
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
