import AWS

/// What CloudWatch Logs hands on, and the stream that keeps it for the agent.
enum StreamChecks {
    /// A weekend's outage that is seen on Monday morning.
    private static let leastRetentionHours = 48
    /// From here on a day with a few more customers is too much.
    private static let mostOfShard = 0.8
    /// What a shard takes in a second.
    ///
    /// https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
    private static let bytesOfShard = 1_048_576.0
    private static let recordsOfShard = 1_000.0
    /// What fits into an invocation of 6 MB in base64, with what stands around it.
    ///
    /// https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
    static let mostRecordKiB = 4_500
    /// A batch that fails twice or thrice is no older than this.
    private static let usualAge = 3_600_000.0
    private static let millisecondsOfHour = 3_600_000.0

    static func run(_ setUp: SetUp) -> [Finding] {
        let streams = setUp.streams.values.sorted { $0.arn < $1.arn }
        var findings = deliveries(setUp) + unreadable(streams)
        for stream in streams {
            findings += [active, retention, throughput, recordSize].flatMap { $0(stream) }
            findings += reader(stream, setUp)
            findings += age(stream, setUp)
        }
        return findings
    }

    // MARK: - CloudWatch Logs

    private static func deliveries(_ setUp: SetUp) -> [Finding] {
        let deliveries = setUp.deliveries.value ?? []
        let failures = setUp.deliveries.error.map { [(subject: "the filter \(setUp.filterName)", error: $0)] } ?? []
        return Finding.unreadable(.deliveryErrors, failures, what: "whether CloudWatch Logs delivers")
            + deliveries.filter { $0.errors > 0 }.map(errors) + deliveries.filter { $0.throttled > 0 }.map(throttling)
    }

    // https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/Subscriptions.html
    private static func errors(_ delivery: ExaminedDelivery) -> Finding {
        Finding(
            .deliveryErrors, .loss, delivery.logGroup,
            "CloudWatch Logs could not hand on \(whole(delivery.errors)) log events of the filter \(delivery.filter) in "
                + "the last day.",
            consequence: "After an error of permission it drops log events for up to ten minutes, without a trace for "
                + "the agent: the meters in them are on no bill.",
            remedy: "Mend the destination and the role that this report names, then bring back what is missing: "
                + "`metertap audit --log-group \(delivery.logGroup) --repair`.",
            evidence: ["AWS/Logs DeliveryErrors of a day: \(whole(delivery.errors))"])
    }

    private static func throttling(_ delivery: ExaminedDelivery) -> Finding {
        Finding(
            .deliveryThrottling, .risk, delivery.logGroup,
            "CloudWatch Logs had to wait with \(whole(delivery.throttled)) log events of the filter \(delivery.filter) in "
                + "the last day, since the destination was too slow.",
            consequence:
                "It tries again for up to 24 hours; what still does not fit then is dropped, and the meters in "
                + "it are on no bill.",
            remedy: "Give the stream more shards or make it on demand; in direct mode, let more invocations run at the "
                + "same time. `metertap audit --log-group \(delivery.logGroup)` tells what is missing.",
            evidence: ["AWS/Logs DeliveryThrottling of a day: \(whole(delivery.throttled))"])
    }

    // MARK: - The stream

    private static func unreadable(_ streams: [ExaminedStream]) -> [Finding] {
        let summaries = streams.filter { !$0.summary.isMissing }
        return Finding.unreadable(
            .streamActive, summaries.compactMap { one in one.summary.error.map { (one.arn, $0) } },
            what: "how the stream is set up")
            + Finding.unreadable(
                .streamThroughput, streams.compactMap { one in one.figures.error.map { (one.arn, $0) } },
                what: "whether the stream has room, and how far its readers are")
            + Finding.unreadable(
                .streamReader, streams.compactMap { one in one.mappings.error.map { (one.arn, $0) } },
                what: "who reads the stream")
    }

    private static func active(_ stream: ExaminedStream) -> [Finding] {
        if stream.summary.isMissing {
            return [
                Finding(
                    .streamActive, .loss, stream.arn, "Filters hand on to a stream that is not there.",
                    consequence: "CloudWatch Logs drops what it cannot hand on: the meters are on no bill.",
                    remedy:
                        "Deploy the agent again, point the filters at its stream with `metertap attach --destination-arn "
                        + "ARN`, and bring back what is missing with `metertap audit --repair`.",
                    evidence: stream.summary.error.map { ["\($0)"] } ?? [])
            ]
        }
        guard let summary = stream.summary.value, !["ACTIVE", "UPDATING"].contains(summary.status) else { return [] }
        return [
            Finding(
                .streamActive, .loss, stream.arn, "The stream is \(summary.status), not ACTIVE.",
                consequence:
                    "It takes no record: CloudWatch Logs drops what it cannot hand on, and the meters are on no "
                    + "bill.",
                remedy: "See `aws kinesis describe-stream-summary --stream-arn \(stream.arn)`; where it is being "
                    + "deleted, deploy the agent again and attach the log groups to the new stream.",
                evidence: ["DescribeStreamSummary: StreamStatus \(summary.status)"])
        ]
    }

    private static func retention(_ stream: ExaminedStream) -> [Finding] {
        guard let summary = stream.summary.value, summary.retentionHours < leastRetentionHours else { return [] }
        return [
            Finding(
                .streamRetention, .risk, stream.arn,
                "The stream keeps log events for \(summary.retentionHours) hours only.",
                consequence:
                    "An agent or a sink that stands still for longer, over a weekend for example, loses what was "
                    + "logged: the meters have to be found again in the logs, or are on no bill.",
                remedy:
                    "Keep them for a week: `aws kinesis increase-stream-retention-period --stream-arn \(stream.arn) "
                    + "--retention-period-hours 168`.",
                evidence: ["DescribeStreamSummary: RetentionPeriodHours \(summary.retentionHours)"])
        ]
    }

