import HTTP
import HTTPTesting
import HTTPTypes
import LambdaRuntime
import Synchronization
import Testing

@Suite struct LambdaRuntimeTests {
    private let time = FakeTime()
    private let logged = Lines()

    private final class Lines: Sendable {
        let all = Mutex<[String]>([])
    }

    private struct Problem: Error, CustomStringConvertible {
        var description: String
    }

    private func runtime(_ transport: FakeTransport) -> LambdaRuntime {
        LambdaRuntime(
            api: "127.0.0.1:9001", transport: transport, clocks: time.clocks,
            log: { [logged] line in logged.all.withLock { $0.append(line) } })
    }

    private func invocation(_ number: Int, _ payload: String = "{}", leaving out: String = "") throws -> Response {
        var fields: HTTPFields = [:]
        for (name, value) in [
            ("Lambda-Runtime-Aws-Request-Id", "id-\(number)"), ("Lambda-Runtime-Deadline-Ms", "1440938175500"),
            ("Lambda-Runtime-Invoked-Function-Arn", "arn:f"), ("Lambda-Runtime-Trace-Id", "Root=1"),
        ] where name != out {
            fields[try #require(HTTPField.Name(name))] = value
        }
        return Response(200, fields: fields, payload)
    }

    /// Runs the loop over the answers of `/next`, then cancels it; other requests get the answers of `posts`, then 202.
    private func run(
        _ invocations: [Response], posts: [Response] = [],
        handler: @escaping @Sendable (Invocation) async throws -> [UInt8]
    ) async throws -> [Request] {
        let (idle, isIdle) = AsyncStream.makeStream(of: Void.self)
        let waiting = Mutex((invocations: invocations[...], posts: posts[...]))
        let transport = FakeTransport { (request, _) throws(TransportError) in
            guard request.head.method == .get else {
                return waiting.withLock { $0.posts.popFirst() } ?? Response(202)
            }
            if let invocation = waiting.withLock({ $0.invocations.popFirst() }) { return invocation }
            isIdle.yield()
            let (never, _) = AsyncStream.makeStream(of: Void.self)
            for await _ in never {}
            throw TransportError(.cancelled, "cancelled")
        }
        let runtime = runtime(transport)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await runtime.run(handler) }
            for await _ in idle { break }
            group.cancelAll()
            try await group.waitForAll()
        }
        return transport.requests
    }

    private let base = "http://127.0.0.1:9001/2018-06-01/runtime"

    @Test func `an invocation is handed over and answered`() async throws {
        let time = time
        let requests = try await run([invocation(1, "{\"a\":1}"), invocation(2)]) { invocation in
            if invocation.requestID == "id-1" {
                #expect(invocation.payload == Array("{\"a\":1}".utf8))
                #expect(invocation.deadline == time.start + .milliseconds(15_500))
            }
            return Array("\"\(invocation.requestID)\"".utf8)
        }
        #expect(
            requests.map(\.line) == [
                "GET \(base)/invocation/next", "POST \(base)/invocation/id-1/response", "GET \(base)/invocation/next",
                "POST \(base)/invocation/id-2/response", "GET \(base)/invocation/next",
            ])
        #expect(requests[1].text == "\"id-1\"")
        #expect(requests[1].field("Content-Type") == "application/json")
        #expect(logged.all.withLock { $0.isEmpty })
    }

    @Test func `an error is reported as the invocation's, and the loop goes on`() async throws {
        let requests = try await run([invocation(1), invocation(2)]) { invocation in
            if invocation.requestID == "id-1" { throw Problem(description: "a \"b\" \\ \n\u{1} ü") }
            return []
        }
        #expect(requests[1].line == "POST \(base)/invocation/id-1/error")
        #expect(requests[1].field("Lambda-Runtime-Function-Error-Type") == "Function.Problem")
        #expect(
            requests[1].text == #"{"errorMessage":"a \"b\" \\ \u000a\u0001 ü","errorType":"Problem","stackTrace":[]}"#)
        #expect(requests[3].line == "POST \(base)/invocation/id-2/response")
    }

    @Test func `an answer that is not taken is sent again, logged, and left`() async throws {
        let posts = [Response(500), Response(202), Response(500), Response(500), Response(500), Response(413)]
        let requests = try await run([invocation(1), invocation(2), invocation(3), invocation(4)], posts: posts) { _ in
            []
        }
        #expect(requests.filter { $0.line.hasSuffix("/response") }.count == 7)
        #expect(requests.last?.line == "GET \(base)/invocation/next")
        #expect(
            logged.all.withLock { $0 } == [
                "The Lambda runtime API did not take invocation/id-2/response: status 500",
                "The Lambda runtime API did not take invocation/id-3/response: status 413",
            ])
    }

    @Test func `the wait for an invocation has no timeout`() async throws {
        let transport = FakeTransport([])
        await #expect(throws: LambdaRuntimeError.self) { try await runtime(transport).run { _ in [] } }
        #expect(transport.timeouts.allSatisfy { $0 > .seconds(86_400 * 365) })
    }

    @Test func `the runtime gives up when there are no invocations to be had`() async throws {
        for answer in [
            Response(500), Response(403), try invocation(1, leaving: "Lambda-Runtime-Aws-Request-Id"),
            try invocation(1, leaving: "Lambda-Runtime-Deadline-Ms"),
        ] {
            let transport = FakeTransport { _, _ in answer }
            await #expect(throws: LambdaRuntimeError.self) { try await runtime(transport).run { _ in [] } }
            #expect(transport.requests.count == 5)
        }
        #expect(
            time.sleeps.prefix(4) == [.milliseconds(100), .milliseconds(200), .milliseconds(400), .milliseconds(800)])
    }

    @Test func `failures that pass are forgotten`() async throws {
        let bad = Array(repeating: Response(500), count: 4)
        let requests = try await run(bad + [try invocation(1)] + bad + [try invocation(2)]) { _ in [] }
        #expect(requests.filter { $0.line.hasSuffix("/response") }.count == 2)
    }

    @Test func `cancelling during an invocation ends the loop`() async throws {
        let (started, start) = AsyncStream.makeStream(of: Void.self)
        let invocation = try invocation(1)
        let transport = FakeTransport { _, _ in invocation }
        let runtime = runtime(transport)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                try await runtime.run { _ in
                    start.yield()
                    let (never, _) = AsyncStream.makeStream(of: Void.self)
                    for await _ in never {}
                    throw CancellationError()
                }
            }
            for await _ in started { break }
            group.cancelAll()
            try await group.waitForAll()
        }
        #expect(transport.requests.filter { $0.head.method == .get }.count == 1)
    }

    @Test func `a failed start is reported`() async {
        let transport = FakeTransport(Response(202))
        await runtime(transport).reportInitError(Problem(description: "METERTAP_BUCKET is not set."))
        #expect(transport.requests.map(\.line) == ["POST \(base)/init/error"])
        #expect(transport.requests.first?.text.contains("METERTAP_BUCKET is not set.") == true)
        #expect(transport.requests.first?.field("Lambda-Runtime-Function-Error-Type") == "Function.Problem")
    }
}
