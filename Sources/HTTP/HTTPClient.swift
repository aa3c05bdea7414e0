import HTTPTypes

/// Sends requests over a transport, again and again where that may help.
///
/// ```swift
/// let client = HTTPClient(transport: try AsyncHTTPTransport(caBundle: nil))
/// let response = try await client.send(deadline: .now + .seconds(30), attemptTimeout: .seconds(10)) {
///     Request(head: HTTPRequest(method: .get, scheme: "https", authority: "example.com", path: "/"))
/// }
/// ```
public struct HTTPClient: Sendable {
    /// Why there is no response.
    public enum Failure: Error, Sendable, CustomStringConvertible {
        /// The request could not be made, for example because there are no credentials to sign it with.
        case notPrepared(any Error)
        /// The last attempt ended below HTTP, or the deadline left no time for one.
        case transport(TransportError)

        /// A sentence for people.
        public var description: String {
            switch self {
            case .notPrepared(let error): "\(error)"
            case .transport(let error): error.description
            }
        }
    }

    private let transport: any HTTPTransport
    private let policy: RetryPolicy
    private let clocks: Clocks
    private let random: @Sendable () -> Double

    /// Makes a client.
    ///
    /// - Parameter random: gives numbers from 0 up to and without 1, for the jitter.
    public init(
        transport: any HTTPTransport,
        policy: RetryPolicy = RetryPolicy(),
        clocks: Clocks = .system,
        random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) }
    ) {
        self.transport = transport
        self.policy = policy
        self.clocks = clocks
        self.random = random
    }

    /// Sends a request until there is an answer that will not change, the policy gives up or the deadline is near.
    ///
    /// - Parameters:
    ///   - deadline: when the caller needs an answer; nil waits for as long as the policy does.
    ///   - attemptTimeout: the longest time for one attempt; cut to what is left before the deadline.
    ///   - isRetryable: says of an answer that the policy would return whether it is worth another attempt.
    ///   - makeRequest: makes the request, anew for each attempt, since a signature holds the time.
    /// - Returns: the last response, whatever its status.
    public func send(
        deadline: ContinuousClock.Instant? = nil,
        attemptTimeout: Duration,
        isRetryable: (Response) async -> Bool = { _ in false },
        makeRequest: () async throws -> Request
    ) async throws(Failure) -> Response {
        var attempt = 0
        while true {
            attempt += 1
            let request: Request
            do { request = try await makeRequest() } catch { throw .notPrepared(error) }

            let result: Result<Response, TransportError>
            var retryAfter: Duration?
            do throws(TransportError) {
                let response = try await transport.send(request, timeout: try timeout(attemptTimeout, until: deadline))
                let again = policy.retries(status: response.status)
                guard await isRetryable(response) || again else { return response }
                retryAfter = RetryPolicy.retryAfter(response.head.headerFields, now: clocks.wall())
                result = .success(response)
            } catch {
                guard error.isTransient else { throw .transport(error) }
                result = .failure(error)
            }

            let remaining = deadline.map { clocks.now().duration(to: $0) }
            guard
                let delay = policy.delay(
                    afterAttempt: attempt, retryAfter: retryAfter, remaining: remaining, random: random())
            else {
                do throws(TransportError) { return try result.get() } catch { throw .transport(error) }
            }
            do { try await clocks.sleep(delay) } catch {
                throw .transport(TransportError(.cancelled, "The request was cancelled before it was sent again."))
            }
        }
    }

    private func timeout(
        _ longest: Duration, until deadline: ContinuousClock.Instant?
    ) throws(TransportError) -> Duration {
        guard let deadline else { return longest }
        let remaining = clocks.now().duration(to: deadline)
        guard remaining > .zero else { throw TransportError(.timeout, "There was no time left to send the request.") }
        return min(longest, remaining)
    }
}
