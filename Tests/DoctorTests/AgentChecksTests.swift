import AWS
import Attachment
import Doctor
import Redrive
import Testing

/// What a check finds in a set-up that was right but for one thing.
struct Spoilt: Sendable, CustomTestStringConvertible {
    var testDescription: String
    var setUp: SetUp
    var check: Check
    var severity: Finding.Severity
    /// A word of the finding's remedy.
    var word: String

    static func withStream(
        _ name: String, _ check: Check, _ severity: Finding.Severity, _ word: String, _ change: (inout SetUp) -> Void
    ) -> Spoilt {
        Spoilt(
            testDescription: name, setUp: SetUps.withStream(change), check: check, severity: severity, word: word)
    }

    static func direct(
        _ name: String, _ check: Check, _ severity: Finding.Severity, _ word: String, _ change: (inout SetUp) -> Void
    ) -> Spoilt {
        Spoilt(testDescription: name, setUp: SetUps.direct(change), check: check, severity: severity, word: word)
    }
}

@Suite struct AgentChecksTests {
    @Test func `a right set-up is no finding`() {
        #expect(Diagnosis(SetUps.withStream()).findings == [])
        #expect(Diagnosis(SetUps.direct()).findings == [])
    }

    private static let streams: [Spoilt] = [
        .withStream("errors of delivery", .deliveryErrors, .loss, "audit --log-group /app/api") {
            $0.deliveries = .read([.init(logGroup: "/app/api", filter: "metertap", errors: 1)])
        },
        .withStream("delivery is throttled", .deliveryThrottling, .risk, "shards") {
            $0.deliveries = .read([.init(logGroup: "/app/api", filter: "metertap", throttled: 1)])
        },
        .withStream("no such stream", .streamActive, .loss, "attach --destination-arn") {
            $0.theStream.summary = .failed(SetUps.refusal(404, "Kinesis DescribeStreamSummary"))
        },
        .withStream("a stream that is being deleted", .streamActive, .loss, "describe-stream-summary") {
            $0.theStream.summary = .read(.init(status: "DELETING"))
        },
        .withStream("a short retention", .streamRetention, .risk, "--retention-period-hours 168") {
            $0.theStream.summary = .read(.init(retentionHours: 47))
            $0.changeMapping { $0.maximumRecordAge = 24 * 3_600 }
        },
        .withStream("a shard without room", .streamThroughput, .risk, "Random") {
            $0.theStream.figures = .read(.init(refused: 1))
        },
        .withStream("shards that are nearly full of bytes", .streamThroughput, .risk, "ON_DEMAND") {
            $0.theStream.summary = .read(.init(openShards: 2, isOnDemand: false))
            $0.theStream.figures = .read(.init(mostBytesOfMinute: 0.81 * 2 * 1_048_576 * 60))
        },
        .withStream("shards that are nearly full of records", .streamThroughput, .risk, "4 shards") {
            $0.theStream.summary = .read(.init(openShards: 2, isOnDemand: false))
            $0.theStream.figures = .read(.init(mostRecordsOfMinute: 0.81 * 2 * 1_000 * 60))
        },
        .withStream("records too large for an invocation", .streamRecordSize, .risk, "update-max-record-size") {
            $0.theStream.summary = .read(.init(maximumRecordKiB: 4_501))
        },
        .withStream("nobody reads", .streamReader, .loss, "create-event-source-mapping") {
            $0.theStream.mappings = .read([])
            $0.theStream.figures = .read(.init())
        },
        .withStream("only another program reads", .streamReader, .loss, "create-event-source-mapping") {
            $0.changeMapping { $0.functionARN = "arn:aws:lambda:eu-central-1:123456789012:function:other" }
            $0.theStream.figures = .read(.init())
        },
        .withStream("readers are behind", .iteratorAge, .risk, "parallelization-factor") {
            $0.theStream.figures = .read(.init(recentAges: [1, 3_600_001]))
        },
        .withStream("readers are so far behind that records are lost soon", .iteratorAge, .loss, "logs tail") {
            $0.agent.figures = .read(.init(recentAges: [85 * 3_600_000]))
        },
    ]

