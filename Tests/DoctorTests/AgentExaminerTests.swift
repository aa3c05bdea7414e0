import AWS
import Attachment
import Delivery
import Doctor
import FoundationEssentials
import HTTP
import HTTPTesting
import HTTPTypes
import Redrive
import Testing

/// An account that answers as the services are documented to; what it lacks it refuses.
private struct Account: Sendable {
    var figures: [String: Double] = [:]
    var environment = #"{"METERTAP_SINK":"s3://meters/team/","METERTAP_API_KEY":"secret","OTHER":"private"}"#
    var function = "metertap-agent"
    var concurrency = "{}"
    var answer = Response(200, "{}")
    var refused: Set<String> = []

    func examine(_ setUp: inout SetUp) async throws -> [Request] {
        let transport = FakeTransport { request, _ in respond(request) }
        let session = AWSSession(
            settings: try AWSSettings(environment: ["AWS_REGION": "eu-central-1"]) { _ in nil }, transport: transport,
            credentials: FixedCredentials(Credentials(accessKeyID: "A", secretAccessKey: "S")),
            clocks: FakeTime().clocks, random: { 0 })
        let examiner = Examiner(.init(selection: Selection()), session: session)
        await examiner.examineStreams(&setUp)
        await examiner.examineFunctions(&setUp)
        await examiner.examineDeliveries(&setUp)
        await examiner.examineWaiting(&setUp)
        return transport.requests
    }

