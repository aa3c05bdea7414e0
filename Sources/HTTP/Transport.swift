public import HTTPTypes

/// An HTTP request whose body is in memory.
///
/// `head.scheme`, `head.authority` and `head.path` say where it goes. The path is sent byte for byte as it stands, since
/// an AWS signature covers it.
public struct Request: Sendable {
    /// Method, scheme, authority, path with query, and header fields.
    public var head: HTTPRequest
    /// The body; empty for none.
    public var body: [UInt8]

    /// Makes a request.
    public init(head: HTTPRequest, body: [UInt8] = []) {
        self.head = head
        self.body = body
    }
}

/// An HTTP response whose body is in memory.
public struct Response: Sendable {
    /// Status and header fields.
    public var head: HTTPResponse
    /// The body, whole.
    public var body: [UInt8]

    /// Makes a response.
    public init(head: HTTPResponse, body: [UInt8] = []) {
        self.head = head
        self.body = body
    }

    /// The status code, for example 200.
    public var status: Int { head.status.code }
}

/// Why an exchange gave no response.
public struct TransportError: Error, Sendable, CustomStringConvertible {
    /// The closed list of what can go wrong below HTTP.
    public enum Code: String, Sendable {
        /// No name, no route, refused, or the connection broke before a whole response was read.
        case connection
        /// No whole response within the time allowed.
        case timeout
        /// The certificate is not trusted, has expired, or names another host.
        case tls
        /// The response was larger than the limit.
        case responseTooLarge
        /// The request cannot be sent as it is, for example because its address is no URL.
        case invalidRequest
        /// The task was cancelled.
        case cancelled
    }

    /// What went wrong.
    public var code: Code
    /// A sentence for people: what happened to which host.
    ///
    /// Never holds a query, a header value or a body.
    public var description: String

    /// Makes an error.
    public init(_ code: Code, _ description: String) {
        self.code = code
        self.description = description
    }

    /// Whether the same request may succeed later.
    public var isTransient: Bool {
        switch code {
        case .connection, .timeout: true
        case .tls, .responseTooLarge, .invalidRequest, .cancelled: false
        }
    }
}

/// What carries one request to a server and brings its response back: once, without retries.
///
/// Production uses `AsyncHTTPTransport`; tests put a replacement here for the faults that no real server produces.
public protocol HTTPTransport: Sendable {
    /// Sends a request and reads the whole response.
    ///
    /// - Parameter timeout: the longest time from the call to the last byte of the response.
    func send(_ request: Request, timeout: Duration) async throws(TransportError) -> Response
}
