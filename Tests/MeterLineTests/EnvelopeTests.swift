import Gzip
import Meter
import MeterLine
import Testing

/// Envelopes and events as tests write them.
enum Sample {
    static let record = #"{\"customerId\":\"c\",\"meterApiName\":\"m\",\"meterValue\":1}"#

    static func event(_ message: String, id: String = "\"1\"") -> String {
        "{\"id\":\(id),\"timestamp\":1767323045000,\"message\":\"\(message)\"}"
    }

    static func envelope(_ events: String...) -> String {
        "{\"messageType\":\"DATA_MESSAGE\",\"owner\":\"1\",\"logGroup\":\"g\",\"logStream\":\"s\",\"subscriptionFilters\":"
            + "[\"f\"],\"logEvents\":[\(events.joined(separator: ","))]}"
    }

    static let control =
        "{\"messageType\":\"CONTROL_MESSAGE\",\"owner\":\"CloudwatchLogs\",\"logGroup\":\"\",\"logStream\":\"\","
        + "\"subscriptionFilters\":[],\"logEvents\":[{\"id\":\"\",\"timestamp\":1,\"message\":\"CWL CONTROL MESSAGE\"}]}"
}

struct EnvelopeReading {
    var ids: [String] = []
    var rejects: [Reject] = []
    var accounting = Accounting()

    init(_ data: [UInt8]) throws {
        var reader = EnvelopeReader(lineReader: try LineReader())
        reader.read(data.span, source: .data(name: "test"), accounting: &accounting) { finding in
            switch finding {
            case .record(let found): ids.append(found.origin.eventId)
            case .reject(let reject): rejects.append(reject)
            }
        }
    }

    init(_ text: String) throws { try self.init(Array(text.utf8)) }
}

@Suite("The envelope reader")
struct EnvelopeTests {
    private let good = Sample.event("amberflo_meter: \(Sample.record)")

    @Test("reads plain JSON, gzip, several members and several envelopes")
    func encodings() throws {
        let envelope = Sample.envelope(good)
        #expect(try EnvelopeReading(envelope).ids == ["1"])
        #expect(try EnvelopeReading(gzip(Array(envelope.utf8))).ids == ["1"])
        #expect(try EnvelopeReading(gzip(Array(envelope.utf8)) + gzip(Array(envelope.utf8))).ids == ["1", "1"])
        let half = Array(envelope.utf8)
        let cut = half.count / 2
        #expect(try EnvelopeReading(gzip(Array(half[..<cut])) + gzip(Array(half[cut...]))).ids == ["1"])
        #expect(try EnvelopeReading("\(envelope)\n\(envelope)\n").ids == ["1", "1"])
    }

    @Test("takes members in any order, unknown ones, and ids that are numbers")
    func shape() throws {
        let envelope =
            "{\"logEvents\":[{\"extractedFields\":{\"a\":[1,{}]},\"message\":\"amberflo_meter: \(Sample.record)\","
            + "\"timestamp\":1767323045000,\"id\":38469}],\"policyLevel\":null,\"logStream\":\"s\",\"logGroup\":\"g\","
            + "\"owner\":\"1\",\"messageType\":\"DATA_MESSAGE\"}"
        #expect(try EnvelopeReading(envelope).ids == ["38469"])
    }

    @Test("passes over control messages and counts them")
    func control() throws {
        let reading = try EnvelopeReading(Sample.control)
        #expect(reading.accounting.controlMessages == 1)
        #expect(reading.accounting.events == 0)
        #expect(reading.rejects.isEmpty)
    }

    @Test(
        "keeps what it cannot decode as one reject that holds it",
        arguments: [
            "", "no JSON", "[]", "{}", "{\"owner\":\"1\",\"logEvents\":[]}", "{\"messageType\":\"DATA_MESSAGE\"",
        ])
    func undecodable(text: String) throws {
        for data in [Array(text.utf8), gzip(Array(text.utf8))] {
            let reading = try EnvelopeReading(data)
            #expect(reading.rejects.map(\.reason) == [.undecodable])
            #expect(reading.rejects.first?.content == data)
        }
    }

    @Test("one bad event harms no neighbour")
    func badEvent() throws {
        for bad in ["7", "null", "{}", "{\"id\":\"2\"}", "{\"id\":\"2\",\"message\":7}", "{\"message\":\"x\"}", "[[]]"]
        {
            let reading = try EnvelopeReading(Sample.envelope(good, bad, good))
            #expect(reading.ids == ["1", "1"], "\(bad)")
            #expect(reading.rejects.map(\.reason) == [.undecodable], "\(bad)")
            #expect(reading.accounting.events == 3)
        }
    }

    @Test("what stands behind a missing comma is a reject, not silence")
    func missingComma() throws {
        let reading = try EnvelopeReading(Sample.envelope("\(good) \(good)"))
        #expect(reading.ids == ["1"])
        #expect(reading.rejects.map(\.reason) == [.undecodable])
        #expect(reading.rejects.first?.content == Array("\(good)]".utf8))
    }

