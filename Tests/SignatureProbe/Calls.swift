import AWS
import HTTP

/// Makes every call that the clients have, each to `AWS_ENDPOINT_URL`, and writes what came of it on a line of its own.
///
/// integration/test_aws_calls.py answers, as botocore's models say.
enum Calls {
    static func makeAll() async throws {
        let settings = try AWSSettings.ofProcess()
        let session = AWSSession(
            settings: settings, transport: try AsyncHTTPTransport(caBundle: nil),
            policy: RetryPolicy(maximumAttempts: 1))
        try await cloudWatchLogs(CloudWatchLogsClient(session))
        try await kinesis(KinesisClient(session))
        try await lambda(LambdaClient(session))
        try await s3(session)
        try await others(session)
    }

    private static func report<Answer>(_ name: String, _ call: () async throws(AWSError) -> Answer) async {
        do throws(AWSError) {
            print("\(name)\t\(String(reflecting: try await call()))")
        } catch {
            print("\(name)\tfailed: \(error)")
        }
    }

    private static func cloudWatchLogs(_ logs: CloudWatchLogsClient) async {
        await report("DescribeLogGroups") { () throws(AWSError) in try await logs.logGroups(prefix: "/app/") }
        await report("DescribeLogGroups, all") { () throws(AWSError) in try await logs.logGroups(prefix: "") }
        await report("FilterLogEvents") { () throws(AWSError) in
            var query = CloudWatchLogsClient.EventQuery(
                logGroup: "/app/shop", times: 1..<2, pattern: "%amberflo_meter%", token: "t")
            (query.latestFirst, query.limit) = (true, 10)
            return String(decoding: try await logs.filterLogEvents(query), as: UTF8.self)
        }
        await report("DescribeDestinations") { () throws(AWSError) in
            try await logs.destination(arn: "destinations.0.arn")
        }
        await report("DescribeSubscriptionFilters") { () throws(AWSError) in
            try await logs.subscriptionFilters(of: "/app/shop")
        }
        await report("DescribeMetricFilters") { () throws(AWSError) in
            try await logs.metricFilterPatterns(of: "/app/shop")
        }
        await report("DescribeAccountPolicies") { () throws(AWSError) in try await logs.subscriptionPolicies() }
        let arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/metertap"
        await report("PutSubscriptionFilter") { () throws(AWSError) in
            try await logs.put(
                .init(
                    filterName: "metertap", filterPattern: "%amberflo_meter%", destinationArn: arn,
                    roleArn: "arn:aws:iam::123456789012:role/logs", distribution: "Random"), on: "/app/shop")
        }
        await report("DeleteSubscriptionFilter") { () throws(AWSError) in
            try await logs.deleteSubscriptionFilter(named: "metertap", of: "/app/shop")
        }
        await report("PutAccountPolicy") { () throws(AWSError) in
            try await logs.put(
                .init(
                    name: "metertap", document: .init(destinationArn: arn, filterPattern: "%amberflo_meter%"),
                    selectionCriteria: "LogGroupName NOT IN [\"/own\"]"))
        }
        await report("DeleteAccountPolicy") { () throws(AWSError) in
            try await logs.deleteSubscriptionPolicy(named: "metertap")
        }
    }

    private static func kinesis(_ kinesis: KinesisClient) async {
        let arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/metertap"
        let stream = KinesisClient.Stream(name: "metertap", arn: arn, created: 0)
        await report("DescribeStreamSummary") { () throws(AWSError) in try await kinesis.stream("metertap") }
        await report("DescribeStreamSummary, how it is set up") { () throws(AWSError) in
            try await kinesis.summary(of: arn)
        }
        await report("ListShards") { () throws(AWSError) in try await kinesis.shards(of: stream) }
        for start in [KinesisClient.Start.trimHorizon, .at(1_767_225_600_250), .after("495")] {
            await report("GetShardIterator, \(start)") { () throws(AWSError) in
                try await kinesis.iterator(of: "shardId-000000000000", in: stream, start: start)
            }
        }
        await report("GetRecords") { () throws(AWSError) in
            String(decoding: try await kinesis.records("iterator", of: "shardId-0", in: stream), as: UTF8.self)
        }
    }

