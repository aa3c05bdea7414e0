import Hummingbird
import MeterLine
import Store

/// What was no valid record: listed, and edited and stored.
struct RejectRoutes: Sendable {
    private enum State: String, CaseIterable {
        case waiting
        case dismissed
        case resolved
        case all
    }

    private struct Dismissal: RequestBody {
        static let members = KnownMembers.object(["reason": .anything])

        var reason: String
    }

    private struct Retry: RequestBody {
        static let members = KnownMembers.object(["line": .anything])

        var line: String?
    }

    private static let parameters = ["reason", "state", "source", "sourceFrom", "sourceTo", "limit", "cursor"]

    let store: any Store
    let editor: RejectEditor
    let now: @Sendable () -> Int64

    var routes: [Route] {
        [
            Route(.get, "/rejects", .read, parameters: Self.parameters) { request, _ in try await list(request) },
            Route(.get, "/rejects/{id}", .read) { _, context in
                var output: [UInt8] = []
                Self.append(try await find(context), to: &output)
                return .json(output)
            },
            Route(.post, "/rejects/{id}/retry", .admin, retry),
            Route(.post, "/rejects/{id}/dismiss", .admin, dismiss),
        ]
    }

    private func list(_ request: Request) async throws -> Response {
        let reader = QueryReader(request)
        var query = RejectQuery()
        query.reason = reader.text("reason")
        switch try reader.choice("state", State.self) ?? .waiting {
        case .waiting: query.isResolved = false
        case .dismissed: (query.isResolved, query.isDismissed) = (false, true)
        case .resolved: (query.isResolved, query.isDismissed) = (true, nil)
        case .all: (query.isResolved, query.isDismissed) = (nil, nil)
        }
        query.logGroup = reader.text("source")
        query.logTimes = try EventRoutes.logTimes(reader)
        query.limit = Int(try reader.int("limit", in: 1...1_000) ?? 100)
        query.cursor = try reader.int("cursor", in: EventRoutes.numbers)
        let page = try await store.rejects(query)
        var output: [UInt8] = []
        var object = JSONObjectWriter(&output)
        object.name("rejects", &output)
        output.append(UInt8(ascii: "["))
        for (index, reject) in page.rejects.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            Self.append(reject, to: &output)
        }
        output.append(UInt8(ascii: "]"))
        object.literal("cursor", page.cursor.map { "\"\($0)\"" } ?? "null", &output)
        object.end(&output)
        return .json(output)
    }

    private func find(_ context: APIContext) async throws -> StoredReject {
        let reject = try await store.reject(context.parameters.get("id", as: Int64.self) ?? 0)
        guard let reject else { throw APIError(.notFound, "there is no reject of this id; GET /rejects lists them") }
        return reject
    }

    /// Reads the line again, edited or not, and stores what it holds in the reject's place.
    private func retry(_ request: Request, _ context: APIContext) async throws -> Response {
        let bytes = try await RequestBodies.bytes(of: request, maximum: RequestBodies.maximumJSONBytes)
        let retry =
            bytes.isEmpty ? Retry() : try RequestBodies.decode(Retry.self, from: bytes)
        let reject = try await find(context)
        let line = retry.line.map { Array($0.utf8) } ?? reject.line
        let result = try await editor.store(line, for: reject, who: context.who)
        var output: [UInt8] = []
        var object = JSONObjectWriter(&output)
        object.member("records", result.stored + result.duplicates, &output)
        object.end(&output)
        return .json(output)
    }

    /// Settles a reject that needs no fixing.
    private func dismiss(_ request: Request, _ context: APIContext) async throws -> Response {
        let input = try await RequestBodies.decode(Dismissal.self, from: request)
        let id = try await find(context).id
        let reject = try await editor.dismiss(id, reason: input.reason, who: context.who)
        var output: [UInt8] = []
        Self.append(reject, to: &output)
        return .json(output)
    }

    private static func state(_ reject: StoredReject) -> State {
        reject.resolved != nil ? .resolved : reject.dismissed != nil ? .dismissed : .waiting
    }

    private static func append(_ reject: StoredReject, to output: inout [UInt8]) {
        var object = JSONObjectWriter(&output)
        object.member("id", reject.id, &output)
        object.member("receivedTimeInMillis", reject.received, &output)
        object.member("reason", reject.reason, &output)
        object.member("detail", reject.detail, &output)
        object.member("state", state(reject).rawValue, &output)
        if let reason = reject.dismissReason { object.member("dismissReason", reason, &output) }
        object.member("line", String(decoding: reject.line, as: UTF8.self), &output)
        object.member("format", reject.format == .csv ? "csv" : "json", &output)
        object.name("intake", &output)
        EventRoutes.append(reject.intake, object: reject.object, to: &output)
        if let source = reject.source {
            object.name("source", &output)
            EventRoutes.append(source, to: &output)
        }
        object.end(&output)
    }
}
