import Gzip
import MeterLine

/// Ships log lines as CloudWatch Logs does: in envelopes, which a Kinesis event source mapping hands to the agent.
public struct SampleDelivery: Sendable {
    /// The account in which the sample application runs: AWS's account number for examples.
    public static let account = "123456789012"

    private var nextEvent: Int = 1
    private var nextSequence: Int = 1

    /// Starts with the first event.
    public init() {}

    /// The Lambda event that carries some lines: one Kinesis record for each log stream.
    public mutating func kinesisEvent(_ lines: [SampleApplication.Line]) -> [UInt8] {
        var output = Array("{\"Records\":[".utf8)
        let streams = Dictionary(grouping: lines) { $0.instance }
        for (index, stream) in streams.sorted(by: { $0.key < $1.key }).enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            appendKinesisRecord(stream.value, to: &output)
        }
        output.append(contentsOf: "]}".utf8)
        return output
    }

    private mutating func appendKinesisRecord(_ lines: [SampleApplication.Line], to output: inout [UInt8]) {
        let sequence = "4959033827149025660855969253836157109592157" + Self.padded(nextSequence, 13)
        nextSequence += 1
        let arrival = lines.last?.timestamp ?? 0
        var record = JSONObjectWriter(&output)
        record.name("kinesis", &output)
        var kinesis = JSONObjectWriter(&output)
        kinesis.member("kinesisSchemaVersion", "1.0", &output)
        kinesis.member("partitionKey", lines.first?.instance ?? "", &output)
        kinesis.member("sequenceNumber", sequence, &output)
        kinesis.member("data", Base64.encode(gzip(envelope(lines))), &output)
        kinesis.literal(
            "approximateArrivalTimestamp", "\(arrival / 1_000).\(Self.padded(Int(arrival % 1_000), 3))", &output)
        kinesis.end(&output)
        record.member("eventSource", "aws:kinesis", &output)
        record.member("eventID", "shardId-000000000000:\(sequence)", &output)
        record.member(
            "eventSourceARN", "arn:aws:kinesis:eu-central-1:\(Self.account):stream/metertap-sample", &output)
        record.end(&output)
    }

    private mutating func envelope(_ lines: [SampleApplication.Line]) -> [UInt8] {
        var output: [UInt8] = []
        var envelope = JSONObjectWriter(&output)
        envelope.member("messageType", "DATA_MESSAGE", &output)
        envelope.member("owner", Self.account, &output)
        envelope.member("logGroup", "/sample/\(lines.first?.service ?? "")", &output)
        envelope.member("logStream", lines.first?.instance ?? "", &output)
        envelope.literal("subscriptionFilters", "[\"metertap\"]", &output)
        envelope.name("logEvents", &output)
        for (index, line) in lines.enumerated() {
            output.append(index == 0 ? UInt8(ascii: "[") : UInt8(ascii: ","))
            var event = JSONObjectWriter(&output)
            event.member("id", "3846987" + Self.padded(nextEvent, 49), &output)
            event.member("timestamp", line.timestamp, &output)
            event.member("message", line.message, &output)
            event.end(&output)
            nextEvent += 1
        }
        output.append(UInt8(ascii: "]"))
        envelope.end(&output)
        return output
    }

    private static func padded(_ number: Int, _ width: Int) -> String {
        let text = String(number)
        return String(repeating: "0", count: max(0, width - text.count)) + text
    }
}