    private static func lambda(_ lambda: LambdaClient) async {
        let arn = "arn:aws:lambda:eu-central-1:123456789012:function:agent:live"
        guard let function = LambdaClient.Function(arn: arn) else { return }
        await report("ListEventSourceMappings") { () throws(AWSError) in
            try await lambda.mappings(of: "arn:aws:kinesis:eu-central-1:123456789012:stream/metertap")
        }
        await report("GetFunctionConfiguration") { () throws(AWSError) in try await lambda.configuration(of: function) }
        await report("GetFunctionConcurrency") { () throws(AWSError) in
            try await lambda.reservedConcurrency(of: function) as Any
        }
        await report("GetFunctionEventInvokeConfig") { () throws(AWSError) in
            try await lambda.asynchronousCalls(of: function)
        }
        await report("GetPolicy") { () throws(AWSError) in try await lambda.policy(of: function) as Any }
        await report("AddPermission") { () throws(AWSError) in
            try await lambda.add(
                .init(
                    statementID: "metertap-logs", sourceAccount: "123456789012",
                    sourceArn: "arn:aws:logs:eu-central-1:123456789012:log-group:*"), to: function)
        }
        await report("RemovePermission") { () throws(AWSError) in
            try await lambda.removePermission("metertap-logs", from: function)
        }
        await report("Invoke") { () throws(AWSError) in
            let answer = try await lambda.invoke(function, payload: Array(#"{"metertap":"check"}"#.utf8))
            return (String(decoding: answer.payload, as: UTF8.self), answer.functionError as Any)
        }
    }

    private static func s3(_ session: AWSSession) async throws {
        var parts = S3Client.Multipart()
        (parts.threshold, parts.partBytes) = (8, 4)
        let s3 = try S3Client(session, multipart: parts)
        let (bucket, key) = ("meters", "team/ingest/records/a b+ü.ndjson.gz")
        let attributes = S3Attributes(
            contentType: "application/x-ndjson", metadata: ["metertap-lines": "1"], acl: "bucket-owner-full-control",
            encryption: .kms(key: "arn:aws:kms:eu-central-1:123456789012:key/k"))
        await report("PutObject") { () throws(AWSError) in
            try await s3.put([1, 2], bucket: bucket, key: key, attributes, ifNoneMatch: true)
        }
        await report("PutObject, replacing") { () throws(AWSError) in
            try await s3.put([1, 2], bucket: bucket, key: key, replacing: "\"etag\"", contentType: "text/plain") as Any
        }
        await report("PutObject, a check") { () throws(AWSError) in
            try await s3.checkPut(bucket: bucket, key: key, attributes, ifNoneMatch: true)
        }
        await report("CreateMultipartUpload") { () throws(AWSError) in
            try await s3.put(Array(repeating: 7, count: 10), bucket: bucket, key: key, attributes, ifNoneMatch: true)
        }
        // The server refuses its parts.
        await report("AbortMultipartUpload") { () throws(AWSError) in
            try await s3.put(Array(repeating: 7, count: 10), bucket: bucket, key: "aborted", attributes)
        }
        await report("GetObject") { () throws(AWSError) in
            try await s3.get(bucket: bucket, key: key, range: 0..<10)
        }
        await report("HeadObject") { () throws(AWSError) in try await s3.head(bucket: bucket, key: key) }
        await report("DeleteObject") { () throws(AWSError) in try await s3.delete(bucket: bucket, key: key) }
        await report("CopyObject") { () throws(AWSError) in
            try await s3.copy(bucket: bucket, from: key, to: "done/k", ifMatch: "\"etag\"")
        }
        await report("ListObjectsV2") { () throws(AWSError) in
            var listing = S3Listing(s3, bucket: bucket, prefix: "team/ü ", startAfter: "team/a")
            var pages: [S3Page] = []
            while let page = try await listing.next(maximumKeys: 2) { pages.append(page) }
            return pages
        }
    }

    private static func others(_ session: AWSSession) async throws {
        let role = "arn:aws:iam::123456789012:role/metertap"
        let sts = try STSClient(session)
        await report("GetCallerIdentity") { () throws(AWSError) in try await sts.callerIdentity() }
        await report("AssumeRole") { () throws(AWSError) in
            try await sts.assumeRole(roleARN: role, sessionName: "metertap", externalID: "tenant").accessKeyID
        }
        await report("AssumeRoleWithWebIdentity") { () throws(AWSError) in
            try await sts.assumeRole(roleARN: role, sessionName: "metertap", webIdentityToken: "token").accessKeyID
        }
        let iam = try IAMClient(session)
        await report("SimulatePrincipalPolicy") { () throws(AWSError) in
            try await iam.simulate(roleARN: role, actions: ["s3:PutObject", "s3:GetObject"], resource: "*")
        }
        await report("GetRole") { () throws(AWSError) in try await iam.trustPolicy(ofRoleNamed: "metertap") }
        await report("GetSecretValue") { () throws(AWSError) in
            try await SecretsManagerClient(session).secretValue("amberflo")
        }
        let sqs = try SQSClient("https://sqs.eu-central-1.amazonaws.com/123456789012/meters", session: session)
        await report("ReceiveMessage") { () throws(AWSError) in
            let messages = try await sqs.receive(wait: 20)
            for message in messages { try await sqs.delete(message) }
            return messages
        }
        let metric = CloudWatchClient.Metric("AWS/Lambda", "Errors", ["FunctionName": "agent"])
        let cloudWatch = try CloudWatchClient(session)
        await report("GetMetricData") { () throws(AWSError) in
            try await cloudWatch.values(of: [metric], in: 1_767_225_600_000..<1_767_229_200_000, period: 60)
        }
        await report("ListMetrics") { () throws(AWSError) in
            try await cloudWatch.metrics("AWS/Logs", "ForwardedLogEvents", with: ["FilterName": "metertap"])
        }
        await report("GetResources") { () throws(AWSError) in
            try await TaggingClient(session).logGroups(with: [.init(key: "team", values: ["shop"])])
        }
    }
}
