import AWS
import Attachment

extension Examiner {
    package func examineStreams(_ setUp: inout SetUp) async {
        for destination in setUp.destinations.values where destination.kind == .stream {
            setUp.streams[destination.arn] = await stream(destination, now: setUp.now)
        }
    }

    private func stream(_ destination: Destination, now: Int64) async -> ExaminedStream {
        let (arn, region) = (destination.arn, destination.region)
        var stream = ExaminedStream(arn: arn)
        stream.summary = await .of { () throws(AWSError) in
            try await KinesisClient(session, region: region).summary(of: arn)
        }
        stream.mappings = await .of { () throws(AWSError) in
            try await LambdaClient(session, region: region).mappings(of: arn)
        }
        let name = stream.name
        stream.figures = await .of { () throws(AWSError) in
            try await figures(ofStream: name, CloudWatchClient(session, region: region), now)
        }
        return stream
    }

    // https://docs.aws.amazon.com/streams/latest/dev/monitoring-with-cloudwatch.html
    private func figures(
        ofStream name: String, _ client: CloudWatchClient, _ now: Int64
    ) async throws(AWSError) -> ExaminedStream.Figures {
        func metric(_ metric: String, _ statistic: String = "Sum") -> CloudWatchClient.Metric {
            .init("AWS/Kinesis", metric, ["StreamName": name], statistic)
        }
        let refused = metric("WriteProvisionedThroughputExceeded")
        let (bytes, records) = (metric("IncomingBytes"), metric("IncomingRecords"))
        let age = metric("GetRecords.IteratorAgeMilliseconds", "Maximum")
        let day = try await client.values(
            of: [refused, bytes, records], in: Spans.day(before: now), period: Spans.minute)
        let recent = try await client.values(of: [age], in: Spans.quarter(before: now), period: Spans.minute)
        return ExaminedStream.Figures(
            refused: (day[refused] ?? []).reduce(0, +), mostBytesOfMinute: (day[bytes] ?? []).max() ?? 0,
            mostRecordsOfMinute: (day[records] ?? []).max() ?? 0, recentAges: recent[age] ?? [])
    }
}

/// The ranges of time that figures are read for, and their periods in seconds.
enum Spans {
    static let minute = 60
    static let hour = 3_600
    private static let second: Int64 = 1_000

    static func day(before now: Int64) -> Range<Int64> { now - 86_400 * second..<now }
    static func hour(before now: Int64) -> Range<Int64> { now - 3_600 * second..<now }
    static func quarter(before now: Int64) -> Range<Int64> { now - 900 * second..<now }
}
