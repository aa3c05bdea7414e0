/// What `GetRecords` of Kinesis answers: the same records as those of a Lambda event, in another dress.
///
/// https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html
package struct KinesisPage: Sendable {
    /// Why an answer is none.
    package struct Fault: Error, CustomStringConvertible {
        /// What is wrong, for people.
        package var description: String
    }

    /// The records in their order; their data stands in the bytes of the answer.
    package private(set) var records: [LambdaEvent.KinesisRecord] = []
    /// What the next call asks with; nil at the end of a shard that is closed.
    package private(set) var nextIterator: String?
    /// How far the end of this page is behind the newest record of the shard; nil when the answer does not say.
    package private(set) var millisecondsBehind: Int64?

    /// Reads an answer.
    ///
    /// - Parameters:
    ///   - stream: the ARN of the stream.
    ///   - shard: the id of the shard.
    /// - Throws: `Fault` when it is no answer as a whole; then no record of it is known.
    package init(_ answer: Span<UInt8>, stream: String, shard: String) throws(Fault) {
        var position = 0
        var isAnswer = false
        JSON.skipWhitespace(answer, &position)
        do throws(LooseJSON.Fault) {
            var page = self
            try LooseJSON.members(answer, &position) { name, bytes, position throws(LooseJSON.Fault) in
                if LooseJSON.isName(name, "Records", in: bytes) {
                    isAnswer = true
                    try LooseJSON.elements(bytes, &position) { bytes, position throws(LooseJSON.Fault) in
                        page.records.append(try Self.record(bytes, &position, stream, shard))
                    }
                } else if LooseJSON.isName(name, "NextShardIterator", in: bytes),
                    try LooseJSON.byte(bytes, position) == UInt8(ascii: "\"")
                {
                    page.nextIterator = try LooseJSON.text(bytes, &position)
                } else if LooseJSON.isName(name, "MillisBehindLatest", in: bytes) {
                    page.millisecondsBehind = Int64(try LooseJSON.text(bytes, &position))
                } else {
                    try LooseJSON.skip(bytes, &position)
                }
            }
            self = page
        } catch {
            throw Fault(description: "the answer is no JSON object, or is cut off, at byte \(error.position)")
        }
        // An answer without them would read as the end of the shard.
        guard isAnswer else { throw Fault(description: "the answer has no Records") }
        guard records.allSatisfy({ !$0.sequenceNumber.isEmpty }) else {
            throw Fault(description: "a record of the answer has no SequenceNumber")
        }
    }

    private static func record(
        _ bytes: Span<UInt8>, _ position: inout Int, _ stream: String, _ shard: String
    ) throws(LooseJSON.Fault) -> LambdaEvent.KinesisRecord {
        var record = LambdaEvent.KinesisRecord(
            sequenceNumber: "", shard: shard, stream: stream, arrival: nil, data: nil)
        try LooseJSON.members(bytes, &position) { name, bytes, position throws(LooseJSON.Fault) in
            if LooseJSON.isName(name, "Data", in: bytes),
                try LooseJSON.byte(bytes, position) == UInt8(ascii: "\"")
            {
                record.data = LambdaEvent.EncodedData(token: try LooseJSON.string(bytes, &position))
            } else if LooseJSON.isName(name, "SequenceNumber", in: bytes) {
                record.sequenceNumber = try LooseJSON.text(bytes, &position)
            } else if LooseJSON.isName(name, "ApproximateArrivalTimestamp", in: bytes) {
                record.arrival = Timestamp.milliseconds(seconds: try LooseJSON.text(bytes, &position))
            } else {
                try LooseJSON.skip(bytes, &position)
            }
        }
        return record
    }
}
