import Hummingbird
import MeterLine
import Store

/// Keys of the API, and the log of changes.
struct KeyRoutes: Sendable {
    private struct KeyInput: RequestBody {
        static let members = KnownMembers.object(["name": .anything, "rights": .anything])

        var name: String?
        var rights: [String]?
    }

    let store: any Store
    let keys: KeyRing

    var routes: [Route] {
        [
            Route(.get, "/keys", .admin) { _, _ in try await list() },
            Route(.post, "/keys", .admin, create),
            Route(.delete, "/keys/{id}", .admin, revoke),
            Route(.get, "/changes", .read, parameters: ["limit", "cursor"]) { request, _ in try await changes(request)
            },
        ]
    }

    private func list() async throws -> Response {
        try await keys.noteUse()
        var output: [UInt8] = [UInt8(ascii: "[")]
        for (index, key) in try await store.keys().enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            Self.append(key, secret: nil, to: &output)
        }
        output.append(UInt8(ascii: "]"))
        return .json(output)
    }

    private func create(_ request: Request, _ context: APIContext) async throws -> Response {
        let input = try await RequestBodies.decode(KeyInput.self, from: request)
        let (key, secret) = try await keys.create(name: input.name, rights: input.rights, who: context.who)
        var output: [UInt8] = []
        Self.append(key, secret: secret, to: &output)
        return .json(output)
    }

    private func revoke(_ request: Request, _ context: APIContext) async throws -> Response {
        let key = try await keys.revoke(id: context.parameters.get("id") ?? "", who: context.who)
        var output: [UInt8] = []
        Self.append(key, secret: nil, to: &output)
        return .json(output)
    }

    private static func append(_ key: StoredKey, secret: String?, to output: inout [UInt8]) {
        var object = JSONObjectWriter(&output)
        object.member("id", key.id, &output)
        object.member("name", key.name, &output)
        object.name("rights", &output)
        appendJSONList(key.rights, to: &output)
        object.member("createTime", key.created, &output)
        object.literal("lastUsedTime", key.used.map { "\($0)" } ?? "null", &output)
        if let secret { object.member("key", secret, &output) }
        object.end(&output)
    }

    private func changes(_ request: Request) async throws -> Response {
        let reader = QueryReader(request)
        let limit = Int(try reader.int("limit", in: 1...1_000) ?? 100)
        let cursor = try reader.int("cursor", in: EventRoutes.numbers)
        let changes = try await store.changes(limit: limit, before: cursor)
        var output: [UInt8] = []
        var object = JSONObjectWriter(&output)
        object.name("changes", &output)
        output.append(UInt8(ascii: "["))
        for (index, change) in changes.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            Self.append(change, to: &output)
        }
        output.append(UInt8(ascii: "]"))
        let next = changes.count == limit ? changes.last?.id : nil
        object.literal("cursor", next.map { "\"\($0)\"" } ?? "null", &output)
        object.end(&output)
        return .json(output)
    }

    private static func append(_ change: StoredChange, to output: inout [UInt8]) {
        var object = JSONObjectWriter(&output)
        object.member("id", change.id, &output)
        object.member("time", change.time, &output)
        object.member("who", change.who, &output)
        object.member("what", change.what, &output)
        object.member("subject", change.subject, &output)
        for (name, value) in [("before", change.before), ("after", change.after)] {
            guard let value else { continue }
            // A definition is JSON; an edited line is shown as the text that it was.
            if JSON.isDocument(value.span) {
                object.literal(name, String(decoding: value, as: UTF8.self), &output)
            } else {
                object.member(name, String(decoding: value, as: UTF8.self), &output)
            }
        }
        object.end(&output)
    }
}

/// Makes keys.
package enum NewKey {
    /// A key to keep, and its secret to show once: 256 random bits behind a word by which it is recognised.
    static func make(name: String, rights: [String], time: Int64) -> (key: StoredKey, secret: String) {
        let secret = "mtk_" + randomHex(words: 4)
        return (from(secret, id: randomHex(words: 1), name: name, rights: rights, time: time), secret)
    }

    /// A key of a secret that somebody brought.
    static func from(_ secret: String, id: String, name: String, rights: [String], time: Int64) -> StoredKey {
        StoredKey(id: id, name: name, rights: rights, hash: KeyRing.hash(secret), created: time)
    }

    /// Random words of 64 bits in hexadecimal.
    package static func randomHex(words: Int) -> String {
        (0..<words).map { _ in MeterInput.newId() }.joined()
    }
}
