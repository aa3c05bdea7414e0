import AWS
import ArgumentParser
import Delivery
import FoundationEssentials
import HTTP
import HTTPTypes
import MeterLine

/// Speaks with a platform's API, and turns its errors into messages for people.
struct PlatformClient {
    private static let timeout = Duration.seconds(60)
    /// As long as a platform needs to start again: with waits of 10 seconds on average, some minutes.
    private static let attemptsOfLongWork = 30

    private let address: IngestAddress
    private let key: String
    private var client: HTTPClient
    private let transport: AsyncHTTPTransport

    /// Takes address and key from the settings `url` and `api-key`.
    init(_ settings: Settings) throws {
        guard let address = IngestAddress(settings.text(.url)) else {
            throw Failure(
                message:
                    "\(settings.name(of: .url)) is no address of a platform; write https://host, or http:// for this machine",
                code: .configuration)
        }
        guard let key = settings[.apiKey] else {
            throw Failure(
                message:
                    "METERTAP_API_KEY is not set; for a platform on this machine: export METERTAP_API_KEY=$(cat metertap-data/admin-key)",
                code: .configuration)
        }
        try self.init(
            address: address, key: key, caBundle: ProcessInfo.processInfo.environment["AWS_CA_BUNDLE"])
    }

    /// The platform whose `/ingest` is the sink of a backfill.
    init(sink target: BackfillTarget) throws {
        guard case .ingest(let sink) = target.sink, sink.path.hasSuffix("/ingest"),
            let address = IngestAddress(
                "\(sink.scheme)://\(sink.authority)\(sink.path.dropLast("/ingest".count))"),
            let key = target.environment["METERTAP_API_KEY"]
        else {
            throw Failure(
                message: "what was received before can be asked of a platform of Metertap, https://host/ingest with "
                    + "METERTAP_API_KEY, or of a bucket; an export has no event ids, so that it must be",
                code: .configuration)
        }
        try self.init(
            address: address, key: key, caBundle: ProcessInfo.processInfo.environment["AWS_CA_BUNDLE"])
    }

    init(address: IngestAddress, key: String, caBundle: String?) throws {
        self.address = address
        self.key = key
        do throws(TransportError) {
            transport = try AsyncHTTPTransport(caBundle: caBundle)
        } catch { throw Failure(message: error.description, code: .configuration) }
        client = HTTPClient(transport: transport, policy: RetryPolicy(maximumAttempts: 3))
    }

    /// A client for long work, which outlasts a restart of the platform; one that cannot be reached now ends it at once.
    func forLongWork() async throws -> PlatformClient {
        _ = try await get("/events", [("limit", "1")])
        var patient = self
        patient.client = HTTPClient(
            transport: transport, policy: RetryPolicy(maximumAttempts: Self.attemptsOfLongWork))
        return patient
    }

    func get(_ path: String, _ parameters: [(String, String?)] = []) async throws -> JSONTree {
        try await json(.get, Self.path(path, parameters), nil)
    }

    /// The bytes of an answer, for those who read many.
    func bytes(_ path: String, _ parameters: [(String, String?)]) async throws -> [UInt8] {
        try await send(.get, Self.path(path, parameters), [], type: "application/json").body
    }

    private static func path(_ path: String, _ parameters: [(String, String?)]) -> String {
        let query = PercentEncoding.query(parameters.compactMap { name, value in value.map { (name, $0) } })
        return query.isEmpty ? path : "\(path)?\(query)"
    }

    func post(_ path: String, _ body: JSONTree) async throws -> JSONTree {
        try await json(.post, path, body)
    }

    func put(_ path: String, _ body: JSONTree) async throws -> JSONTree {
        try await json(.put, path, body)
    }

    func delete(_ path: String) async throws -> JSONTree {
        try await json(.delete, path, nil)
    }

    /// Sends records, and gives the answer's text and how many were rejected.
    func ingest(_ body: [UInt8], type: String) async throws -> (text: String, rejected: Int) {
        let response = try await send(.post, "/ingest", body, type: type)
        let rejected = HTTPField.Name("X-Rejected-Records").flatMap { response.head.headerFields[$0] }
        return (String(decoding: response.body, as: UTF8.self), rejected.flatMap { Int($0) } ?? 0)
    }

    private func json(_ method: HTTPRequest.Method, _ path: String, _ body: JSONTree?) async throws -> JSONTree {
        let response = try await send(method, path, Array((body?.json ?? "").utf8), type: "application/json")
        guard let tree = JSONTree(response.body) else { throw strange }
        return tree
    }

    /// For an answer that makes no sense.
    var strange: Failure {
        Failure(message: "\(address) does not answer as a platform of Metertap does", code: .unavailable)
    }

    private func send(
        _ method: HTTPRequest.Method, _ path: String, _ body: [UInt8], type: String
    ) async throws -> Response {
        let base = address.path.hasSuffix("/") ? String(address.path.dropLast()) : address.path
        var head = HTTPRequest(
            method: method, scheme: address.scheme, authority: address.authority, path: base + path)
        head.headerFields[.contentType] = type
        if let name = HTTPField.Name("X-API-KEY") { head.headerFields[name] = key }
        let request = Request(head: head, body: body)
        let response: Response
        do throws(HTTPClient.Failure) {
            response = try await client.send(attemptTimeout: Self.timeout) { request }
        } catch {
            throw Failure(
                message: "\(address) cannot be reached: \(error); does metertap up run there?", code: .unavailable)
        }
        guard response.status == 200 else { throw Self.failure(response) }
        return response
    }

    private static func failure(_ response: Response) -> Failure {
        let told = JSONTree(response.body)?["errorMessage"]?.text
        let message = told ?? "the platform answered \(response.status)"
        switch response.status {
        case 401, 403: return Failure(message: message, code: .noPermission)
        case 500...: return Failure(message: message, code: .unavailable)
        default: return Failure(message: message, code: .badData)
        }
    }
}