    private func respond(_ request: Request) -> Response {
        let path = request.head.path ?? ""
        let target = request.field("X-Amz-Target")?.split(separator: ".").last.map(String.init)
        let action = path.contains("/functions/") || path.contains("event-source") ? path : target ?? request.text
        if refused.contains(where: action.contains) { return Response(403, #"{"__type":"AccessDeniedException"}"#) }
        if let target { return json(target, request) }
        if request.line.contains("iam.") { return simulate(request.text) }
        if request.line.contains("s3.") { return list(request.line) }
        return lambda(path)
    }

    private func json(_ target: String, _ request: Request) -> Response {
        switch target {
        case "DescribeStreamSummary":
            Response(
                200,
                #"{"StreamDescriptionSummary":{"StreamName":"metertap","StreamARN":"a","StreamStatus":"ACTIVE","#
                    + #""RetentionPeriodHours":168,"OpenShardCount":2,"MaxRecordSizeInKiB":2048,"#
                    + #""StreamModeDetails":{"StreamMode":"PROVISIONED"}}}"#)
        case "GetMetricData": Response(200, values(request.text))
        case "ListMetrics":
            Response(
                200,
                #"{"Metrics":[{"Dimensions":[{"Name":"LogGroupName","Value":"/app/api"},"#
                    + #"{"Name":"DestinationType","Value":"Kinesis"},{"Name":"FilterName","Value":"metertap"}]},"#
                    + #"{"Dimensions":[{"Name":"LogGroupName","Value":"/app/other"}]}]}"#)
        case "FilterLogEvents":
            Response(
                200,
                #"{"events":[{"message":"REPORT RequestId: a\tMemory Size: 512 MB\tMax Memory Used: 41 MB\t\n"},"#
                    + #"{"message":"REPORT RequestId: b\tMemory Size: 512 MB\tMax Memory Used: 57 MB\t\n"}]}"#)
        default: Response(400, #"{"__type":"Unknown"}"#)
        }
    }

    /// Two values for each metric that there is.
    private func values(_ question: String) -> String {
        struct Input: Decodable {
            struct Query: Decodable {
                struct Statistics: Decodable {
                    struct Metric: Decodable {
                        var name: String

                        enum CodingKeys: String, CodingKey { case name = "MetricName" }
                    }

                    var metric: Metric

                    enum CodingKeys: String, CodingKey { case metric = "Metric" }
                }

                var id: String
                var statistics: Statistics

                enum CodingKeys: String, CodingKey {
                    case id = "Id"
                    case statistics = "MetricStat"
                }
            }

            var queries: [Query]

            enum CodingKeys: String, CodingKey { case queries = "MetricDataQueries" }
        }
        let input = try? JSONDecoder().decode(Input.self, from: Data(question.utf8))
        let results = (input?.queries ?? []).compactMap { query in
            figures[query.statistics.metric.name].map { #"{"Id":"\#(query.id)","Values":[1,\#($0)]}"# }
        }
        return #"{"MetricDataResults":[\#(results.joined(separator: ","))]}"#
    }

    private func lambda(_ path: String) -> Response {
        if path.contains("event-source-mappings") {
            return Response(
                200,
                #"{"EventSourceMappings":[{"UUID":"u","FunctionArn":"\#(SetUps.function)","State":"Enabled","#
                    + #""LastProcessingResult":"OK","StartingPosition":"TRIM_HORIZON","MaximumRecordAgeInSeconds":60,"#
                    + #""MaximumRetryAttempts":-1,"BisectBatchOnFunctionError":true,"FunctionResponseTypes":"#
                    + #"["ReportBatchItemFailures"],"DestinationConfig":{"OnFailure":{"Destination":"arn:aws:s3:::failed"}},"#
                    + #""FilterCriteria":{"Filters":[{"Pattern":"{}"}]}},"#
                    + #"{"UUID":"v","FunctionArn":"arn:aws:lambda:eu-central-1:123456789012:function:other"}],"#
                    + #""NextMarker":""}"#)
        }
        if path.hasSuffix("function%3Aother/configuration") || path.contains("/other/") {
            return Response(200, #"{"Timeout":3,"MemorySize":128,"Environment":{"Variables":{"A":"b"}}}"#)
        }
        if path.hasSuffix("/configuration") {
            return Response(
                200,
                #"{"Role":"arn:aws:iam::123456789012:role/agent","Timeout":60,"MemorySize":512,"State":"Active","#
                    + #""LastUpdateStatus":"Successful","Environment":{"Variables":\#(environment)}}"#)
        }
        if path.hasSuffix("/concurrency") { return Response(200, concurrency) }
        if path.hasSuffix("/policy") { return Response(404, #"{"__type":"ResourceNotFoundException"}"#) }
        if path.hasSuffix("/event-invoke-config") { return Response(404, #"{"__type":"ResourceNotFoundException"}"#) }
        return path.hasSuffix("/invocations") ? answer : Response(404, "{}")
    }

    private func simulate(_ form: String) -> Response {
        let isLog = form.contains("PutLogEvents")
        let results =
            isLog
            ? "<member><EvalActionName>logs:PutLogEvents</EvalActionName><EvalDecision>implicitDeny</EvalDecision></member>"
            : ""
        return Response(
            200,
            "<SimulatePrincipalPolicyResponse><SimulatePrincipalPolicyResult><EvaluationResults>\(results)"
                + "</EvaluationResults></SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>")
    }

    private func list(_ line: String) -> Response {
        let key: String? =
            if line.contains("failed.s3"), line.contains("prefix=aws%2Flambda%2F") {
                "aws/lambda/u/shardId-000000000000/2026/01/02/x"
            } else if line.contains("meters.s3"), line.contains("prefix=team%2Frejects%2F") {
                "team/rejects/2026-01-02/a-b-0000000000000000.ndjson.gz"
            } else {
                nil
            }
        let contents = key.map {
            "<Contents><Key>\($0)</Key><Size>10</Size><ETag>e</ETag>"
                + "<LastModified>2026-01-01T03:04:05.000Z</LastModified></Contents>"
        }
        return Response(
            200, "<ListBucketResult><IsTruncated>false</IsTruncated>\(contents ?? "")</ListBucketResult>")
    }
}

@Suite struct AgentExaminerTests {
    private func setUp(_ destination: String) throws -> SetUp {
        var setUp = SetUp(now: SetUps.now, tags: [])
        setUp.logGroups = .read([ExaminedLogGroup(SetUps.group())])
        setUp.destinations[destination] = try Destination(arn: destination)
        return setUp
    }

    @Test func `a stream is read with its readers, and of these the agent`() async throws {
        var setUp = try setUp(SetUps.stream)
        let account = Account(figures: [
            "IncomingBytes": 600, "WriteProvisionedThroughputExceeded": 2, "GetRecords.IteratorAgeMilliseconds": 7,
            "Invocations": 5, "Errors": 1, "Duration": 900, "DeliveryErrors": 3,
        ])
        _ = try await account.examine(&setUp)
        let stream = try #require(setUp.streams[SetUps.stream])
        #expect(
            stream.summary == .read(.init(openShards: 2, isOnDemand: false, maximumRecordKiB: 2_048)))
        #expect(stream.figures == .read(.init(refused: 3, mostBytesOfMinute: 600, recentAges: [1, 7])))
        let mapping = try #require(stream.mappings.value?.first)
        #expect(
            mapping
                == .init(
                    id: "u", functionARN: SetUps.function, lastResult: "OK", maximumRecordAge: 60,
                    failureDestination: "arn:aws:s3:::failed", filters: 1))
        #expect(setUp.functions.keys.sorted() == [SetUps.function])
        let function = try #require(setUp.functions[SetUps.function])
        #expect(
            function.configuration.value?.environment
                == ["METERTAP_SINK": "s3://meters/team/", "METERTAP_API_KEY": "(not shown)"])
        #expect(function.figures.value?.errors == 2 && function.figures.value?.longest == 900)
        #expect(function.mostMemory == .read(57))
        #expect(function.policy == .notAsked && function.asynchronousCalls == .notAsked)
        #expect(function.refusals.value?.map(\.action) == ["logs:PutLogEvents"])
        #expect(setUp.tags == ["amberflo_meter", "meter_record_for_cw", "meter_record_for_stream"])
        #expect(setUp.deliveries == .read([.init(logGroup: "/app/api", filter: "metertap", errors: 4)]))
        #expect(setUp.waiting.keys.sorted() == ["s3://failed/", "s3://meters/team/"])
        #expect(setUp.waiting["s3://failed/"]?.value?.counts.map(\.kind) == [.streamFailure])
        #expect(setUp.waiting["s3://meters/team/"]?.value?.counts.map(\.kind) == [.rejects])
    }

    @Test func `nothing that is no agent's is called, nor one that may not run`() async throws {
        var other = try setUp(SetUps.stream)
        var account = Account(environment: #"{"A":"b"}"#)
        let requests = try await account.examine(&other)
        #expect(!requests.contains { $0.line.contains("invocations") })
        #expect(other.functions.count == 2)
        #expect(Diagnosis(other).findings.contains { $0.check == .functionSettings })
        account = Account(concurrency: #"{"ReservedConcurrentExecutions":0}"#)
        var stopped = try setUp(SetUps.stream)
        #expect(!(try await account.examine(&stopped)).contains { $0.line.contains("invocations") })
        #expect(Diagnosis(stopped).findings.contains { $0.check == .functionConcurrency })
    }

    @Test func `in direct mode the policy and what becomes of failed events are read too`() async throws {
        var setUp = try setUp(SetUps.function)
        _ = try await Account().examine(&setUp)
        let function = try #require(setUp.functions[SetUps.function])
        #expect(function.isCalledByLogs)
        #expect(function.policy == .read(nil))
        #expect(function.asynchronousCalls == .read(.init()))
        #expect(setUp.streams.isEmpty)
    }

    @Test(arguments: [
        (
            Response(
                200,
                #"{"metertap":"check","version":"1","sink":{"url":"s3://a/","writable":false,"error":"e"},"#
                    + #""rejects":{"url":"s3://b/","writable":true}}"#),
            ExaminedFunction.Probe.answered(
                .init(
                    version: "1", sink: .init(url: "s3://a/", writable: false, error: "e"),
                    rejects: .init(url: "s3://b/", writable: true)))
        ),
        (
            failure(#"{"errorType":"Unsupported","errorMessage":"The event has neither Records nor awslogs. S…"}"#),
            .isOlder
        ),
        (
            failure(#"{"errorType":"Runtime.ExitError","errorMessage":"exit 78"}"#),
            .failed("Runtime.ExitError: exit 78")
        ),
        (Response(200, "null"), .failed("Its answer is none of the agent")),
    ])
    func `what the agent answers is told apart`(_ answer: Response, _ probe: ExaminedFunction.Probe) async throws {
        var setUp = try setUp(SetUps.stream)
        let requests = try await Account(answer: answer).examine(&setUp)
        #expect(setUp.functions[SetUps.function]?.probe == .read(probe))
        let question = try #require(requests.first { $0.line.hasSuffix("/functions/metertap-agent/invocations") })
        #expect(question.text == #"{"metertap":"check"}"#)
    }

    private static func failure(_ body: String) -> Response {
        var fields: HTTPFields = [:]
        if let name = HTTPField.Name("X-Amz-Function-Error") { fields[name] = "Unhandled" }
        return Response(200, fields: fields, body)
    }

    /// Each call's permission is needed: without it one thing is unknown, and told with the action.
    @Test(arguments: [
        ("DescribeStreamSummary", "kinesis:DescribeStreamSummary"),
        ("event-source-mappings", "lambda:ListEventSourceMappings"),
        ("GetMetricData", "cloudwatch:GetMetricData"), ("ListMetrics", "cloudwatch:ListMetrics"),
        ("/configuration", "lambda:GetFunctionConfiguration"), ("/concurrency", "lambda:GetFunctionConcurrency"),
        ("FilterLogEvents", "logs:FilterLogEvents"), ("SimulatePrincipalPolicy", "iam:SimulatePrincipalPolicy"),
        ("/invocations", "lambda:InvokeFunction"),
    ])
    func `what is refused is unknown`(_ call: String, _ action: String) async throws {
        var setUp = try setUp(SetUps.stream)
        _ = try await Account(refused: [call]).examine(&setUp)
        let unknown = Diagnosis(setUp).findings.filter { $0.severity == .unknown }
        #expect(unknown.contains { $0.remedy.contains("Allow \(action) ") }, "\(unknown)")
    }
}
