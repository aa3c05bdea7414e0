import AWS
import HTTP
import HTTPTesting
import Testing

/// A call that reads a list page by page, and how the service writes a page of it.
private struct PagedCall: CustomTestStringConvertible, Sendable {
    var testDescription: String
    /// The page with the item of a number, and a token.
    var page: @Sendable (_ item: Int, _ token: String?) -> String
    /// How many items the call gives.
    var count: @Sendable (AWSSession) async throws -> Int

    static let all = [
        PagedCall(testDescription: "DescribeLogGroups") { item, token in
            json("logGroups", #"{"logGroupName":"g\#(item)","arn":"arn"}"#, "nextToken", token)
        } count: {
            try await CloudWatchLogsClient($0).logGroups(prefix: "g").count
        },
        PagedCall(testDescription: "DescribeLogGroups, one of a name") { item, token in
            json("logGroups", #"{"logGroupName":"g\#(item)","arn":"arn"}"#, "nextToken", token)
        } count: {
            try await CloudWatchLogsClient($0).logGroup(named: "g1").name == "g1" ? 2 : 0
        },
        PagedCall(testDescription: "DescribeDestinations") { item, token in
            json("destinations", #"{"arn":"d\#(item)","targetArn":"t","roleArn":"r"}"#, "nextToken", token)
        } count: {
            try await CloudWatchLogsClient($0).destination(arn: "d1").arn == "d1" ? 2 : 0
        },
        PagedCall(testDescription: "DescribeSubscriptionFilters") { item, token in
            let filter = #"{"filterName":"f\#(item)","filterPattern":"","destinationArn":"arn"}"#
            return json("subscriptionFilters", filter, "nextToken", token)
        } count: {
            try await CloudWatchLogsClient($0).subscriptionFilters(of: "g").count
        },
        PagedCall(testDescription: "DescribeMetricFilters") { item, token in
            json("metricFilters", #"{"filterPattern":"p\#(item)"}"#, "nextToken", token)
        } count: {
            try await CloudWatchLogsClient($0).metricFilterPatterns(of: "g").count
        },
        PagedCall(testDescription: "DescribeAccountPolicies") { item, token in
            json("accountPolicies", #"{"policyName":"p\#(item)"}"#, "nextToken", token)
        } count: {
            try await CloudWatchLogsClient($0).subscriptionPolicies().count
        },
        PagedCall(testDescription: "GetMetricData") { item, token in
            json("MetricDataResults", #"{"Id":"m0","Values":[\#(item)]}"#, "NextToken", token)
        } count: {
            let metric = CloudWatchClient.Metric("AWS/Lambda", "Errors", [:])
            return try await CloudWatchClient($0).values(of: [metric], in: 0..<60_000, period: 60)[metric]?.count ?? 0
        },
        PagedCall(testDescription: "ListMetrics") { item, token in
            let metric = #"{"Dimensions":[{"Name":"n","Value":"\#(item)"}]}"#
            return json("Metrics", metric, "NextToken", token)
        } count: {
            try await CloudWatchClient($0).metrics("AWS/Lambda", "Errors", with: [:]).count
        },
        PagedCall(testDescription: "ListShards") { item, token in
            json("Shards", #"{"ShardId":"s\#(item)"}"#, "NextToken", token)
        } count: {
            try await KinesisClient($0).shards(of: .init(name: "s", arn: "arn", created: 0)).count
        },
        PagedCall(testDescription: "ListEventSourceMappings") { item, token in
            json("EventSourceMappings", #"{"UUID":"\#(item)"}"#, "NextMarker", token)
        } count: {
            try await LambdaClient($0).mappings(of: "arn").count
        },
        PagedCall(testDescription: "SimulatePrincipalPolicy") { item, token in
            let result =
                "<member><EvalActionName>a\(item)</EvalActionName><EvalDecision>allowed</EvalDecision></member>"
            let more = token.map { "<IsTruncated>true</IsTruncated><Marker>\($0)</Marker>" } ?? ""
            return "<R><SimulatePrincipalPolicyResult><EvaluationResults>\(result)</EvaluationResults>\(more)"
                + "</SimulatePrincipalPolicyResult></R>"
        } count: {
            try await IAMClient($0).simulate(roleARN: "r", actions: ["a"], resource: "*").count
        },
        PagedCall(testDescription: "GetResources") { item, token in
            let resource = #"{"ResourceARN":"arn:aws:logs:eu-west-1:1:log-group:g\#(item)"}"#
            return json("ResourceTagMappingList", resource, "PaginationToken", token)
        } count: {
            try await TaggingClient($0).logGroups(with: []).count
        },
    ]

    private static func json(_ list: String, _ item: String, _ name: String, _ token: String?) -> String {
        #"{"\#(list)":[\#(item)]"# + (token.map { #","\#(name)":"\#($0)""# } ?? "") + "}"
    }

    func count(_ transport: FakeTransport) async throws -> Int { try await count(session(transport)) }
}

@Suite struct PagesTests {
    @Test(arguments: PagedCall.all)
    private func `a list ends without a token, and with an empty one`(_ call: PagedCall) async throws {
        let missing = FakeTransport(Response(200, call.page(0, "a")), Response(200, call.page(1, nil)))
        #expect(try await call.count(missing) == 2)
        let empty = FakeTransport(Response(200, call.page(0, "a")), Response(200, call.page(1, "")))
        #expect(try await call.count(empty) == 2)
    }

    @Test(arguments: PagedCall.all)
    private func `a token that comes again ends the list, and it is begun anew`(_ call: PagedCall) async throws {
        let transport = FakeTransport(
            Response(200, call.page(0, "a")), Response(200, call.page(7, "b")), Response(200, call.page(8, "a")),
            Response(200, call.page(0, "c")), Response(200, call.page(1, nil)))
        #expect(try await call.count(transport) == 2)
        #expect(transport.requests.count == 5)
        #expect(!transport.requests[3].text.contains(#""a""#))
    }

    @Test(arguments: PagedCall.all)
    private func `a token that always comes again is an error that says so`(_ call: PagedCall) async throws {
        let transport = FakeTransport { (_, number) throws(TransportError) in
            guard number < 100 else { throw TransportError(.invalidRequest, "It never ends.") }
            return Response(200, call.page(7, "same"))
        }
        let error = await #expect(throws: AWSError.self) { try await call.count(transport) }
        #expect(error?.isRepeatedToken == true)
        #expect(error?.kind == .transient)
        #expect(transport.requests.count == 6)
    }

    @Test(
        arguments: PagedCall.all,
        [
            "InvalidParameterException", "ExpiredNextTokenException", "PaginationTokenExpiredException",
            "InvalidNextToken",
        ])
    private func `a list whose token has expired is begun anew`(_ call: PagedCall, code: String) async throws {
        let transport = FakeTransport(
            Response(200, call.page(0, "a")), Response(400, #"{"__type":"\#(code)","message":"token"}"#),
            Response(200, call.page(0, "b")), Response(200, call.page(1, nil)))
        #expect(try await call.count(transport) == 2)
    }

    @Test(arguments: PagedCall.all)
    private func `a refusal of the first page is no matter of tokens`(_ call: PagedCall) async throws {
        let transport = FakeTransport(Response(400, #"{"__type":"InvalidParameterException","message":"no"}"#))
        let error = await #expect(throws: AWSError.self) { try await call.count(transport) }
        #expect(error?.code == "InvalidParameterException")
        #expect(transport.requests.count == 1)
    }
}