    private static let mappings: [Spoilt] = [
        .withStream("a disabled mapping", .mappingEnabled, .loss, "--uuid uuid-1 --enabled") {
            $0.changeMapping { $0.state = "Disabled" }
        },
        .withStream("a mapping with a problem", .mappingEnabled, .loss, "names the cause") {
            $0.changeMapping { $0.lastResult = "PROBLEM: Function call failed" }
        },
        .withStream("answers that nobody reads", .mappingResponses, .risk, "ReportBatchItemFailures") {
            $0.theStream.mappings = .read([
                .init(
                    id: "u", functionARN: SetUps.function, maximumRecordAge: 518_400, reportsFailures: false,
                    failureDestination: SetUps.failures)
            ])
        },
        .withStream("no halves", .mappingBisects, .risk, "--bisect-batch-on-function-error") {
            $0.changeMapping { $0.bisects = false }
        },
        .withStream("an age without end", .mappingAge, .risk, "--maximum-record-age-in-seconds 518400") {
            $0.changeMapping { $0.maximumRecordAge = -1 }
        },
        .withStream("an age beyond the retention", .mappingAge, .risk, "--maximum-record-age-in-seconds 86400") {
            $0.theStream.summary = .read(.init(retentionHours: 48))
            $0.changeMapping { $0.maximumRecordAge = 48 * 3_600 }
        },
        .withStream("a short age", .mappingAge, .risk, "--maximum-record-age-in-seconds 518400") {
            $0.changeMapping { $0.maximumRecordAge = 6 * 3_600 - 1 }
        },
        .withStream("few attempts", .mappingAge, .risk, "--maximum-retry-attempts -1") {
            $0.changeMapping { $0.maximumRetries = 3 }
        },
        .withStream("filter criteria", .mappingFilter, .loss, "--filter-criteria '{}'") {
            $0.changeMapping { $0.filters = 1 }
        },
        .withStream("reading began with the newest", .mappingStart, .note, "TRIM_HORIZON") {
            $0.changeMapping { $0.start = "LATEST" }
        },
        .withStream("no failure destination", .failureDestination, .risk, "OnFailure") {
            $0.changeMapping { $0.failureDestination = nil }
        },
        .withStream("a queue as failure destination", .failureDestination, .risk, "arn:aws:s3:::BUCKET") {
            $0.changeMapping { $0.failureDestination = "arn:aws:sqs:eu-central-1:123456789012:q" }
        },
        .direct("no failure destination in direct mode", .failureDestination, .risk, "put-function-event-invoke-config")
        {
            $0.agent.asynchronousCalls = .read(.init())
        },
        .direct("events are dropped in direct mode", .failureDestination, .loss, "put-function-event-invoke-config") {
            $0.agent.asynchronousCalls = .read(.init())
            $0.agent.figures = .read(.init(dropped: 1))
        },
        .direct("a topic as failure destination in direct mode", .failureDestination, .risk, "arn:aws:s3:::BUCKET") {
            $0.agent.asynchronousCalls = .read(.init(failureDestination: "arn:aws:sns:eu-central-1:123456789012:t"))
        },
    ]

