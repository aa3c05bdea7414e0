import HTTP
import HTTPTypes

/// Sends the calls of one service in one region: signs, retries, and turns answers into errors.
struct ServiceCaller: Sendable {
    /// One call.
    struct Call {
        /// What it is called, for example `PutObject`.
        var operation: String
        /// What it is about, for people.
        var resource: String?
        var method: HTTPRequest.Method
        /// The authority, where it is not the endpoint's.
        var authority: String?
        /// Path and query after the endpoint's own path, percent-encoded.
        var path: String
        var fields: HTTPFields = [:]
        var body: [UInt8] = []
        /// The longest time for one attempt.
        var timeout = Duration.seconds(30)
        /// Whether status 200 may come with an error in its body (CompleteMultipartUpload).
        var mayFailWithStatus200 = false
        /// Codes that are not worth another attempt here, though they are elsewhere.
        var finalCodes: Set<String> = []
    }

    let service: AWSService
    let region: String
    let endpoint: Endpoint
    /// Nil for calls that are not signed.
    let credentials: CachedCredentials?
    private let http: HTTPClient
    let clocks: Clocks
    private let clockOffset: ClockOffset

    init(_ service: AWSService, region: String?, session: AWSSession) throws(AWSError) {
        let region = try session.region(region, for: service)
        self.init(
            service, region: region, endpoint: try Endpoint(service, region: region, settings: session.settings),
            credentials: session.credentials, http: session.http, clocks: session.clocks,
            clockOffset: session.clockOffset)
    }

    init(
        _ service: AWSService, region: String, endpoint: Endpoint, credentials: CachedCredentials?, http: HTTPClient,
        clocks: Clocks, clockOffset: ClockOffset = ClockOffset()
    ) {
        self.service = service
        self.region = region
        self.endpoint = endpoint
        self.credentials = credentials
        self.http = http
        self.clocks = clocks
        self.clockOffset = clockOffset
    }

    /// Sends a call until it succeeds, or throws what became of it.
    func send(_ call: Call, deadline: ContinuousClock.Instant?) async throws(AWSError) -> Response {
        let operation = "\(service.title) \(call.operation)"
        let signer = SigV4Signer(service: service.name, region: region)
        var signedWith: Credentials?
        var signedOffset = Duration.zero
        var mayRefresh = true
        var mayCorrectClock = true
        let response: Response
        do throws(HTTPClient.Failure) {
            response = try await http.send(
                deadline: deadline, attemptTimeout: call.timeout,
                isRetryable: { response in
                    guard let code = Self.errorCode(response, call) else { return false }
                    if AWSError.transientCodes.contains(code) { return !call.finalCodes.contains(code) }
                    if mayCorrectClock, Self.clockCodes.contains(code), correctClock(response, signedOffset) {
                        mayCorrectClock = false
                        return true
                    }
                    if mayRefresh, Self.expiryCodes.contains(code), let refused = signedWith {
                        mayRefresh = false
                        await credentials?.forget(refused)
                        return true
                    }
                    return false
                },
                makeRequest: {
                    let request = request(call)
                    guard let credentials else { return request }
                    let current = try await credentials.credentials()
                    signedWith = current
                    signedOffset = clockOffset.value
                    return signer.sign(request, credentials: current, at: clocks.wall().advanced(by: signedOffset))
                })
        } catch {
            throw AWSError(error, operation: operation, resource: call.resource)
        }
        if let error = AWSError(response, operation: operation, resource: call.resource) { throw error }
        if Self.errorCode(response, call) != nil {
            throw AWSError(answer: ErrorAnswer(response), response, operation: operation, resource: call.resource)
        }
        return response
    }

    private func request(_ call: Call) -> Request {
        Request(
            head: HTTPRequest(
                method: call.method, scheme: endpoint.scheme, authority: call.authority ?? endpoint.authority,
                path: endpoint.path + call.path, headerFields: call.fields),
            body: call.body)
    }

    /// Sets our clock by the answer's `Date`, if that is far enough from the time signed to explain the refusal.
    private func correctClock(_ response: Response, _ signedOffset: Duration) -> Bool {
        guard let date = response.head.headerFields[.date].flatMap(UnixTime.init(httpDate:)) else { return false }
        let offset = clocks.wall().duration(to: date)
        let change = offset - signedOffset
        guard change > .seconds(240) || change < .seconds(-240) else { return false }
        clockOffset.value = offset
        return true
    }

    private static func errorCode(_ response: Response, _ call: Call) -> String? {
        guard response.status >= 300 || call.mayFailWithStatus200 else { return nil }
        return ErrorAnswer(response).code
    }

    private static let expiryCodes: Set<String> = ["ExpiredToken", "ExpiredTokenException", "RequestExpired"]
    private static let clockCodes: Set<String> = [
        "InvalidSignatureException", "RequestExpired", "RequestInTheFuture", "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
    ]
}
