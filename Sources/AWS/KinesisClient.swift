import FoundationEssentials
import HTTP
import HTTPTypes

/// Kinesis Data Streams: which shards a stream has, and what is in them.
///
/// https://docs.aws.amazon.com/kinesis/latest/APIReference/
public struct KinesisClient: Sendable {
    /// A stream.
    public struct Stream: Sendable, Hashable {
        /// The name.
        public var name: String
        /// The ARN, which tells the account.
        public var arn: String
        /// When it was created, in seconds since 1970: a stream that was deleted and made anew has another time.
        public var created: Int64

        package init(name: String, arn: String, created: Int64) {
            self.name = name
            self.arn = arn
            self.created = created
        }
    }

    /// A shard.
    public struct Shard: Sendable, Hashable, Decodable {
        /// The id, for example `shardId-000000000000`.
        public var id: String
        /// The shards that it was made of: none, one by a split, two by a merge.
        ///
        /// They may be gone already.
        public var parents: [String]

        enum CodingKeys: String, CodingKey {
            case id = "ShardId"
            case parent = "ParentShardId"
            case adjacentParent = "AdjacentParentShardId"
        }

        package init(id: String, parents: [String] = []) {
            self.id = id
            self.parents = parents
        }

        /// Reads what `ListShards` says of a shard.
        public init(from decoder: any Decoder) throws {
            let container = try decoder.container(keyedBy: CodingKeys.self)
            id = try container.decode(String.self, forKey: .id)
            parents = try [CodingKeys.parent, .adjacentParent].compactMap {
                try container.decodeIfPresent(String.self, forKey: $0)
            }
        }
    }

    /// Where in a shard reading begins.
    public enum Start: Sendable, Hashable {
        /// With the oldest record that is still kept.
        case trimHorizon
        /// With the first record that came at this time or later; milliseconds since 1970.
        case at(Int64)
        /// With the record behind the one of this sequence number.
        case after(String)
    }

    /// What the calls send; nil is left out.
    struct Input: Encodable {
        var streamName: String?
        var streamARN: String?
        var token: String?
        var shard: String?
        var iteratorType: String?
        var sequenceNumber: String?
        var timestamp: Double?
        var iterator: String?

        enum CodingKeys: String, CodingKey {
            case streamName = "StreamName"
            case streamARN = "StreamARN"
            case token = "NextToken"
            case shard = "ShardId"
            case iteratorType = "ShardIteratorType"
            case sequenceNumber = "StartingSequenceNumber"
            case timestamp = "Timestamp"
            case iterator = "ShardIterator"
        }
    }

    private struct SummaryAnswer: Decodable {
        struct Summary: Decodable {
            var name: String
            var arn: String
            var created: Double?

            enum CodingKeys: String, CodingKey {
                case name = "StreamName"
                case arn = "StreamARN"
                case created = "StreamCreationTimestamp"
            }
        }

        var summary: Summary

        enum CodingKeys: String, CodingKey { case summary = "StreamDescriptionSummary" }
    }

    private struct ShardPage: Decodable {
        var shards: [Shard]
        var token: String?

        enum CodingKeys: String, CodingKey {
            case shards = "Shards"
            case token = "NextToken"
        }
    }

    private struct IteratorAnswer: Decodable {
        var iterator: String

        enum CodingKeys: String, CodingKey { case iterator = "ShardIterator" }
    }

    /// The most bytes of an answer of GetRecords: 10 MB of data, in base64 and with what stands around it.
    private static let answerBytes = 14 << 20

    private let caller: ServiceCaller

    /// Makes a client.
    ///
    /// - Parameter region: the region to call; nil for the session's.
    /// - Throws: `AWSError` when no region is known.
    public init(_ session: AWSSession, region: String? = nil) throws(AWSError) {
        caller = try ServiceCaller(.kinesis, region: region, session: session)
    }