    private static let functions: [Spoilt] = [
        .direct("no such function", .functionActive, .loss, "Deploy the agent again") {
            $0.agent.configuration = .failed(SetUps.refusal(404, "Lambda GetFunctionConfiguration"))
        },
        .withStream("a failed function", .functionActive, .loss, "Deploying") {
            $0.changeConfiguration { $0.state = "Failed" }
        },
        .withStream("an inactive function", .functionActive, .risk, "Deploying") {
            $0.changeConfiguration { $0.state = "Inactive" }
        },
        .withStream("a failed change", .functionActive, .risk, "again") {
            $0.changeConfiguration { $0.lastUpdate = "Failed" }
        },
        .direct("no policy", .functionMayBeCalled, .loss, "add-permission --function-name metertap-agent") {
            $0.agent.policy = .read(nil)
        },
        .direct("a policy for another log group", .functionMayBeCalled, .loss, "log-group:*") {
            $0.agent.policy = .read(
                SetUps.policy(source: "arn:aws:logs:eu-central-1:123456789012:log-group:/app/other:*"))
        },
        .direct("a policy for another account", .functionMayBeCalled, .loss, "123456789012") {
            $0.agent.policy = .read(
                SetUps.policy().replacing("\"AWS:SourceAccount\":\"123456789012\"", with: "\"AWS:SourceAccount\":\"9\"")
            )
        },
        .withStream("no concurrency", .functionConcurrency, .loss, "delete-function-concurrency") {
            $0.agent.reservedConcurrency = .read(0)
        },
        .withStream("throttles with a stream", .functionConcurrency, .note, "put-function-concurrency") {
            $0.agent.figures = .read(.init(throttles: 1))
        },
        .direct("throttles without a stream", .functionConcurrency, .risk, "put-function-concurrency") {
            $0.agent.figures = .read(.init(throttles: 1))
        },
        .withStream("some errors", .functionErrors, .risk, "logs tail /aws/lambda/agent") {
            $0.agent.figures = .read(.init(invocations: 3, errors: 1, recentInvocations: 2, recentErrors: 1))
        },
        .withStream("nothing but errors", .functionErrors, .loss, "logs tail") {
            $0.agent.figures = .read(.init(invocations: 3, errors: 1, recentInvocations: 1, recentErrors: 1))
        },
        .withStream("a short timeout", .functionTimeout, .risk, "--timeout 60") {
            $0.changeConfiguration { $0.timeout = 9 }
            $0.agent.figures = .read(.init())
        },
        .withStream("invocations near the timeout", .functionTimeout, .risk, "--timeout 120") {
            $0.agent.figures = .read(.init(longest: 54_000))
        },
        .withStream("invocations near the memory", .functionMemory, .risk, "--memory-size 1024") {
            $0.agent.mostMemory = .read(461)
        },
        .withStream("no sink", .functionSettings, .loss, "--environment") {
            $0.changeConfiguration { $0.environment["METERTAP_SINK"] = nil }
        },
        .withStream("variables that nobody can read", .functionSettings, .loss, "--environment") {
            $0.changeConfiguration { $0.environmentError = "KMS" }
        },
        .withStream("a role that may not read", .functionRole, .loss, "role's policy") {
            $0.agent.refusals = .read([.init(action: "kinesis:GetRecords", resource: SetUps.stream)])
        },
        .withStream("a role that may not keep failures", .functionRole, .risk, "role's policy") {
            $0.agent.refusals = .read([.init(action: "s3:PutObject", resource: SetUps.failures)])
        },
        .withStream("a role that may not log", .functionRole, .risk, "role's policy") {
            $0.agent.refusals = .read([.init(action: "logs:PutLogEvents", resource: "l")])
        },
        .withStream("no such role", .functionRole, .loss, "Deploy") {
            $0.agent.refusals = .failed(SetUps.refusal(404, "IAM SimulatePrincipalPolicy"))
        },
    ]

    private static let places: [Spoilt] = [
        .withStream("a sink that refuses", .sinkWritable, .loss, "s3:PutObject on arn:aws:s3:::meters/ingest/records/*")
        {
            $0.agent.probe = probe(sink: .init(url: "s3://meters/", writable: false, errorKind: "configuration"))
        },
        .withStream("a sink that is away", .sinkWritable, .risk, "again") {
            $0.agent.probe = probe(sink: .init(url: "s3://meters/", writable: false, errorKind: "transient"))
        },
        .withStream("an API that refuses", .sinkWritable, .loss, "API key") {
            $0.agent.probe = probe(sink: .init(url: "https://h/ingest", writable: false, errorKind: "configuration"))
        },
        .withStream(
            "rejects that cannot be kept", .rejectsWritable, .loss, "s3:PutObject on arn:aws:s3:::own/rejects/*"
        ) {
            $0.agent.probe = probe(rejects: .init(url: "s3://own/", writable: false, errorKind: "configuration"))
        },
        .withStream("manifests that cannot be kept", .rejectsWritable, .loss, "manifest/*") {
            $0.agent.probe = probe(manifest: .init(url: "s3://own/", writable: false, errorKind: "configuration"))
        },
        .withStream("an older agent", .sinkWritable, .unknown, "Deploy") { $0.agent.probe = .read(.isOlder) },
        .withStream("an agent that fails", .sinkWritable, .loss, "error") { $0.agent.probe = .read(.failed("e")) },
        .withStream("dead letters", .deadLetters, .loss, "metertap redrive s3://failed/") {
            $0.waiting["s3://failed/"] = .read(.init(counts: [.init(.streamFailure, objects: 1)]))
        },
        .withStream("rejects", .rejectsWaiting, .loss, "metertap redrive s3://meters/") {
            $0.waiting["s3://meters/"] = .read(
                .init(counts: [.init(.rejects, objects: 2, newest: SetUps.now - 31 * SetUps.day)]))
        },
        .withStream("failed requests", .failedRequests, .loss, "metertap redrive s3://meters/") {
            $0.waiting["s3://meters/"] = .read(.init(counts: [.init(.failedRequest, objects: 1)]))
        },
        .withStream("no audit", .auditDue, .risk, "audit --log-group /app/api") {
            $0.platform = .read(.init(audits: []))
        },
        .withStream("an old audit", .auditDue, .risk, "audit --log-group /app/api") {
            $0.platform = .read(audit(time: SetUps.now - 7 * SetUps.day - 1))
        },
        .withStream("ids that differ, by an audit", .eventIdentity, .risk, "uniqueId") {
            $0.platform = .read(audit(matchedByContent: 1))
        },
        .withStream("ids that differ, read back", .eventIdentity, .risk, "uniqueId") {
            $0.identities = .read([.init(logGroup: "/app/api", events: 2, isFound: false)])
        },
    ]

