import ArgumentParser
import Delivery
import FoundationEssentials
import HTTP
import HTTPTypes
import MeterLine

/// Speaks with a platform's API, and turns its errors into messages for people.
struct PlatformClient {
    private static let timeout = Duration.seconds(60)

    private let address: IngestAddress
    private let key: String
    private let client: HTTPClient

    /// Takes the address from METERTAP_URL and the key from METERTAP_API_KEY.
    init() throws {
        let environment = ProcessInfo.processInfo.environment
        let url = environment["METERTAP_URL"] ?? "http://127.0.0.1:8080"
        guard let address = IngestAddress(url) else {
            throw Failure(
                message: "METERTAP_URL is no address of a platform; write https://host, or http:// for this machine",
                code: .configuration)
        }
        guard let key = environment["METERTAP_API_KEY"], !key.isEmpty else {
            throw Failure(
                message:
                    "METERTAP_API_KEY is not set; for a platform on this machine: export METERTAP_API_KEY=$(cat metertap-data/admin-key)",
                code: .configuration)
        }
        try self.init(address: address, key: key, caBundle: environment["AWS_CA_BUNDLE"])
    }

    init(address: IngestAddress, key: String, caBundle: String?) throws {
        self.address = address
        self.key = key
        do throws(TransportError) {
            client = HTTPClient(
                transport: try AsyncHTTPTransport(caBundle: caBundle),
                policy: RetryPolicy(maximumAttempts: 3))
        } catch { throw Failure(message: error.description, code: .configuration) }
    }

    func get(_ path: String, _ parameters: [(String, String?)] = []) async throws -> JSONTree {
        let query = parameters.compactMap { name, value in value.map { "\(name)=\(Self.encoded($0))" } }
        return try await json(.get, query.isEmpty ? path : "\(path)?\(query.joined(separator: "&"))", nil)
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
        guard let tree = JSONTree(response.body) else {
            throw Failure(message: "\(address) does not answer as a platform of Metertap does", code: .unavailable)
        }
        return tree
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

    /// A value as it stands in a path or a query (RFC 3986, section 2.3).
    static func encoded(_ text: String) -> String {
        var output = ""
        for byte in text.utf8 {
            let scalar = Unicode.Scalar(byte)
            let isPlain =
                ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || ("0"..."9").contains(scalar)
                || "-._~".unicodeScalars.contains(scalar)
            output += isPlain ? String(Character(scalar)) : "%" + hexadecimal([byte]).uppercased()
        }
        return output
    }
}

/// A command that speaks with a platform.
protocol PlatformCommand: AsyncParsableCommand {
    func work(_ client: PlatformClient) async throws
}

extension PlatformCommand {
    func run() async throws {
        do {
            try await work(try PlatformClient())
        } catch let failure as Failure {
            throw failure.exitCode()
        }
    }
}

/// `--json`, for programs.
struct OutputOptions: ParsableArguments {
    @Flag(help: "Print the API's JSON instead of a table.")
    var json = false
}

/// A point in time as the command line takes it.
enum CommandTime {
    /// Reads RFC 3339, a date, or how long ago: `0m`, `15m`, `2h`, `7d`.
    ///
    /// - Returns: milliseconds since 1970.
    static func parse(_ text: String, _ option: String) throws -> Int64 {
        if let last = text.last, let count = Int64(text.dropLast()), (0...1_000_000).contains(count),
            let unit = ["s": Int64(1_000), "m": 60_000, "h": 3_600_000, "d": 86_400_000][String(last)]
        {
            return UnixTime.now().milliseconds - count * unit
        }
        let full = text.utf8.count == 10 ? text + "T00:00:00Z" : text
        guard let time = Timestamp.rfc3339(Array(full.utf8).span) else {
            throw Failure(
                message: "\(option) is no time; write 2026-10-31, 2026-10-31T12:00:00Z, or 2h for two hours ago",
                code: ExitCode(64))
        }
        return time
    }

    /// The times of a month such as `2026-10`.
    static func month(_ text: String) throws -> Range<Int64> {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard text.utf8.count == 7, parts.count == 2, let year = parts[0], let month = parts[1],
            (1...12).contains(month),
            let start = Timestamp.rfc3339(Array("\(text)-01T00:00:00Z".utf8).span)
        else { throw Failure(message: "--period is no month such as 2026-10", code: ExitCode(64)) }
        let next = month == 12 ? "\(year + 1)-01" : "\(year)-\(month < 9 ? "0" : "")\(month + 1)"
        let end = Timestamp.rfc3339(Array("\(next)-01T00:00:00Z".utf8).span) ?? start
        return start..<end
    }

    /// A time as people read it, to the minute, in UTC.
    static func text(_ milliseconds: Int64) -> String {
        let day = Timestamp.date(milliseconds)
        let minutes = (milliseconds / 60_000) % 1_440
        let (hour, minute) = (minutes / 60, minutes % 60)
        return minutes == 0 ? day : "\(day) \(hour < 10 ? "0" : "")\(hour):\(minute < 10 ? "0" : "")\(minute)"
    }
}
