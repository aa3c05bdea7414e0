import AWS
import HTTP
import HTTPTesting
import HTTPTypes
import Testing

@Suite struct CloudWatchLogsClientTests {
    private let time = FakeTime()

    private func client(_ transport: FakeTransport) throws -> CloudWatchLogsClient {
        try CloudWatchLogsClient(session(transport, time: time))
    }

    private func group(_ name: String, more: String = "") -> String {
        #"{"logGroupName":"\#(name)","arn":"arn:aws:logs:eu-west-1:999988887777:log-group:\#(name):*"\#(more)}"#
    }

    @Test func `log events are asked for with an inclusive end`() async throws {
        let page = #"{"events":[],"nextToken":"t2"}"#
        let transport = FakeTransport(Response(200, page), Response(200, page))
        let client = try client(transport)
        #expect(try await client.filterLogEvents(.init(logGroup: "/app", times: 1_000..<2_000)) == Array(page.utf8))
        _ = try await client.filterLogEvents(
            .init(logGroup: "/app", times: 1_000..<2_000, pattern: #"?"a_b""#, token: "t1"))
        let request = try #require(transport.requests.first)
        #expect(request.line == "POST https://logs.eu-west-1.amazonaws.com/")
        #expect(request.field("X-Amz-Target") == "Logs_20140328.FilterLogEvents")
        #expect(request.field("Content-Type") == "application/x-amz-json-1.1")
        #expect(request.field("Authorization")?.contains("/eu-west-1/logs/aws4_request") == true)
        #expect(request.text.contains(#""startTime":1000"#))
        #expect(request.text.contains(#""endTime":1999"#))
        #expect(!request.text.contains("filterPattern"))
        #expect(!request.text.contains("nextToken"))
        let second = transport.requests[1].text
        #expect(second.contains(#""filterPattern":"?\"a_b\"""#))
        #expect(second.contains(#""nextToken":"t1""#))
    }

    @Test func `throttling is waited for and retried`() async throws {
        let throttled = Response(400, #"{"__type":"ThrottlingException","message":"Rate exceeded"}"#)
        let transport = FakeTransport(throttled, throttled, Response(200, "{}"))
        _ = try await client(transport).filterLogEvents(.init(logGroup: "/app", times: 0..<1))
        #expect(transport.requests.count == 3)
        #expect(time.sleeps.count == 2)
    }

    @Test func `a policy decides how often calls are tried`() async throws {
        let throttled = FakeTransport { _, _ in Response(400, #"{"__type":"ThrottlingException"}"#) }
        let session = AWSSession(
            settings: try settings(["AWS_REGION": "eu-west-1"]), transport: throttled,
            credentials: FixedCredentials(fixedCredentials), policy: RetryPolicy(maximumAttempts: 9),
            clocks: time.clocks, random: { 0 })
        let error = await #expect(throws: AWSError.self) {
            try await CloudWatchLogsClient(session).filterLogEvents(.init(logGroup: "/app", times: 0..<1))
        }
        #expect(error?.kind == .transient)
        #expect(throttled.requests.count == 9)
    }

    @Test func `a log group is found by its whole name, over several pages`() async throws {
        let transport = FakeTransport(
            Response(200, #"{"logGroups":[\#(group("/app-2"))],"nextToken":"n"}"#),
            Response(200, #"{"logGroups":[\#(group("/app", more: #","retentionInDays":14"#))]}"#))
        let found = try await client(transport).logGroup(named: "/app")
        #expect(found.name == "/app")
        #expect(found.account == "999988887777")
        #expect(found.retentionInDays == 14)
        #expect(transport.requests[0].text.replacing("\\/", with: "/") == #"{"logGroupNamePrefix":"/app"}"#)
        #expect(transport.requests[1].text.contains(#""nextToken":"n""#))
    }

    @Test func `a name of other bytes is another log group`() async throws {
        let transport = FakeTransport(Response(200, #"{"logGroups":[\#(group("caf\u{e9}"))]}"#))
        let error = await #expect(throws: AWSError.self) {
            try await client(transport).logGroup(named: "cafe\u{301}")
        }
        #expect(error?.kind == .configuration)
    }

    @Test func `a log group that is not there is a matter of configuration`() async throws {
        let transport = FakeTransport(Response(200, #"{"logGroups":[]}"#))
        let error = await #expect(throws: AWSError.self) { try await client(transport).logGroup(named: "/none") }
        #expect(error?.kind == .configuration)
        #expect(error?.description.contains("/none") == true)
        #expect(error?.description.contains("Check the name") == true)
    }

    @Test func `all log groups of a prefix are listed`() async throws {
        let transport = FakeTransport(
            Response(200, #"{"logGroups":[\#(group("a1"))],"nextToken":"n"}"#),
            Response(200, #"{"logGroups":[\#(group("a2"))]}"#))
        #expect(try await client(transport).logGroups(prefix: "").map(\.name) == ["a1", "a2"])
        #expect(transport.requests[0].text == "{}")
    }

    @Test func `an answer that makes no sense is an error`() async throws {
        let error = await #expect(throws: AWSError.self) {
            try await client(FakeTransport(Response(200, "<html>"))).logGroups(prefix: "a")
        }
        #expect(error?.code == "MalformedResponse")
    }
}