    private static func probe(
        sink: ExaminedFunction.ProbeAnswer.Place = .init(url: "s3://meters/", writable: true),
        rejects: ExaminedFunction.ProbeAnswer.Place = .init(url: "s3://meters/", writable: true),
        manifest: ExaminedFunction.ProbeAnswer.Place? = nil
    ) -> Reading<ExaminedFunction.Probe> {
        .read(.answered(.init(version: "0.1.0", sink: sink, rejects: rejects, manifest: manifest)))
    }

    private static func audit(time: Int64 = SetUps.now, matchedByContent: Int = 0) -> ExaminedPlatform {
        .init(audits: [
            .init(account: "123456789012", logGroup: "/app/api", time: time, matchedByContent: matchedByContent)
        ])
    }

    @Test(arguments: streams + mappings + functions + places)
    func `one thing that is wrong is one finding`(_ spoilt: Spoilt) throws {
        let findings = Diagnosis(spoilt.setUp).findings
        let finding = try #require(findings.first)
        #expect(findings.count == 1, "\(findings)")
        #expect(finding.check == spoilt.check)
        #expect(finding.severity == spoilt.severity)
        #expect(finding.remedy.contains(spoilt.word), "\(finding.remedy)")
        #expect(!finding.evidence.isEmpty && !finding.consequence.isEmpty && !finding.subject.isEmpty)
    }

