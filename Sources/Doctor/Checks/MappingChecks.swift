import AWS

/// What feeds the agent from a stream, and what becomes of that which it cannot deliver.
enum MappingChecks {
    /// An outage of a sink that nobody has to get up for.
    private static let leastAgeSeconds = 6 * 3_600
    private static let secondsOfHour = 3_600
    private static let forever = -1

    static func run(_ setUp: SetUp) -> [Finding] {
        var findings: [Finding] = []
        for stream in setUp.streams.values.sorted(by: { $0.arn < $1.arn }) {
            for mapping in stream.mappings.value ?? [] where isOfAgent(mapping, setUp) {
                findings += [enabled, lastResult, responses, bisects].flatMap { $0(mapping) }
                findings += age(mapping, stream)
                findings += [retries, filter, start, failureDestination].flatMap { $0(mapping) }
            }
        }
        for function in setUp.functions.values.sorted(by: { $0.arn < $1.arn }) {
            findings += asynchronousDestination(function)
        }
        return findings
    }

    /// Another program may read the stream too, and be fed as it likes.
    static func isOfAgent(_ mapping: LambdaClient.Mapping, _ setUp: SetUp) -> Bool {
        mapping.functionARN.map { setUp.functions[$0] != nil } ?? false
    }

    // MARK: - Whether it works

    private static func enabled(_ mapping: LambdaClient.Mapping) -> [Finding] {
        guard let state = mapping.state, ["Disabled", "Disabling", "Deleting"].contains(state) else { return [] }
        return [
            Finding(
                .mappingEnabled, .loss, subject(mapping), "The event source mapping is \(state).",
                consequence:
                    "Nothing is billed until it is enabled, and what becomes older than the stream's retention "
                    + "is lost to the agent.", remedy: update(mapping, "--enabled"),
                evidence: ["State \(state)" + (mapping.stateReason.map { ": \($0)" } ?? "")])
        ]
    }

    private static func lastResult(_ mapping: LambdaClient.Mapping) -> [Finding] {
        guard let result = mapping.lastResult, result.hasPrefix("PROBLEM") else { return [] }
        return [
            Finding(
                .mappingEnabled, .loss, subject(mapping), "Lambda could not get the last batch processed.",
                consequence:
                    "Its shard stands still: nothing of it is billed until this is mended, and what becomes too "
                    + "old is given up.",
                remedy:
                    "The result names the cause: a permission of the function's role, or a function that fails. What "
                    + "the function says is in its log.", evidence: ["LastProcessingResult \(result)"])
        ]
    }

    // https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
    private static func responses(_ mapping: LambdaClient.Mapping) -> [Finding] {
        guard !mapping.reportsFailures else { return [] }
        return [
            Finding(
                .mappingResponses, .risk, subject(mapping), "The mapping does not look at the agent's answer.",
                consequence:
                    "What the agent could not deliver, and says so, Lambda takes for delivered: it never comes "
                    + "again, and the meters in it are on no bill.",
                remedy: update(mapping, "--function-response-types ReportBatchItemFailures"),
                evidence: ["FunctionResponseTypes without ReportBatchItemFailures"])
        ]
    }

    private static func bisects(_ mapping: LambdaClient.Mapping) -> [Finding] {
        guard mapping.bisects == false else { return [] }
        return [
            Finding(
                .mappingBisects, .risk, subject(mapping),
                "A batch that fails is tried again as a whole, never in halves.",
                consequence:
                    "One record that ends the function takes its neighbours with it: all of them are billed late, "
                    + "or are given up together.", remedy: update(mapping, "--bisect-batch-on-function-error"),
                evidence: ["BisectBatchOnFunctionError false"])
        ]
    }

    // MARK: - When it gives up

    private static func age(_ mapping: LambdaClient.Mapping, _ stream: ExaminedStream) -> [Finding] {
        let age = mapping.maximumRecordAge ?? forever
        let retention = stream.summary.value?.retentionHours ?? 24
        let evidence = [
            "MaximumRecordAgeInSeconds \(age)",
            "RetentionPeriodHours \(stream.summary.value.map { String($0.retentionHours) } ?? "unknown")",
        ]
        guard stream.summary.value != nil, age == forever || age >= retention * secondsOfHour else {
            guard age != forever, age < leastAgeSeconds else { return [] }
            return [
                Finding(
                    .mappingAge, .risk, subject(mapping), "A record is given up after \(age) seconds.",
                    consequence:
                        "A sink that is away for longer makes good records into failed batches, which are on no "
                        + "bill until somebody delivers them again.",
                    remedy: update(mapping, "--maximum-record-age-in-seconds \(usefulAge(retention))"),
                    evidence: evidence)
            ]
        }
        return [
            Finding(
                .mappingAge, .risk, subject(mapping),
                "The stream forgets a record before Lambda gives it up.",
                consequence:
                    "What fails for so long never reaches the failure destination: it is lost to the agent, and "
                    + "the meters in it have to be found again in the logs.",
                remedy: update(mapping, "--maximum-record-age-in-seconds \(usefulAge(retention))"), evidence: evidence)
        ]
    }

    /// A day before the stream forgets, or half of a short retention; no more than Lambda takes.
    private static func usefulAge(_ retentionHours: Int) -> Int {
        min(max(retentionHours - 24, retentionHours / 2) * secondsOfHour, 604_800)
    }

