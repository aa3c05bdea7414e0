import AWS
import Attachment
import HTTP
import HTTPTesting
import HTTPTypes
import Synchronization
import Testing

private let stream = "arn:aws:kinesis:eu-west-1:123456789012:stream/metertap"

@Suite struct AttacherTests {
    private let time = FakeTime()

    private func attacher(
        _ transport: FakeTransport, perSecond: Int = 5, tags: [String]? = nil
    ) throws -> Attacher {
        let session = AWSSession(
            settings: try AWSSettings(environment: ["AWS_REGION": "eu-west-1"]) { _ in nil }, transport: transport,
            credentials: FixedCredentials(Credentials(accessKeyID: "AKIDEXAMPLE", secretAccessKey: "s3cr3t")),
            clocks: time.clocks, random: { 0 })
        let destination = try Destination(arn: stream)
        let wish =
            tags.map { Wish(tags: $0, destination: destination, roleArn: "arn:r") }
            ?? Wish(pattern: "?a ?b", destination: destination, roleArn: "arn:r")
        return Attacher(
            client: try CloudWatchLogsClient(session), wish: wish, aim: .attached(ownLogs: [:]),
            callsPerSecond: perSecond, clocks: time.clocks)
    }

    private func group(_ name: String) -> CloudWatchLogsClient.LogGroup { .init(name: name, arn: "arn") }

