import Crypto
public import HTTP
import HTTPTypes

/// Signs requests with AWS Signature Version 4.
///
/// https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html
///
/// S3 differs from the other services: its path is signed as it goes out and is never normalised, and the hash of the
/// body is also sent as `x-amz-content-sha256`. The service `s3` is signed that way.
public struct SigV4Signer: Sendable {
    /// How a service wants its path and body treated.
    package struct Rules: Sendable {
        /// Whether dot segments and repeated slashes are taken out before signing.
        package var normalizesPath: Bool
        /// Whether what is percent-encoded already is encoded once more.
        package var encodesTwice: Bool
        /// Whether the hash of the body is sent as a header field.
        package var sendsContentHash: Bool

        package init(normalizesPath: Bool, encodesTwice: Bool, sendsContentHash: Bool) {
            self.normalizesPath = normalizesPath
            self.encodesTwice = encodesTwice
            self.sendsContentHash = sendsContentHash
        }

        package static let s3 = Rules(normalizesPath: false, encodesTwice: false, sendsContentHash: true)
        package static let others = Rules(normalizesPath: true, encodesTwice: true, sendsContentHash: false)
    }

    /// The steps of a signature, for tests and for the messages of people who look for a mistake.
    package struct Steps: Sendable {
        package var canonicalRequest: String
        package var stringToSign: String
        package var signature: String
    }

    private let service: String
    private let region: String
    private let rules: Rules

    /// Makes a signer.
    ///
    /// - Parameters:
    ///   - service: the service's name in signatures, for example `s3`.
    ///   - region: for example `eu-west-1`.
    public init(service: String, region: String) {
        self.init(service: service, region: region, rules: service == "s3" ? .s3 : .others)
    }

    package init(service: String, region: String, rules: Rules) {
        self.service = service
        self.region = region
        self.rules = rules
    }

    /// Signs a request with header fields: `Authorization`, `X-Amz-Date` and, where they belong,
    /// `X-Amz-Security-Token` and `X-Amz-Content-Sha256`.
    public func sign(_ request: Request, credentials: Credentials, at time: UnixTime) -> Request {
        signWithSteps(request, credentials: credentials, at: time).request
    }

    /// Signs a request's URL, which can then be used without credentials until it expires.
    ///
    /// - Parameter lifetime: whole seconds from `time`; AWS allows up to seven days.
    public func presign(
        _ request: Request, credentials: Credentials, at time: UnixTime, lifetime: Duration
    ) -> Request {
        presignWithSteps(request, credentials: credentials, at: time, lifetime: lifetime).request
    }

    package func signWithSteps(
        _ request: Request, credentials: Credentials, at time: UnixTime
    ) -> (request: Request, steps: Steps) {
        var request = request
        let hash = Self.hash(request.body)
        var fields = request.head.headerFields
        fields[.authorization] = nil
        fields[.amzDate] = time.basicISO8601
        fields[.amzSecurityToken] = credentials.sessionToken
        if rules.sendsContentHash { fields[.amzContentHash] = hash }
        request.head.headerFields = fields

        let headers = canonicalHeaders(request)
        let signed = headers.map(\.name).joined(separator: ";")
        let steps = steps(request, query: queryItems(request), headers: headers, hash: hash, credentials, time)
        request.head.headerFields[.authorization] =
            "AWS4-HMAC-SHA256 Credential=\(credentials.accessKeyID)/\(scope(time)), "
            + "SignedHeaders=\(signed), Signature=\(steps.signature)"
        return (request, steps)
    }

    package func presignWithSteps(
        _ request: Request, credentials: Credentials, at time: UnixTime, lifetime: Duration
    ) -> (request: Request, steps: Steps) {
        var request = request
        let headers = canonicalHeaders(request)
        var items = [
            ("X-Amz-Algorithm", "AWS4-HMAC-SHA256"),
            ("X-Amz-Credential", "\(credentials.accessKeyID)/\(scope(time))"),
            ("X-Amz-Date", time.basicISO8601),
            ("X-Amz-SignedHeaders", headers.map(\.name).joined(separator: ";")),
            ("X-Amz-Expires", String(lifetime.components.seconds)),
        ]
        if let token = credentials.sessionToken { items.append(("X-Amz-Security-Token", token)) }
        let added = PercentEncoding.query(items)
        let path = request.head.path ?? "/"
        let unsigned = path + (path.contains("?") ? (path.hasSuffix("?") ? "" : "&") : "?") + added
        request.head.path = unsigned

        let hash = rules.sendsContentHash ? "UNSIGNED-PAYLOAD" : Self.hash(request.body)
        let steps = steps(request, query: queryItems(request), headers: headers, hash: hash, credentials, time)
        request.head.path = "\(unsigned)&X-Amz-Signature=\(steps.signature)"
        return (request, steps)
    }

