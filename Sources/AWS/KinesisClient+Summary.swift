import FoundationEssentials
import HTTP

extension KinesisClient {
    /// How a stream is set up.
    ///
    /// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_StreamDescriptionSummary.html
    public struct Summary: Sendable, Hashable, Decodable {
        /// `CREATING`, `DELETING`, `ACTIVE` or `UPDATING`.
        public var status: String
        /// For how many hours a record is kept.
        public var retentionHours: Int
        /// How many shards take records.
        public var openShards: Int
        /// Whether the service adds shards by itself.
        public var isOnDemand: Bool { mode?.mode == "ON_DEMAND" }
        /// The largest record that it takes, in KiB; nil where the service does not say.
        public var maximumRecordKiB: Int?

        private var mode: Mode?

        private struct Mode: Sendable, Hashable, Decodable {
            var mode: String?

            enum CodingKeys: String, CodingKey { case mode = "StreamMode" }
        }

        /// Describes a stream.
        package init(
            status: String = "ACTIVE", retentionHours: Int = 168, openShards: Int = 4, isOnDemand: Bool = true,
            maximumRecordKiB: Int? = 1_024
        ) {
            self.status = status
            self.retentionHours = retentionHours
            self.openShards = openShards
            self.maximumRecordKiB = maximumRecordKiB
            mode = Mode(mode: isOnDemand ? "ON_DEMAND" : "PROVISIONED")
        }

        private enum CodingKeys: String, CodingKey {
            case status = "StreamStatus"
            case retentionHours = "RetentionPeriodHours"
            case openShards = "OpenShardCount"
            case mode = "StreamModeDetails"
            case maximumRecordKiB = "MaxRecordSizeInKiB"
        }
    }

    /// How a stream is set up (DescribeStreamSummary).
    ///
    /// - Throws: `AWSError` with the code `ResourceNotFoundException` when there is none.
    public func summary(of streamARN: String) async throws(AWSError) -> Summary {
        struct Answer: Decodable {
            var summary: Summary

            enum CodingKeys: String, CodingKey { case summary = "StreamDescriptionSummary" }
        }
        let answer: Answer = try await call(
            "DescribeStreamSummary", Input(streamARN: streamARN), resource: streamARN, nil)
        return answer.summary
    }
}
