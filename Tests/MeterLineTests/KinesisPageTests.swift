import MeterLine
import Testing

@Suite("An answer of GetRecords")
struct KinesisPageTests {
    private func page(_ answer: String) throws -> KinesisPage {
        try KinesisPage(Array(answer.utf8).span, stream: "arn:stream", shard: "shardId-1")
    }

    @Test("holds the records that a Lambda event would hold")
    func sameAsEvent() throws {
        let answer = #"""
            {"MillisBehindLatest":7,"NextShardIterator":"AA\/B=","Records":[
            {"ApproximateArrivalTimestamp":1.767225600123E9,"Data":"aGVsbG8=","EncryptionType":"NONE",
            "PartitionKey":"a\"}","SequenceNumber":"49590338271490256608559692538361571095921575989136588898"},
            {"SequenceNumber":"2","Data":null}],"ChildShards":[]}
            """#
        let event = #"""
            {"Records":[{"kinesis":{"data":"aGVsbG8=","approximateArrivalTimestamp":1767225600.123,
            "sequenceNumber":"49590338271490256608559692538361571095921575989136588898"},
            "eventID":"shardId-1:4959","eventSourceARN":"arn:stream"},
            {"kinesis":{"sequenceNumber":"2"},"eventID":"shardId-1:2","eventSourceARN":"arn:stream"}]}
            """#
        let page = try page(answer)
        guard case .kinesis(let records) = try LambdaEvent(Array(event.utf8).span) else {
            Issue.record("no Kinesis event")
            return
        }
        #expect(page.records.count == 2)
        for (one, other) in zip(page.records, records) {
            #expect(one.sequenceNumber == other.sequenceNumber)
            #expect(one.shard == other.shard)
            #expect(one.stream == other.stream)
            #expect(one.arrival == other.arrival)
            let text = one.data?.decoded(in: Array(answer.utf8).span)
            #expect(text == other.data?.decoded(in: Array(event.utf8).span))
        }
        #expect(page.records[0].arrival == 1_767_225_600_123)
        #expect(page.nextIterator == "AA/B=")
        #expect(page.millisecondsBehind == 7)
    }

    @Test("has no next iterator at the end of a shard")
    func end() throws {
        #expect(try page(#"{"Records":[],"NextShardIterator":null,"MillisBehindLatest":0}"#).nextIterator == nil)
        #expect(try page(#"{"Records":[],"ChildShards":[{"ShardId":"c"}]}"#).nextIterator == nil)
        #expect(try page(#"{"Records":[]}"#).millisecondsBehind == nil)
    }

    @Test(
        "that is cut off, or is something else, is no end of a shard",
        arguments: [
            "", "{}", "null", "<html>", #"{"Records":null}"#, #"{"Records":[{"Data":"aGVsbG8="}]}"#,
            #"{"Records":[{"SequenceNumber":"1","Data":"aGVs"#, #"{"__type":"InternalFailure"}"#,
        ])
    func faults(_ answer: String) {
        #expect(throws: KinesisPage.Fault.self) { try page(answer) }
    }
}
