import HTTPTypes
import Hummingbird
import Store

/// What audits have found.
struct AuditRoutes: Sendable {
    /// The longest name of a log group that CloudWatch Logs takes is 512 letters.
    private static let maximumNameLength = 512
    private static let counts = 0...Int(Int32.max)

    /// What `metertap audit --json` prints, as far as it is kept.
    private struct AuditInput: Decodable {
        var account: String
        var logGroup: String
        var from: Int64
        var to: Int64
        var found: Int
        var missing: Int
        var different: Int
        var extra: Int
        var repaired: Int
    }

    let store: any Store
    let now: @Sendable () -> Int64

    var routes: [Route] {
        [
            Route(.get, "/audits", .read) { request, _ in
                let limit = Int(try QueryReader(request).int("limit", in: 1...1_000) ?? 100)
                return try .json(encoding: try await store.audits(limit: limit))
            },
            Route(.post, "/audits", .ingest, note),
        ]
    }

    private func note(_ request: Request, _ context: APIContext) async throws -> Response {
        let input = try await RequestBodies.decode(AuditInput.self, from: request)
        guard !input.logGroup.isEmpty, input.logGroup.unicodeScalars.count <= Self.maximumNameLength,
            input.account.unicodeScalars.count <= Self.maximumNameLength
        else {
            throw APIError(.badRequest, "logGroup is empty, or a name is longer than \(Self.maximumNameLength) letters")
        }
        for time in [input.from, input.to] where !EventRoutes.milliseconds.contains(time) {
            throw APIError(.badRequest, "from and to are milliseconds of the years 1970 to 9999")
        }
        for count in [input.found, input.missing, input.different, input.extra, input.repaired]
        where !Self.counts.contains(count) {
            throw APIError(.badRequest, "a count is negative or above \(Self.counts.upperBound)")
        }
        let audit = StoredAudit(
            time: now(), who: context.who, account: input.account, logGroup: input.logGroup, from: input.from,
            to: input.to, found: input.found, missing: input.missing, different: input.different, extra: input.extra,
            repaired: input.repaired)
        try await store.note(audit)
        return try .json(encoding: audit)
    }
}