    private static func throughput(_ stream: ExaminedStream) -> [Finding] {
        guard let figures = stream.figures.value else { return [] }
        let (bytes, records) = (figures.mostBytesOfMinute / 60, figures.mostRecordsOfMinute / 60)
        let evidence = [
            "AWS/Kinesis WriteProvisionedThroughputExceeded of a day: \(whole(figures.refused))",
            "the fullest minute of a day: \(whole(bytes)) bytes and \(whole(records)) records a second",
        ]
        if figures.refused > 0 {
            return [
                Finding(
                    .streamThroughput, .risk, stream.arn,
                    "A shard had no room for records \(whole(figures.refused)) times in the last day.",
                    consequence:
                        "CloudWatch Logs tries again for up to 24 hours; what does not fit then is dropped, and "
                        + "the meters in it are on no bill.", remedy: moreRoom(stream), evidence: evidence)
            ]
        }
        guard let summary = stream.summary.value, !summary.isOnDemand else { return [] }
        let room = mostOfShard * Double(summary.openShards)
        guard bytes > room * bytesOfShard || records > room * recordsOfShard else { return [] }
        return [
            Finding(
                .streamThroughput, .risk, stream.arn,
                "The stream's \(summary.openShards) shards were more than four fifths full in the fullest minute of the "
                    + "last day.",
                consequence:
                    "With some more traffic CloudWatch Logs has to wait and at last drops log events: the meters "
                    + "in them are on no bill.", remedy: moreRoom(stream), evidence: evidence)
        ]
    }

    private static func moreRoom(_ stream: ExaminedStream) -> String {
        guard let summary = stream.summary.value, !summary.isOnDemand else {
            return "A stream on demand grows by itself to twice its fullest within minutes; if it stays so, the log "
                + "groups write to few shards: attach them with the distribution Random, which `metertap attach` sets."
        }
        return "Make it on demand: `aws kinesis update-stream-mode --stream-arn \(stream.arn) --stream-mode-details "
            + "StreamMode=ON_DEMAND`; or give it \(max(1, summary.openShards) * 2) shards with `aws kinesis "
            + "update-shard-count`."
    }

    private static func recordSize(_ stream: ExaminedStream) -> [Finding] {
        guard let most = stream.summary.value?.maximumRecordKiB, most > mostRecordKiB else { return [] }
        return [
            Finding(
                .streamRecordSize, .risk, stream.arn,
                "The stream takes records of up to \(most) KiB, and an invocation of a function holds none of more than "
                    + "\(mostRecordKiB) KiB.",
                consequence:
                    "Lambda cannot hand a larger record to the agent and gives it up: the meters in it are on no "
                    + "bill until somebody finds them.",
                remedy: "Set the limit back to what CloudWatch Logs needs: `aws kinesis update-max-record-size "
                    + "--stream-arn \(stream.arn) --max-record-size-in-ki-b 1024`.",
                evidence: ["DescribeStreamSummary: MaxRecordSizeInKiB \(most)"])
        ]
    }

    /// Whoever pulls from the stream, as `metertap collect` does, needs no mapping.
    private static func reader(_ stream: ExaminedStream, _ setUp: SetUp) -> [Finding] {
        guard let mappings = stream.mappings.value, !stream.summary.isMissing else { return [] }
        let isRead = mappings.contains { MappingChecks.isOfAgent($0, setUp) }
        if isRead || stream.figures.value?.recentAges.isEmpty == false { return [] }
        return [
            Finding(
                .streamReader, .loss, stream.arn, "Nobody reads the stream: no event source mapping feeds the agent.",
                consequence: "Nothing is billed from now on, and what is older than the stream's retention is lost to "
                    + "the agent.",
                remedy: "Make the mapping again, by the template or as docs/deploy-by-hand.md shows: `aws lambda "
                    + "create-event-source-mapping --function-name AGENT --event-source-arn \(stream.arn) "
                    + "--starting-position TRIM_HORIZON --function-response-types ReportBatchItemFailures` and a failure "
                    + "destination.",
                evidence: ["ListEventSourceMappings: \(mappings.count) mappings, none of the agent"])
        ]
    }

    private static func age(_ stream: ExaminedStream, _ setUp: SetUp) -> [Finding] {
        let readers = Set((stream.mappings.value ?? []).compactMap(\.functionARN))
        let ages = readers.flatMap { setUp.functions[$0]?.figures.value?.recentAges ?? [] }
        let age = (ages + (stream.figures.value?.recentAges ?? [])).max() ?? 0
        guard age > usualAge else { return [] }
        let hours = age / millisecondsOfHour
        let retention = Double(stream.summary.value?.retentionHours ?? 24)
        return [
            Finding(
                .iteratorAge, hours > retention / 2 ? .loss : .risk, stream.arn,
                "The agent is \(whole(hours)) hours behind; the stream keeps \(whole(retention)).",
                consequence: "Meters come late to the bill, and what becomes older than the stream's retention is lost "
                    + "to the agent.",
                remedy:
                    "See what the last invocations say: `aws logs tail` on the agent's log. Where they succeed, let "
                    + "more of them run: `aws lambda update-event-source-mapping --parallelization-factor 10`.",
                evidence: ["IteratorAge at most \(whole(age)) ms in the last quarter of an hour"])
        ]
    }

    /// A figure without its fraction.
    static func whole(_ figure: Double) -> String {
        Int64(exactly: figure.rounded()).map { "\($0)" } ?? "\(figure)"
    }
}
