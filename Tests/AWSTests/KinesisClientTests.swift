import AWS
import HTTP
import HTTPTesting
import HTTPTypes
import Testing

@Suite struct KinesisClientTests {
    private let time = FakeTime()
    private let stream = KinesisClient.Stream(
        name: "logs", arn: "arn:aws:kinesis:eu-west-1:1:stream/logs", created: 1)

    private func client(_ transport: FakeTransport) throws -> KinesisClient {
        try KinesisClient(session(transport, time: time))
    }

    /// The body as JSON text, for JSONEncoder may escape slashes.
    private func text(_ request: Request) -> String { request.text.replacing("\\/", with: "/") }

    @Test func `a stream is found by its name or its ARN`() async throws {
        let answer = Response(
            200,
            #"{"StreamDescriptionSummary":{"StreamName":"logs","StreamARN":"\#(stream.arn)","StreamCreationTimestamp":1.5}}"#
        )
        let transport = FakeTransport(answer, answer)
        let client = try client(transport)
        #expect(try await client.stream("logs") == stream)
        #expect(try await client.stream(stream.arn) == stream)
        let request = try #require(transport.requests.first)
        #expect(request.line == "POST https://kinesis.eu-west-1.amazonaws.com/")
        #expect(request.field("X-Amz-Target") == "Kinesis_20131202.DescribeStreamSummary")
        #expect(request.field("Content-Type") == "application/x-amz-json-1.1")
        #expect(text(request) == #"{"StreamName":"logs"}"#)
        #expect(text(transport.requests[1]) == #"{"StreamARN":"\#(stream.arn)"}"#)
    }

    @Test func `all shards are listed over several pages, the token in place of the stream`() async throws {
        let transport = FakeTransport(
            Response(200, #"{"Shards":[{"ShardId":"a"},{"ShardId":"b","ParentShardId":"a"}],"NextToken":"t"}"#),
            Response(
                200, #"{"Shards":[{"ShardId":"c","ParentShardId":"a","AdjacentParentShardId":"b"}],"NextToken":null}"#))
        let shards = try await client(transport).shards(of: stream)
        #expect(shards.map(\.id) == ["a", "b", "c"])
        #expect(shards.map(\.parents) == [[], ["a"], ["a", "b"]])
        #expect(text(transport.requests[0]) == #"{"StreamARN":"\#(stream.arn)"}"#)
        #expect(text(transport.requests[1]) == #"{"NextToken":"t"}"#)
    }

    @Test func `an iterator begins where it is told to`() async throws {
        let transport = FakeTransport { _, _ in Response(200, #"{"ShardIterator":"i"}"#) }
        let client = try client(transport)
        for start in [KinesisClient.Start.trimHorizon, .at(1_767_225_600_250), .after("49")] {
            #expect(try await client.iterator(of: "a", in: stream, start: start) == "i")
        }
        let bodies = transport.requests.map(text)
        #expect(bodies.allSatisfy { $0.contains(#""ShardId":"a""#) && $0.contains(stream.arn) })
        #expect(bodies[0].contains(#""ShardIteratorType":"TRIM_HORIZON""#))
        #expect(!bodies[0].contains("StartingSequenceNumber") && !bodies[0].contains("Timestamp"))
        #expect(bodies[1].contains(#""ShardIteratorType":"AT_TIMESTAMP""#))
        #expect(bodies[1].contains(#""Timestamp":1767225600.25"#))
        #expect(bodies[2].contains(#""ShardIteratorType":"AFTER_SEQUENCE_NUMBER""#))
        #expect(bodies[2].contains(#""StartingSequenceNumber":"49""#))
    }

    @Test func `an expired iterator and exceeded throughput are told apart, and not tried again here`() async throws {
        func failure(_ code: String) async throws -> AWSError {
            let transport = FakeTransport { _, _ in Response(400, #"{"__type":"\#(code)","message":"m"}"#) }
            let client = try client(transport)
            let error = await #expect(throws: AWSError.self) { try await client.records("i", of: "a", in: stream) }
            #expect(transport.requests.count == 1)
            return try #require(error)
        }
        #expect(try await failure("ExpiredIteratorException").isExpiredIterator)
        let exceeded = try await failure("ProvisionedThroughputExceededException")
        #expect(exceeded.isThroughputExceeded)
        #expect(exceeded.kind == .transient)
        #expect(time.sleeps.isEmpty)
    }

    @Test func `exceeded throughput of another call is waited for`() async throws {
        let transport = FakeTransport(
            Response(400, #"{"__type":"ProvisionedThroughputExceededException"}"#),
            Response(200, #"{"ShardIterator":"i"}"#))
        #expect(try await client(transport).iterator(of: "a", in: stream, start: .trimHorizon) == "i")
    }

    @Test func `an answer that makes no sense is an error`() async throws {
        let error = await #expect(throws: AWSError.self) {
            try await client(FakeTransport(Response(200, "<html>"))).shards(of: stream)
        }
        #expect(error?.code == "MalformedResponse")
    }
}