    private static func retries(_ mapping: LambdaClient.Mapping) -> [Finding] {
        let retries = mapping.maximumRetries ?? forever
        guard retries != forever else { return [] }
        return [
            Finding(
                .mappingAge, .risk, subject(mapping), "A batch is given up after \(retries) further attempts.",
                consequence:
                    "Attempts follow each other within seconds: an outage of the sink of some minutes makes good "
                    + "records into failed batches, which are on no bill until somebody delivers them again.",
                remedy: update(mapping, "--maximum-retry-attempts -1"), evidence: ["MaximumRetryAttempts \(retries)"])
        ]
    }

    /// https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis-filtering.html: a filter can look at `data` alone, as JSON.
    private static func filter(_ mapping: LambdaClient.Mapping) -> [Finding] {
        guard mapping.filters > 0 else { return [] }
        return [
            Finding(
                .mappingFilter, .loss, subject(mapping), "The mapping has filter criteria.",
                consequence:
                    "Lambda looks for JSON in the data, and CloudWatch Logs ships gzip: records are passed over "
                    + "without a trace, and the meters in them are on no bill.",
                remedy: update(mapping, "--filter-criteria '{}'"),
                evidence: ["FilterCriteria: \(mapping.filters) filters"])
        ]
    }

    // https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html
    private static func start(_ mapping: LambdaClient.Mapping) -> [Finding] {
        guard mapping.start == "LATEST" else { return [] }
        return [
            Finding(
                .mappingStart, .note, subject(mapping), "The mapping began to read with the newest record.",
                consequence: "What came into the stream before it was ready, when it was made, the agent never saw.",
                remedy:
                    "Audit the time in which it was made, `metertap audit --repair`; a new mapping is to begin with "
                    + "TRIM_HORIZON.", evidence: ["StartingPosition LATEST"])
        ]
    }

    // MARK: - Where that goes which is given up

    private static func failureDestination(_ mapping: LambdaClient.Mapping) -> [Finding] {
        guard let destination = mapping.failureDestination else {
            return [
                Finding(
                    .failureDestination, .risk, subject(mapping),
                    "There is no place for batches that Lambda gives up.",
                    consequence:
                        "What it gives up is gone without a trace: the meters in it are on no bill, and nobody "
                        + "is told.", remedy: update(mapping, destinationOption(mapping)),
                    evidence: ["DestinationConfig is empty"])
            ]
        }
        guard !isBucket(destination) else { return [] }
        return [
            Finding(
                .failureDestination, .risk, subject(mapping), "Batches that Lambda gives up go to a queue or a topic.",
                consequence:
                    "That gets the numbers of the records and not what is in them: once the stream has forgotten "
                    + "them, the meters are on no bill.", remedy: update(mapping, destinationOption(mapping)),
                evidence: ["OnFailure \(destination)"])
        ]
    }

    // https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    private static func asynchronousDestination(_ function: ExaminedFunction) -> [Finding] {
        let failures = function.asynchronousCalls.error.map { [(subject: function.arn, error: $0)] } ?? []
        let unreadable = Finding.unreadable(
            .failureDestination, failures, what: "what becomes of events that the agent could not deliver")
        guard function.isCalledByLogs, let calls = function.asynchronousCalls.value else { return unreadable }
        let dropped = function.figures.value?.dropped ?? 0
        let remedy =
            "`aws lambda put-function-event-invoke-config --function-name \(function.name) --maximum-retry-attempts 2 "
            + "--maximum-event-age-in-seconds 21600 --destination-config "
            + "\(destination(function.arn))`."
        guard let destination = calls.failureDestination else {
            return [
                Finding(
                    .failureDestination, dropped > 0 ? .loss : .risk, function.arn,
                    "There is no place for events that Lambda gives up.",
                    consequence:
                        "After three failures, or six hours, an event of CloudWatch Logs is gone without a trace: "
                        + "the meters in it are on no bill.", remedy: remedy,
                    evidence: [
                        "GetFunctionEventInvokeConfig: no OnFailure",
                        "AWS/Lambda AsyncEventsDropped of a day: \(StreamChecks.whole(dropped))",
                    ])
            ]
        }
        guard !isBucket(destination) else { return [] }
        return [
            Finding(
                .failureDestination, .risk, function.arn, "Events that Lambda gives up go to no bucket.",
                consequence:
                    "An event that is larger than the queue or the topic takes is gone, and `metertap redrive` "
                    + "does not read there: the meters in it are on no bill.", remedy: remedy,
                evidence: ["OnFailure \(destination)"])
        ]
    }

    private static func destinationOption(_ mapping: LambdaClient.Mapping) -> String {
        "--destination-config \(destination(mapping.functionARN ?? ""))"
    }

    /// A bucket in the partition of an ARN, as the value of `--destination-config`.
    private static func destination(_ arn: String) -> String {
        "'{\"OnFailure\":{\"Destination\":\"arn:\(ARN.partition(of: arn)):s3:::BUCKET\"}}'"
    }

    static func isBucket(_ arn: String) -> Bool { arn.split(separator: ":").dropFirst(2).first == "s3" }

    private static func subject(_ mapping: LambdaClient.Mapping) -> String {
        "the mapping \(mapping.id) of \(mapping.functionARN.flatMap(LambdaClient.Function.init)?.name ?? "a function")"
    }

    private static func update(_ mapping: LambdaClient.Mapping, _ options: String) -> String {
        "`aws lambda update-event-source-mapping --uuid \(mapping.id) \(options)`; by the template it is right."
    }
}
