import HTTP
import HTTPTesting
import HTTPTypes
import Synchronization
import Testing

@Suite struct HTTPClientTests {
    private let time = FakeTime()
    private let request = Request(head: HTTPRequest(method: .get, scheme: "https", authority: "a", path: "/"))

    private func client(_ transport: FakeTransport) -> HTTPClient {
        HTTPClient(
            transport: transport,
            policy: RetryPolicy(maximumAttempts: 4, baseDelay: .seconds(1), maximumDelay: .seconds(3)),
            clocks: time.clocks, random: { 0.5 })
    }

    @Test func `an answer that will not change is returned at once`() async throws {
        for status in [200, 301, 400, 403, 404, 412, 501] {
            let transport = FakeTransport([.success(Response(status))])
            let response = try await client(transport).send(attemptTimeout: .seconds(9)) { request }
            #expect(response.status == status)
        }
        #expect(time.sleeps.isEmpty)
    }

    @Test func `each attempt makes its request anew`() async throws {
        let made = Mutex(0)
        let transport = FakeTransport(
            [408, 429, 503, 200].map { .success(Response($0)) })
        let response = try await client(transport).send(attemptTimeout: .seconds(9)) {
            let number = made.withLock { number in
                number += 1
                return number
            }
            var request = request
            request.head.path = "/\(number)"
            return request
        }
        #expect(response.status == 200)
        #expect(transport.requests.map(\.head.path) == ["/1", "/2", "/3", "/4"])
        #expect(time.sleeps == [.milliseconds(500), .seconds(1), .milliseconds(1500)])
    }

    @Test func `the last answer is returned when attempts run out`() async throws {
        let transport = FakeTransport([500, 502, 504, 503].map { .success(Response($0)) })
        let response = try await client(transport).send(attemptTimeout: .seconds(9)) { request }
        #expect(response.status == 503)
        #expect(transport.requests.count == 4)
    }

    @Test func `transient faults are retried, others are not`() async throws {
        let transport = FakeTransport([
            .failure(TransportError(.connection, "")), .failure(TransportError(.timeout, "")), .success(Response(200)),
        ])
        #expect(try await client(transport).send(attemptTimeout: .seconds(9)) { request }.status == 200)

        for code in [TransportError.Code.tls, .invalidRequest, .cancelled, .responseTooLarge] {
            let transport = FakeTransport([.failure(TransportError(code, "why"))])
            let error = await #expect(throws: HTTPClient.Failure.self) {
                try await client(transport).send(attemptTimeout: .seconds(9)) { request }
            }
            #expect(error?.description == "why")
            #expect(transport.requests.count == 1)
        }
    }

    @Test func `no attempt begins that the deadline leaves no time for`() async throws {
        let transport = FakeTransport(Array(repeating: .success(Response(503)), count: 4))
        let response = try await client(transport).send(
            deadline: time.start + .milliseconds(1200), attemptTimeout: .seconds(1)
        ) { request }
        #expect(response.status == 503)
        #expect(transport.timeouts == [.seconds(1), .milliseconds(700)])

        let late = FakeTransport([.success(Response(200))])
        let error = await #expect(throws: HTTPClient.Failure.self) {
            try await client(late).send(deadline: time.start, attemptTimeout: .seconds(1)) { request }
        }
        guard case .transport(let cause) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(cause.code == .timeout)
        #expect(late.requests.isEmpty)
    }

    @Test func `Retry-After is waited for, or the answer returned when there is no time`() async throws {
        let slow = Response(503, fields: [.retryAfter: "7"])
        let patient = FakeTransport([.success(slow), .success(Response(200))])
        #expect(try await client(patient).send(attemptTimeout: .seconds(9)) { request }.status == 200)
        #expect(time.sleeps == [.seconds(7)])

        let hurried = FakeTransport([.success(slow)])
        let response = try await client(hurried).send(
            deadline: time.start + .seconds(12), attemptTimeout: .seconds(9)
        ) { request }
        #expect(response.status == 503)
    }

    @Test func `the caller can name further answers worth another attempt`() async throws {
        let transport = FakeTransport([.success(Response(400, "Throttling")), .success(Response(200))])
        let response = try await client(transport).send(
            attemptTimeout: .seconds(9), isRetryable: { $0.body == Array("Throttling".utf8) }
        ) { request }
        #expect(response.status == 200)
    }

    @Test func `a request that cannot be made is not sent`() async throws {
        struct NoCredentials: Error {}
        let transport = FakeTransport([])
        let error = await #expect(throws: HTTPClient.Failure.self) {
            try await client(transport).send(attemptTimeout: .seconds(9)) { throw NoCredentials() }
        }
        guard case .notPrepared(let cause) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(cause is NoCredentials)
    }
}