    private static let edges: [(String, SetUp)] = [
        (
            "two days of retention",
            SetUps.withStream {
                $0.theStream.summary = .read(.init(retentionHours: 48))
                $0.changeMapping { $0.maximumRecordAge = 24 * 3_600 }
            }
        ),
        (
            "four fifths of the shards",
            SetUps.withStream {
                $0.theStream.summary = .read(.init(openShards: 1, isOnDemand: false))
                $0.theStream.figures = .read(
                    .init(mostBytesOfMinute: 0.8 * 1_048_576 * 60, mostRecordsOfMinute: 48_000))
            }
        ),
        (
            "a busy stream on demand",
            SetUps.withStream {
                $0.theStream.figures = .read(.init(mostBytesOfMinute: 1e12, mostRecordsOfMinute: 1e9))
            }
        ),
        ("records that fit", SetUps.withStream { $0.theStream.summary = .read(.init(maximumRecordKiB: 4_500)) }),
        (
            "a collector that pulls from the stream",
            SetUps.withStream {
                $0.theStream.mappings = .read([])
                $0.theStream.figures = .read(.init(recentAges: [0]))
                $0.functions = [:]
            }
        ),
        (
            "another program beside the agent, however it is fed",
            SetUps.withStream {
                $0.theStream.mappings = .read([
                    SetUps.mapping(),
                    .init(
                        id: "x", functionARN: "other", state: "Disabled", start: "LATEST", bisects: false, filters: 1),
                ])
            }
        ),
        ("a mapping that is being changed", SetUps.withStream { $0.changeMapping { $0.state = "Updating" } }),
        ("six hours of attempts", SetUps.withStream { $0.changeMapping { $0.maximumRecordAge = 6 * 3_600 } }),
        ("nothing to process", SetUps.withStream { $0.changeMapping { $0.lastResult = "No records processed" } }),
        ("a reserved concurrency", SetUps.withStream { $0.agent.reservedConcurrency = .read(1) }),
        (
            "a permission of one log group",
            SetUps.direct {
                $0.agent.policy = .read(
                    SetUps.policy(source: "arn:aws:logs:eu-central-1:123456789012:log-group:/app/api:*"))
            }
        ),
        ("a log without reports", SetUps.withStream { $0.agent.mostMemory = .read(nil) }),
        ("a function that is being made", SetUps.withStream { $0.changeConfiguration { $0.state = "Pending" } }),
        (
            "old rejects",
            SetUps.withStream {
                $0.waiting["s3://meters/"] = .read(
                    .init(counts: [.init(.rejects, objects: 2, newest: SetUps.now - 31 * SetUps.day - 1)]))
            }
        ),
        (
            "rejects that were edited at the platform",
            SetUps.withStream {
                $0.waiting["s3://meters/"] = .read(.init(counts: [.init(.rejects, objects: 2)]))
                $0.platform = .read(
                    .init(
                        audits: [.init(account: "123456789012", logGroup: "/app/api", time: SetUps.now)], openRejects: 0
                    ))
            }
        ),
        ("an audit a week ago", SetUps.withStream { $0.platform = .read(audit(time: SetUps.now - 7 * SetUps.day)) }),
        (
            "a log event that is no longer there",
            SetUps.withStream {
                $0.identities = .read([.init(logGroup: "/app/api", events: 0, isFound: false)])
            }
        ),
    ]

    @Test(arguments: edges.indices) func `what is just right is no finding`(_ index: Int) {
        let (name, setUp) = Self.edges[index]
        #expect(Diagnosis(setUp).findings == [], "\(name)")
    }

    @Test func `what may not be looked at is told once for each action, with the action`() {
        let operations = [
            "Kinesis DescribeStreamSummary", "Lambda ListEventSourceMappings", "CloudWatch GetMetricData",
            "Lambda GetFunctionConfiguration", "Lambda GetFunctionConcurrency", "IAM SimulatePrincipalPolicy",
            "CloudWatch Logs FilterLogEvents", "Lambda Invoke", "S3 ListObjectsV2",
        ]
        let setUp = SetUps.withStream { setUp in
            setUp.theStream.summary = .failed(SetUps.refusal(403, operations[0]))
            setUp.theStream.mappings = .failed(SetUps.refusal(403, operations[1]))
            setUp.theStream.figures = .failed(SetUps.refusal(403, operations[2]))
            setUp.agent.configuration = .failed(SetUps.refusal(403, operations[3]))
            setUp.agent.reservedConcurrency = .failed(SetUps.refusal(403, operations[4]))
            setUp.agent.refusals = .failed(SetUps.refusal(403, operations[5]))
            setUp.agent.mostMemory = .failed(SetUps.refusal(403, operations[6]))
            setUp.agent.probe = .failed(SetUps.refusal(403, operations[7]))
            for url in setUp.waiting.keys { setUp.waiting[url] = .failed(SetUps.refusal(403, operations[8])) }
        }
        let findings = Diagnosis(setUp).findings
        #expect(findings.allSatisfy { $0.severity == .unknown })
        #expect(findings.count == operations.count)
        for action in [
            "kinesis:DescribeStreamSummary", "lambda:ListEventSourceMappings", "cloudwatch:GetMetricData",
            "lambda:GetFunctionConfiguration", "lambda:GetFunctionConcurrency", "iam:SimulatePrincipalPolicy",
            "logs:FilterLogEvents", "lambda:InvokeFunction", "s3:ListBucket",
        ] {
            #expect(findings.filter { $0.remedy.contains("Allow \(action) ") }.count == 1, "\(action)")
        }
    }
}
