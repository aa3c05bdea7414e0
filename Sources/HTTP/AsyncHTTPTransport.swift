import AsyncHTTPClient
import HTTPTypes
import NIOCore
import NIOHTTP1
import NIOSSL

/// The transport of production: HTTP/1.1 over AsyncHTTPClient.
///
/// It follows no redirect, unpacks nothing and speaks to no proxy. Call `shutdown()` when it is no longer needed.
public final class AsyncHTTPTransport: HTTPTransport {
    private let client: AsyncHTTPClient.HTTPClient
    private let maximumResponseBytes: Int

    /// Makes a transport with its own pool of connections.
    ///
    /// - Parameters:
    ///   - caBundle: path of a PEM file with the authorities to trust, instead of those of the system.
    ///   - connectTimeout: the longest time for name resolution, TCP and TLS together.
    ///   - maximumResponseBytes: the largest body that is read.
    /// - Throws: `TransportError` with code `tls` when the bundle cannot be read.
    public init(
        caBundle: String? = nil,
        connectTimeout: Duration = .seconds(5),
        maximumResponseBytes: Int = 256 * 1024 * 1024
    ) throws(TransportError) {
        var tls = TLSConfiguration.makeClientConfiguration()
        if let caBundle {
            do {
                tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMFile(caBundle))
            } catch {
                throw TransportError(
                    .tls, "The certificate bundle \(caBundle) cannot be read. Give the path of a PEM file.")
            }
        }
        var configuration = AsyncHTTPClient.HTTPClient.Configuration(
            tlsConfiguration: tls, redirectConfiguration: .disallow,
            timeout: .init(connect: .milliseconds(connectTimeout.wholeMilliseconds)), decompression: .disabled)
        configuration.httpVersion = .http1Only
        // A connection that is refused is an answer at once; retries are `HTTPClient`'s business.
        configuration.connectionPool.retryConnectionEstablishment = false
        self.client = AsyncHTTPClient.HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        self.maximumResponseBytes = maximumResponseBytes
    }

    /// Sends a request and reads the whole response; see `HTTPTransport`.
    ///
    /// - Throws: `invalidRequest` unless the scheme is http or https, there is an authority, and the path starts with a
    ///   slash and holds only what RFC 3986 allows: anything else would be altered on its way.
    public func send(_ request: Request, timeout: Duration) async throws(TransportError) -> Response {
        let outgoing = try Self.outgoing(request)
        let host = request.head.authority ?? ""
        do {
            return try await withThrowingTaskGroup(of: Response?.self) { group in
                group.addTask { try await self.exchange(outgoing, method: request.head.method) }
                group.addTask {
                    try await Task.sleep(for: timeout)
                    return nil
                }
                defer { group.cancelAll() }
                guard let response = try await group.next() ?? nil else {
                    throw TransportError(.timeout, "\(host) gave no whole response within \(timeout).")
                }
                return response
            }
        } catch {
            throw Task.isCancelled
                ? TransportError(.cancelled, "The request to \(host) was cancelled.") : Self.transportError(error, host)
        }
    }

    deinit {
        // The client must not go with its connections open; it lives on until they are closed.
        client.shutdown { _ in }
    }

    /// Closes the connections.
    ///
    /// Requests that are under way fail; sending another is a mistake.
    public func shutdown() async {
        try? await client.shutdown()
    }

    private func exchange(_ request: HTTPClientRequest, method: HTTPRequest.Method) async throws -> Response {
        let response = try await client.execute(request, deadline: .distantFuture)
        var head = HTTPResponse(status: .init(code: Int(response.status.code)))
        for (name, value) in response.headers {
            guard let name = HTTPField.Name(name) else { continue }
            head.headerFields.append(HTTPField(name: name, value: value))
        }
        let length = method == .head ? nil : head.headerFields[.contentLength].flatMap(Int.init)
        let body = try await body(of: response, length: length)
        // A body that ends early because its reader was cancelled is no body.
        try Task.checkCancellation()
        if let length, length != body.count, response.status != .notModified {
            throw HTTPClientError.remoteConnectionClosed
        }
        return Response(head: head, body: body)
    }

    /// The body, in memory that is reserved as soon as its length is known.
    private func body(of response: HTTPClientResponse, length: Int?) async throws -> [UInt8] {
        guard length ?? 0 <= maximumResponseBytes else { throw NIOTooManyBytesError(maxBytes: maximumResponseBytes) }
        var body: [UInt8] = []
        body.reserveCapacity(max(0, length ?? 0))
        for try await piece in response.body {
            guard piece.readableBytes <= maximumResponseBytes - body.count else {
                throw NIOTooManyBytesError(maxBytes: maximumResponseBytes)
            }
            body.append(contentsOf: piece.readableBytesView)
        }
        return body
    }

    private static func outgoing(_ request: Request) throws(TransportError) -> HTTPClientRequest {
        guard let scheme = request.head.scheme, scheme == "http" || scheme == "https",
            let authority = request.head.authority, !authority.isEmpty, authority.utf8.allSatisfy(isAuthority)
        else {
            throw TransportError(.invalidRequest, "The address is no http or https URL with a host.")
        }
        guard let path = request.head.path, isVerbatim(path) else {
            throw TransportError(
                .invalidRequest, "The path of the request to \(authority) is not percent-encoded as RFC 3986 asks for.")
        }
        var outgoing = HTTPClientRequest(url: "\(scheme)://\(authority)\(path)")
        outgoing.method = HTTPMethod(rawValue: request.head.method.rawValue)
        outgoing.headers.add(name: "Host", value: authority)
        for field in request.head.headerFields where field.name != HTTPField.Name("host") {
            outgoing.headers.add(name: field.name.rawName, value: field.value)
        }
        if !request.body.isEmpty { outgoing.body = .bytes(ByteBuffer(bytes: request.body)) }
        return outgoing
    }

    /// Whether a path with query is already in the form that goes out, so that nothing on the way re-encodes it.
    private static func isVerbatim(_ path: String) -> Bool {
        var bytes = path.utf8.makeIterator()
        guard bytes.next() == UInt8(ascii: "/") else { return false }
        var hexDigitsDue = 0
        while let byte = bytes.next() {
            if hexDigitsDue > 0 {
                guard Character(Unicode.Scalar(byte)).isHexDigit else { return false }
                hexDigitsDue -= 1
            } else if byte == UInt8(ascii: "%") {
                hexDigitsDue = 2
            } else {
                guard isAlphanumeric(byte) || "-._~!$&'()*+,;=:@/?".utf8.contains(byte) else { return false }
            }
        }
        return hexDigitsDue == 0
    }

    private static func isAuthority(_ byte: UInt8) -> Bool {
        isAlphanumeric(byte) || "-._:[]".utf8.contains(byte)
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: false
        }
    }

    /// Puts what went wrong below into our few codes.
    ///
    /// Only names and codes from below are repeated, never contents.
    private static func transportError(_ error: any Error, _ host: String) -> TransportError {
        switch error {
        case let error as TransportError:
            return error
        case is NIOTooManyBytesError:
            return TransportError(.responseTooLarge, "The response of \(host) is larger than the limit.")
        case is NIOSSLExtraError:
            return TransportError(
                .tls, "The certificate of \(host) is for another host name. Check the address, or who answers there.")
        case NIOSSLError.handshakeFailed(.sslError(let stack)) where "\(stack)".contains("CERTIFICATE_VERIFY_FAILED"):
            return TransportError(
                .tls,
                "The certificate of \(host) is not trusted: it has expired, or an authority signed it that this machine "
                    + "does not know. Renew it, or add the authority to the certificate bundle.")
        case NIOSSLError.handshakeFailed(.sslError(let stack)) where stack.contains(.eofDuringHandshake):
            return TransportError(.connection, "\(host) closed the connection during the TLS handshake.")
        case NIOSSLError.handshakeFailed, NIOSSLError.unableToValidateCertificate,
            NIOSSLError.noCertificateToValidate:
            return TransportError(.tls, "\(host) did not complete a TLS handshake. Check that it speaks https there.")
        case let error as HTTPClientError where error == .connectTimeout || error == .tlsHandshakeTimeout:
            return TransportError(.timeout, "\(host) did not answer the connection in time.")
        case let error as HTTPClientError where invalid.contains(error.shortDescription):
            return TransportError(.invalidRequest, "The request to \(host) cannot be sent: \(error.shortDescription).")
        case let error as HTTPClientError:
            return TransportError(.connection, "The connection to \(host) broke: \(error.shortDescription).")
        case let error as IOError:
            return TransportError(.connection, "The connection to \(host) failed: error \(error.errnoCode).")
        default:
            return TransportError(
                .connection,
                "No connection to \(host): the name is unknown, nobody listens there or the network is down "
                    + "(\(type(of: error))).")
        }
    }

    private static let invalid: Set<String> = [
        HTTPClientError.invalidURL, .emptyHost, .emptyScheme, .invalidHeaderFieldNames([]),
        .invalidHeaderFieldValues([]), .traceRequestWithBody, .alreadyShutdown,
    ].reduce(into: []) { $0.insert($1.shortDescription) }
}
