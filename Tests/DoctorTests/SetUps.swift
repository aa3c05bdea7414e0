import AWS
import Attachment
import Doctor

/// Set-ups as the deployment template makes them, for a test to spoil one thing in.
enum SetUps {
    static let now: Int64 = 1_767_323_045_000
    static let day: Int64 = 86_400_000
    static let stream = "arn:aws:kinesis:eu-central-1:123456789012:stream/metertap"
    static let function = "arn:aws:lambda:eu-central-1:123456789012:function:metertap-agent"
    static let failures = "arn:aws:s3:::failed"
    static let environment = [
        "METERTAP_SINK": "s3://meters/", "METERTAP_REJECTS": "s3://meters/", "METERTAP_SINK_REGION": "",
    ]

    static func group(_ name: String = "/app/api") -> CloudWatchLogsClient.LogGroup {
        .init(name: name, arn: "arn:aws:logs:eu-central-1:123456789012:log-group:\(name):*")
    }

    /// By way of a stream.
    static func withStream(_ change: (inout SetUp) -> Void = { _ in }) -> SetUp {
        var setUp = base(destination: stream)
        var examined = ExaminedStream(arn: stream)
        examined.summary = .read(.init())
        examined.mappings = .read([mapping()])
        examined.figures = .read(.init(recentAges: [3_600_000]))
        setUp.streams[stream] = examined
        setUp.functions[function] = agent()
        change(&setUp)
        return setUp
    }

    /// CloudWatch Logs calls the agent.
    static func direct(_ change: (inout SetUp) -> Void = { _ in }) -> SetUp {
        var setUp = base(destination: function)
        var agent = agent()
        agent.isCalledByLogs = true
        agent.policy = .read(policy())
        agent.asynchronousCalls = .read(
            .init(failureDestination: failures))
        setUp.functions[function] = agent
        change(&setUp)
        return setUp
    }

    static func mapping(_ change: (inout LambdaClient.Mapping) -> Void = { _ in }) -> LambdaClient.Mapping {
        var mapping = LambdaClient.Mapping(
            id: "uuid-1", functionARN: function, lastResult: "OK", maximumRecordAge: 518_400,
            failureDestination: failures)
        change(&mapping)
        return mapping
    }

    /// What `lambda:AddPermission` makes of the template's permission.
    static func policy(source: String = "arn:aws:logs:eu-central-1:123456789012:log-group:*") -> String {
        """
        {"Version":"2012-10-17","Id":"default","Statement":[{"Sid":"s","Effect":"Allow",\
        "Principal":{"Service":"logs.amazonaws.com"},"Action":"lambda:InvokeFunction","Resource":"\(function)",\
        "Condition":{"StringEquals":{"AWS:SourceAccount":"123456789012"},"ArnLike":{"AWS:SourceArn":"\(source)"}}}]}
        """
    }

    static func refusal(_ status: Int, _ operation: String) -> AWSError {
        AWSError(
            kind: .configuration, code: status == 404 ? "ResourceNotFoundException" : "AccessDeniedException",
            message: "no", status: status, operation: operation, resource: "r")
    }

    private static func base(destination: String) -> SetUp {
        var setUp = SetUp(now: now, tags: [])
        setUp.caller = .read(.init(account: "123456789012", arn: "arn:aws:iam::123456789012:user/u", secondsAhead: 0))
        var group = ExaminedLogGroup(group())
        group.filters = .read([
            .init(filterName: "metertap", filterPattern: rightPattern, destinationArn: destination)
        ])
        setUp.logGroups = .read([group])
        setUp.destinations[destination] = try? Destination(arn: destination)
        setUp.deliveries = .read([])
        setUp.waiting = ["s3://meters/": .read(.init()), "s3://failed/": .read(.init())]
        return setUp
    }

    private static func agent() -> ExaminedFunction {
        var function = ExaminedFunction(arn: function)
        function.configuration = .read(
            .init(role: "arn:aws:iam::123456789012:role/agent", logGroup: "/aws/lambda/agent", environment: environment)
        )
        function.reservedConcurrency = .read(nil)
        function.figures = .read(
            .init(invocations: 10, longest: 53_999, recentInvocations: 1, recentAges: [3_600_000]))
        function.mostMemory = .read(460)
        function.refusals = .read([])
        function.probe = .read(
            .answered(
                .init(
                    version: "0.1.0", sink: .init(url: "s3://meters/", writable: true),
                    rejects: .init(url: "s3://meters/", writable: true))))
        return function
    }
}

extension SetUp {
    /// The stream, to be spoilt.
    var theStream: ExaminedStream {
        get { streams[SetUps.stream] ?? ExaminedStream(arn: "") }
        set { streams[SetUps.stream] = newValue }
    }

    /// The agent, to be spoilt.
    var agent: ExaminedFunction {
        get { functions[SetUps.function] ?? ExaminedFunction(arn: "") }
        set { functions[SetUps.function] = newValue }
    }

    /// Changes the one mapping.
    mutating func changeMapping(_ change: (inout LambdaClient.Mapping) -> Void) {
        theStream.mappings = .read([SetUps.mapping(change)])
    }

    /// Changes how the agent is set up.
    mutating func changeConfiguration(_ change: (inout LambdaClient.Configuration) -> Void) {
        guard var configuration = agent.configuration.value else { return }
        change(&configuration)
        agent.configuration = .read(configuration)
    }
}