    @Test("bytes that are no UTF-8, NUL and raw line feeds in one message harm no neighbour")
    func rawBytes() throws {
        let parts = Sample.envelope(good, Sample.event("@"), good).utf8.split(separator: UInt8(ascii: "@"))
        let data = Array(parts[0]) + [0xff, 0x00, 0x0a, 0xc3] + Array(parts[1])
        #expect(try EnvelopeReading(data).ids == ["1", "1"])
    }

    @Test("half a surrogate pair or an unknown escape in a message harms nothing")
    func oddEscapes() throws {
        let reading = try EnvelopeReading(
            Sample.envelope(Sample.event("\\ud800 \\x \\udc00 amberflo_meter: \(Sample.record)")))
        #expect(reading.ids == ["1"])
    }

    @Test("bounds what an envelope decompresses to")
    func bomb() throws {
        let reading = try EnvelopeReading(gzip([UInt8](repeating: 0x20, count: EnvelopeReader.maximumBytes + 1)))
        #expect(reading.rejects.map(\.reason) == [.tooLarge])
    }

    @Test("reads ten thousand events")
    func manyEvents() throws {
        let events = (1...10_000).map { Sample.event("amberflo_meter: \(Sample.record)", id: "\"\($0)\"") }
        let reading = try EnvelopeReading(
            Sample.envelope(events.joined(separator: ",")))
        #expect(reading.ids.count == 10_000)
        #expect(reading.accounting.events == 10_000)
    }
}

@Suite("A Lambda event")
struct LambdaEventTests {
    private func records(_ text: String) throws -> [LambdaEvent.KinesisRecord] {
        let event = Array(text.utf8)
        guard case .kinesis(let records) = try LambdaEvent(event.span) else { return [] }
        return records
    }

    @Test("of a Kinesis mapping names stream, shard, number and time of each record")
    func kinesis() throws {
        let text =
            "{\"Records\":[{\"kinesis\":{\"data\":\"aGk=\",\"sequenceNumber\":\"49\",\"approximateArrivalTimestamp\":"
            + "1545084650.987},\"eventID\":\"shardId-000000000006:49\",\"eventSourceARN\":\"arn:aws:kinesis:x\"}]}"
        let record = try #require(try records(text).first)
        #expect(record.sequenceNumber == "49")
        #expect(record.shard == "shardId-000000000006")
        #expect(record.stream == "arn:aws:kinesis:x")
        #expect(record.arrival == 1_545_084_650_987)
        let event = Array(text.utf8)
        #expect(record.data?.decoded(in: event.span) == Array("hi".utf8))
        #expect(
            try records(text.replacing("1545084650.987", with: "1.545084650987E9")).first?.arrival == 1_545_084_650_987)
        #expect(try records(text.replacing("1545084650.987", with: "1545084650")).first?.arrival == 1_545_084_650_000)
        #expect(try records(text.replacing("1545084650.987", with: "1e17")).first?.arrival == nil)
    }

    @Test(
        "of another service, or no event at all, is told what is supported",
        arguments: [
            "{\"Records\":[{\"eventSource\":\"aws:sqs\",\"body\":\"x\"}]}",
            "{\"Records\":[{\"eventSource\":\"aws:s3\"}]}",
            "{\"deliveryStreamArn\":\"arn\",\"records\":[]}", "{}", "[]", "", "{\"Records\":",
            "{\"metertap\":\"other\"}", "{\"metertap\":{}}",
            "{\"metertap\":\"check\",\"Records\":[{\"eventSource\":\"aws:sqs\"}]}",
        ])
    func unsupported(text: String) {
        let event = Array(text.utf8)
        do throws(LambdaEvent.Unsupported) {
            _ = try LambdaEvent(event.span)
            Issue.record("taken: \(text)")
        } catch {
            #expect(error.description.contains("Supported are"))
        }
    }

    @Test("a check of the agent is told by its one member")
    func check() throws {
        let event = Array("{\"metertap\": \"check\"}".utf8)
        guard case .check = try LambdaEvent(event.span) else {
            Issue.record("another event")
            return
        }
    }

    @Test(
        "published events are told apart",
        .enabled(if: SharedData.folder("lambda-events") != nil, "left out: no ../shared"))
    func published() throws {
        #expect(try kind("kinesis-event.json") == "kinesis")
        #expect(try kind("kinesis-time-window-event.json") == "kinesis")
        #expect(try kind("cloudwatch-logs-event.json") == "direct")
        #expect(try kind("sqs-event.json").contains("aws:sqs"))
        #expect(try kind("kinesis-firehose-event.json").contains("Firehose"))
    }

    private func kind(_ name: String) throws -> String {
        let event = try SharedData.bytes("lambda-events/\(name)")
        do throws(LambdaEvent.Unsupported) {
            switch try LambdaEvent(event.span) {
            case .kinesis: return "kinesis"
            case .direct: return "direct"
            case .check: return "check"
            }
        } catch {
            return error.description
        }
    }
}