    /// The stream of a name or an ARN (DescribeStreamSummary).
    ///
    /// - Throws: `AWSError`, of the kind `configuration` when there is none.
    public func stream(_ nameOrARN: String, deadline: ContinuousClock.Instant? = nil) async throws(AWSError) -> Stream {
        let isARN = nameOrARN.hasPrefix("arn:")
        let input = Input(streamName: isARN ? nil : nameOrARN, streamARN: isARN ? nameOrARN : nil)
        let answer: SummaryAnswer = try await call("DescribeStreamSummary", input, resource: nameOrARN, deadline)
        return Stream(
            name: answer.summary.name, arn: answer.summary.arn,
            created: Int64(exactly: (answer.summary.created ?? 0).rounded(.down)) ?? 0)
    }

    /// All shards of a stream whose records are still kept, the closed ones too (ListShards).
    public func shards(
        of stream: Stream, deadline: ContinuousClock.Instant? = nil
    ) async throws(AWSError) -> [Shard] {
        try await items(of: "Kinesis ListShards", stream.arn) { token throws(AWSError) in
            // With a token the service refuses a stream.
            let input = Input(streamARN: token == nil ? stream.arn : nil, token: token)
            let page: ShardPage = try await call("ListShards", input, resource: stream.arn, deadline)
            return (page.shards, page.token)
        }
    }

    /// What GetRecords begins with (GetShardIterator); it expires after 5 minutes.
    public func iterator(
        of shard: String, in stream: Stream, start: Start, deadline: ContinuousClock.Instant? = nil
    ) async throws(AWSError) -> String {
        var input = Input(streamARN: stream.arn, shard: shard, iteratorType: "TRIM_HORIZON")
        switch start {
        case .trimHorizon: break
        case .at(let time):
            input.iteratorType = "AT_TIMESTAMP"
            input.timestamp = Double(time) / 1_000
        case .after(let number):
            input.iteratorType = "AFTER_SEQUENCE_NUMBER"
            input.sequenceNumber = number
        }
        let answer: IteratorAnswer = try await call(
            "GetShardIterator", input, resource: "\(stream.arn) \(shard)", deadline)
        return answer.iterator
    }

    /// What comes next in a shard, as the service answers: at most 10,000 records and 10 MB (GetRecords).
    ///
    /// The bytes are handed on as they are. An answer may hold no record although there are more.
    ///
    /// - Throws: `AWSError`; `isExpiredIterator` when a new iterator is needed. That the shard's throughput is exceeded
    ///   is not tried again here: whoever reads a shard keeps its pace.
    public func records(
        _ iterator: String, of shard: String, in stream: Stream, deadline: ContinuousClock.Instant? = nil
    ) async throws(AWSError) -> [UInt8] {
        return try await send(
            "GetRecords", Input(streamARN: stream.arn, iterator: iterator), resource: "\(stream.arn) \(shard)",
            deadline, timeout: S3Client.timeout(bytes: Self.answerBytes),
            finalCodes: ["ProvisionedThroughputExceededException"])
    }

    func call<Output: Decodable>(
        _ operation: String, _ input: Input, resource: String, _ deadline: ContinuousClock.Instant?
    ) async throws(AWSError) -> Output {
        let body = try await send(operation, input, resource: resource, deadline)
        guard let output = try? JSONDecoder().decode(Output.self, from: Data(body)) else {
            throw .malformed("Kinesis \(operation)", resource, what: "is not what the service answers")
        }
        return output
    }

    private func send(
        _ operation: String, _ input: Input, resource: String, _ deadline: ContinuousClock.Instant?,
        timeout: Duration = .seconds(30), finalCodes: Set<String> = []
    ) async throws(AWSError) -> [UInt8] {
        try await caller.sendJSON(
            operation, input, target: "Kinesis_20131202", resource: resource, deadline: deadline, timeout: timeout,
            finalCodes: finalCodes)
    }
}

extension AWSError {
    /// Whether an iterator of Kinesis is older than 5 minutes, so that a new one is needed.
    public var isExpiredIterator: Bool { code == "ExpiredIteratorException" }

    /// Whether a shard of Kinesis was read faster than it may be.
    public var isThroughputExceeded: Bool { code == "ProvisionedThroughputExceededException" }
}
