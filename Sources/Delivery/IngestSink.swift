import AWS
import Gzip
public import HTTP
import HTTPTypes

/// Records as requests to an ingest API: Amberflo's or our own platform's.
public struct IngestSink: RecordSink {
    /// The most records of one request.
    static let maximumRecordsPerRequest = 1_000
    /// The longest time for one attempt.
    private static let attemptTimeout = Duration.seconds(30)
    /// How much of an answer's text a refused record keeps.
    private static let answerBytes = 1_000

    private let address: IngestAddress
    private let key: @Sendable () async throws -> String
    private let client: HTTPClient

    /// Delivers to an API.
    ///
    /// - Parameter key: gives the API key, anew for each request.
    public init(
        address: IngestAddress, client: HTTPClient, key: @escaping @Sendable () async throws -> String
    ) {
        self.address = address
        self.key = key
        self.client = client
    }

    /// 1,000.
    public var maximumRecords: Int? { Self.maximumRecordsPerRequest }

    /// The API's URL.
    public var name: String { address.description }

    /// Sends the records of a part in one request; where the API refuses them together, in halves, down to those
    /// that it refuses alone.
    public func deliver(_ part: Part, deadline: ContinuousClock.Instant?) async -> PartDelivery {
        var delivery = PartDelivery()
        do throws(DeliveryError) {
            guard let answer = try await send(part.body, deadline) else {
                delivery.settled = part.lines
                return delivery
            }
            let lines = try part.text().split(separator: UInt8(ascii: "\n")).map { Array($0) + [UInt8(ascii: "\n")] }
            try await settle(lines[...], refusedWith: answer, deadline, &delivery)
        } catch {
            delivery.error = error
        }
        return delivery
    }

    /// Sends no record at all: an API that refuses that as it refuses a bad record has taken the key.
    public func check(deadline: ContinuousClock.Instant?) async throws(DeliveryError) {
        _ = try await send(gzip([]), deadline)
    }

    /// Settles lines that the API refused together: one alone is refused for good, more are sent in halves.
    private func settle(
        _ lines: ArraySlice<[UInt8]>, refusedWith answer: String, _ deadline: ContinuousClock.Instant?,
        _ delivery: inout PartDelivery
    ) async throws(DeliveryError) {
        guard lines.count > 1 else {
            for line in lines {
                delivery.refused.append(
                    RefusedLine(index: delivery.settled, line: line.dropLast(), answer: answer))
            }
            delivery.settled += lines.count
            return
        }
        let middle = lines.startIndex + lines.count / 2
        for half in [lines[..<middle], lines[middle...]] {
            if let answer = try await send(gzip(Array(half.joined())), deadline) {
                try await settle(half, refusedWith: answer, deadline, &delivery)
            } else {
                delivery.settled += half.count
            }
        }
    }

    /// Sends one request; nil when the records are durable, or what the API said when it refuses them.
    private func send(_ body: [UInt8], _ deadline: ContinuousClock.Instant?) async throws(DeliveryError) -> String? {
        let response: Response
        do throws(HTTPClient.Failure) {
            response = try await client.send(deadline: deadline, attemptTimeout: Self.attemptTimeout) {
                request(body, key: try await key())
            }
        } catch {
            throw failure(error)
        }
        switch response.status {
        case 200..<300: return nil
        case 400, 413, 422:
            let text = String(decoding: response.body.prefix(Self.answerBytes), as: UTF8.self)
            return "status \(response.status): \(text)"
        case 408, 429, 500...:
            throw DeliveryError(
                .transient,
                "\(name) answered with status \(response.status) as long as there was time to try again. "
                    + "The records are not delivered yet.")
        default:
            throw DeliveryError(
                .configuration,
                "\(name) answered with status \(response.status). No record is delivered until this is mended: "
                    + "check the address and that the API key is valid and may ingest.")
        }
    }

    private func failure(_ failure: HTTPClient.Failure) -> DeliveryError {
        switch failure {
        case .transport(let error) where error.isTransient || error.code == .cancelled:
            DeliveryError(.transient, "\(name): \(error.description) The records are not delivered yet.")
        case .transport(let error):
            DeliveryError(.configuration, "\(name): \(error.description)")
        case .notPrepared(let error as AWSError): DeliveryError(error)
        case .notPrepared:
            DeliveryError(.configuration, "\(name): the request cannot be made: the API key cannot be read.")
        }
    }

    private func request(_ body: [UInt8], key: String) -> Request {
        var head = HTTPRequest(
            method: .post, scheme: address.scheme, authority: address.authority, path: address.path)
        head.headerFields[.contentType] = "application/x-ndjson"
        head.headerFields[.contentEncoding] = "gzip"
        if let name = HTTPField.Name("X-API-KEY") { head.headerFields[name] = key }
        return Request(head: head, body: body)
    }
}

/// The address of an ingest API.
public struct IngestAddress: Sendable, Hashable, CustomStringConvertible {
    /// `https`, or `http` on this machine.
    public let scheme: String
    /// Host and port.
    public let authority: String
    /// Path and query.
    public let path: String

    /// Reads an address.
    ///
    /// Returns nil when it is no `https` URL. Plain `http` is taken for this machine alone: elsewhere the API key and
    /// the records could be read on the way.
    public init?(_ url: String) {
        let parts = url.split(separator: "://", maxSplits: 1).map(String.init)
        guard parts.count == 2, parts[0] == "https" || parts[0] == "http" else { return nil }
        let authority = String(parts[1].prefix { $0 != "/" && $0 != "?" })
        guard Self.isHost(authority), !url.contains(where: { $0.isWhitespace || $0 == "#" }) else { return nil }
        let rest = String(parts[1].dropFirst(authority.count))
        if parts[0] == "http" {
            let host =
                authority.hasPrefix("[") ? "\(authority.prefix { $0 != "]" })]" : "\(authority.prefix { $0 != ":" })"
            guard ["127.0.0.1", "localhost", "[::1]"].contains(host) else { return nil }
        }
        scheme = parts[0]
        self.authority = authority
        path = rest.isEmpty ? "/" : rest.hasPrefix("/") ? rest : "/\(rest)"
    }

    /// Whether a text is a host, with or without a port from 1 to 65535.
    private static func isHost(_ authority: String) -> Bool {
        let isBracketed = authority.hasPrefix("[")
        let host = authority.prefix { isBracketed ? $0 != "]" : $0 != ":" }
        let rest = authority.dropFirst(host.count + (isBracketed ? 1 : 0))
        let isAllowed = host.utf8.allSatisfy {
            $0 > 0x7F || (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                || "-._[:".utf8.contains($0)
        }
        guard isAllowed, host.count > (isBracketed ? 1 : 0), !isBracketed || authority.contains("]") else {
            return false
        }
        guard !rest.isEmpty else { return true }
        return rest.first == ":" && (UInt16(rest.dropFirst()) ?? 0) > 0
    }

    /// The URL without its query.
    public var description: String { "\(scheme)://\(authority)\(path.prefix { $0 != "?" })" }
}