    private func filters(_ names: String...) -> Response {
        let all = names.map { #"{"filterName":"\#($0)","filterPattern":"","destinationArn":"arn:x"}"# }
        return Response(200, #"{"subscriptionFilters":[\#(all.joined(separator: ","))]}"#)
    }

    private func refusal(_ code: String) -> Response { Response(400, #"{"__type":"\#(code)","message":"m"}"#) }

    private func step(_ name: String) -> AttachPlan.Step {
        .init(group: group(name), action: .attach(others: []))
    }

    @Test func `calls are kept apart, each kind by itself`() async throws {
        let transport = FakeTransport { request, _ in
            request.field("X-Amz-Target")?.hasSuffix("DescribeSubscriptionFilters") == true
                ? Response(200, #"{"subscriptionFilters":[]}"#) : Response(200, "")
        }
        var attacher = try attacher(transport)
        let plan = try await attacher.plan((0..<10).map { group("g\($0)") })
        #expect(time.sleeps == [Duration](repeating: .milliseconds(210), count: 9))
        for step in plan.work { _ = try await attacher.carryOut(step) }
        // Reading and writing share no budget, so that 10 more of both take no more than 10 of one.
        let slept = time.sleeps.reduce(Duration.zero, +)
        #expect(slept == .milliseconds(19 * 210))
        #expect(transport.requests.count == 30)
    }

    @Test func `a filter of somebody else that appeared meanwhile is left alone`() async throws {
        let transport = FakeTransport(filters(), filters("metertap"))
        var attacher = try attacher(transport)
        let plan = try await attacher.plan([group("g")])
        #expect(plan.steps.map(\.action) == [.attach(others: [])])
        #expect(try await attacher.carryOut(plan.steps[0]).action == .leave(.foreignFilter(destination: "arn:x")))
        #expect(transport.requests.count == 2)
    }

    @Test func `the limit is what the service says, and is asked for once`() async throws {
        let transport = FakeTransport(
            filters("a", "b"), refusal("LimitExceededException"), filters("c", "d"), filters("e"), Response(200, ""))
        var attacher = try attacher(transport)
        #expect(try await attacher.carryOut(step("g1")).action == .leave(.full(filters: ["a", "b"])))
        #expect(try await attacher.carryOut(step("g2")).action == .leave(.full(filters: ["c", "d"])))
        #expect(try await attacher.carryOut(step("g3")).action == .attach(others: ["e"]))
    }

    @Test func `a limit where there is room is too many calls`() async throws {
        let transport = FakeTransport(
            filters(), refusal("LimitExceededException"), filters(), refusal("LimitExceededException"), filters(),
            Response(200, ""))
        var attacher = try attacher(transport)
        #expect(try await attacher.carryOut(step("g")).action == .attach(others: []))
        #expect(time.sleeps.contains(.seconds(1)) && time.sleeps.contains(.seconds(2)))
    }

    @Test func `it gives up in the end`() async throws {
        let transport = FakeTransport { _, number in
            number % 2 == 0
                ? Response(200, #"{"subscriptionFilters":[]}"#)
                : Response(400, #"{"__type":"LimitExceededException","message":"m"}"#)
        }
        var attacher = try attacher(transport)
        #expect(try await attacher.carryOut(step("g")).refusal?.code == "LimitExceededException")
        #expect(transport.requests.count == 10)
    }

    @Test func `a log group that is deleted meanwhile costs nothing`() async throws {
        let transport = FakeTransport(
            refusal("ResourceNotFoundException"), filters(), refusal("ResourceNotFoundException"))
        var attacher = try attacher(transport)
        #expect(try await attacher.plan([group("g")]).steps.map(\.action) == [.absent])
        #expect(try await attacher.carryOut(step("g")).action == .absent)
    }

    @Test func `what is put keeps how the filter distributes`() async throws {
        let present = """
            {"filterName":"metertap","filterPattern":"x","destinationArn":"\(stream)","distribution":"ByLogStream"}
            """
        let transport = FakeTransport(
            Response(200, "{\"subscriptionFilters\":[\(present)]}"), Response(200, ""), filters(), Response(200, ""))
        var attacher = try attacher(transport)
        guard case .change = try await attacher.carryOut(step("g")).action else {
            Issue.record("it is not changed")
            return
        }
        #expect(transport.requests[1].text.contains(#""distribution":"ByLogStream""#))
        _ = try await attacher.carryOut(step("h"))
        let put = transport.requests[3].text.replacing("\\/", with: "/")
        #expect(put.contains(#""distribution":"Random""#) && put.contains(#""roleArn":"arn:r""#))
        #expect(put.contains(#""filterPattern":"?a ?b""#) && put.contains("\"destinationArn\":\"\(stream)\""))
    }

    // MARK: - Where there is no room for a regular expression

    private func group(metricFilters: Int?) -> CloudWatchLogsClient.LogGroup {
        .init(name: "g", arn: "arn", metricFilterCount: metricFilters)
    }

    private func metricFilters(_ patterns: String...) -> Response {
        let all = patterns.map { #"{"filterName":"m","filterPattern":"\#($0)"}"# }
        return Response(200, #"{"metricFilters":[\#(all.joined(separator: ","))]}"#)
    }

    private static let ours =
        #"{"filterName":"metertap","filterPattern":"?a ?b","destinationArn":"\#(stream)","roleArn":"arn:r"}"#

    private func patterns(_ transport: FakeTransport) -> [String] {
        transport.requests.filter { $0.field("X-Amz-Target")?.hasSuffix("PutSubscriptionFilter") == true }
            .compactMap { $0.text.split(separator: "\"filterPattern\":\"").last?.prefix { $0 != "\"" } }
            .map(String.init)
    }

    @Test func `metric filters are read only where they may leave no room`() async throws {
        let roomy = FakeTransport(filters("x"))
        var attacher = try attacher(roomy, tags: ["a", "b"])
        #expect(try await attacher.plan([group(metricFilters: 4)]).steps.map(\.isByTerms) == [false])
        #expect(roomy.requests.count == 1)

        for (asked, isByTerms) in [
            (metricFilters("%a%", "%b%", "%c%", "{ $.x = %d% }", "[a = %x%]", "y"), true),
            (metricFilters("%a%", "%b%", "%c%", "%d%", "e"), false), (refusal("AccessDeniedException"), false),
        ] {
            var attacher = try self.attacher(FakeTransport(filters("x"), asked), tags: ["a", "b"])
            let step = try #require(try await attacher.plan([group(metricFilters: 5)]).steps.first)
            #expect(step.action == .attach(others: ["x"]))
            #expect(step.isByTerms == isByTerms)
        }
    }

    @Test func `subscription filters of others count too, and our filter of terms is then as it should be`()
        async throws
    {
        let expression = #"{"filterName":"x","filterPattern":"%x%","destinationArn":"arn:x"}"#
        let present = Response(200, "{\"subscriptionFilters\":[\(Self.ours),\(expression)]}")
        let transport = FakeTransport(present, metricFilters("%a%", "%b%", "%c%", "%d%"))
        var attacher = try attacher(transport, tags: ["a", "b"])
        let step = try #require(try await attacher.plan([group(metricFilters: 4)]).steps.first)
        #expect(step.action == .keep && step.isByTerms)
    }

    @Test func `where the service refuses the regular expression it gets the terms`() async throws {
        let transport = FakeTransport(filters("x"), refusal("LimitExceededException"), filters("x"), Response(200, ""))
        var attacher = try attacher(transport, tags: ["a", "b"])
        let done = try await attacher.carryOut(step("g"))
        #expect(done.action == .attach(others: ["x"]) && done.isByTerms)
        #expect(patterns(transport) == ["%a|b%", "?a ?b"])
        #expect(!time.sleeps.contains(.seconds(1)))
    }

    @Test func `our filter of terms stays where the service refuses the regular expression`() async throws {
        let present = Response(200, "{\"subscriptionFilters\":[\(Self.ours)]}")
        let transport = FakeTransport(present, refusal("LimitExceededException"), present)
        var attacher = try attacher(transport, tags: ["a", "b"])
        let done = try await attacher.carryOut(step("g"))
        #expect(done.action == .keep && done.isByTerms)
        #expect(patterns(transport) == ["%a|b%"])
    }

    @Test func `a log group that is full is not tried with terms where it has room for a regular expression`()
        async throws
    {
        let transport = FakeTransport(filters("x", "y"), refusal("LimitExceededException"))
        var attacher = try attacher(transport, tags: ["a", "b"])
        let step = AttachPlan.Step(group: group(metricFilters: 0), action: .attach(others: []))
        #expect(try await attacher.carryOut(step).action == .leave(.full(filters: ["x", "y"])))
        // Where that is not known, terms tell which limit it is.
        let unknown = FakeTransport(
            filters("x", "y"), refusal("LimitExceededException"), filters("x", "y"), refusal("LimitExceededException"))
        attacher = try self.attacher(unknown, tags: ["a", "b"])
        #expect(try await attacher.carryOut(self.step("g")).action == .leave(.full(filters: ["x", "y"])))
    }

    @Test func `too many calls are waited for before terms are tried`() async throws {
        let transport = FakeTransport(
            filters(), refusal("LimitExceededException"), filters(), refusal("LimitExceededException"), filters(),
            Response(200, ""))
        var attacher = try attacher(transport, tags: ["a", "b"])
        let step = AttachPlan.Step(group: group(metricFilters: 0), action: .attach(others: []))
        let done = try await attacher.carryOut(step)
        #expect(done.action == .attach(others: []) && !done.isByTerms)
    }
}