    private func steps(
        _ request: Request, query: String, headers: [(name: String, value: String)], hash: String,
        _ credentials: Credentials, _ time: UnixTime
    ) -> Steps {
        let canonical = [
            request.head.method.rawValue, canonicalPath(request), query,
            headers.map { "\($0.name):\($0.value)\n" }.joined(),
            headers.map(\.name).joined(separator: ";"), hash,
        ].joined(separator: "\n")
        let toSign = [
            "AWS4-HMAC-SHA256", time.basicISO8601, scope(time), Self.hash(Array(canonical.utf8)),
        ].joined(separator: "\n")

        var key = SymmetricKey(data: Array("AWS4\(credentials.secretAccessKey)".utf8))
        for part in [String(time.basicISO8601.prefix(8)), region, service, "aws4_request"] {
            key = SymmetricKey(data: HMAC<SHA256>.authenticationCode(for: Array(part.utf8), using: key))
        }
        let signature = Hex.lower(HMAC<SHA256>.authenticationCode(for: Array(toSign.utf8), using: key))
        return Steps(canonicalRequest: canonical, stringToSign: toSign, signature: signature)
    }

    private func scope(_ time: UnixTime) -> String {
        "\(time.basicISO8601.prefix(8))/\(region)/\(service)/aws4_request"
    }

    private func canonicalPath(_ request: Request) -> String {
        var path = String((request.head.path ?? "/").prefix { $0 != "?" })
        if path.isEmpty { path = "/" }
        if rules.normalizesPath { path = Self.normalized(path) }
        return rules.encodesTwice
            ? PercentEncoding.encode(path, keeping: "/") : PercentEncoding.encode(path, keeping: "/%")
    }

    /// Takes out dot segments (RFC 3986 section 5.2.4) and empty segments.
    private static func normalized(_ path: String) -> String {
        var segments: [Substring] = []
        for segment in path.split(separator: "/") where segment != "." {
            if segment == ".." { _ = segments.popLast() } else { segments.append(segment) }
        }
        return "/" + segments.joined(separator: "/") + (path.hasSuffix("/") && !segments.isEmpty ? "/" : "")
    }

    /// The query's items, encoded in the one way that counts, sorted by name and then by value.
    private func queryItems(_ request: Request) -> String {
        let path = request.head.path ?? "/"
        guard let mark = path.firstIndex(of: "?") else { return "" }
        return path[path.index(after: mark)...].split(separator: "&")
            .map { item in
                let parts = item.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
                return (
                    name: PercentEncoding.encode(PercentEncoding.decode(parts[0])),
                    value: PercentEncoding.encode(PercentEncoding.decode(parts.count > 1 ? parts[1] : ""))
                )
            }
            .sorted { ($0.name, $0.value) < ($1.name, $1.value) }
            .map { "\($0.name)=\($0.value)" }.joined(separator: "&")
    }

    /// The fields to sign, by lower-case name: all but those that proxies and transports change.
    private func canonicalHeaders(_ request: Request) -> [(name: String, value: String)] {
        var values: [String: [String]] = ["host": [request.head.authority ?? ""]]
        for field in request.head.headerFields where !Self.unsigned.contains(field.name.canonicalName) {
            let value = field.value.split(whereSeparator: \.isWhitespace).joined(separator: " ")
            values[field.name.canonicalName, default: []].append(value)
        }
        return values.sorted { $0.key < $1.key }.map { ($0.key, $0.value.joined(separator: ",")) }
    }

    private static let unsigned: Set<String> = [
        "authorization", "connection", "expect", "host", "transfer-encoding", "user-agent", "x-amzn-trace-id",
    ]

    private static func hash(_ bytes: [UInt8]) -> String {
        Hex.lower(SHA256.hash(data: bytes))
    }
}
