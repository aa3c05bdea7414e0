import Meter
import MeterLine
import Redrive
import Testing

struct RejectReaderTests {
    private static let origin = EventOrigin(
        account: "123456789012", logGroup: "/app/é", logStream: "s", eventId: "37", timestamp: 1_767_225_600_000)

    private func rejects(_ message: String, tags: [String] = LineReader.defaultTags) throws -> [Reject] {
        var accounting = Accounting()
        let findings = try LineReader(tags: tags).read(
            Array(message.utf8).span, of: Self.origin, accounting: &accounting)
        return findings.compactMap { if case .reject(let reject) = $0 { reject } else { nil } }
    }

    private func answers(
        _ rejects: [Reject], allowMissingCustomer: Bool = true, tags: [String] = LineReader.defaultTags
    ) throws -> [String] {
        var reader = RejectReader(
            lineReader: try LineReader(tags: tags, allowMissingCustomer: allowMissingCustomer))
        return rejects.map { reject in
            switch reader.read(reject) {
            case .remains(let kept): "remains \(kept.ordinal) \(kept.content.count)"
            case .found(let findings):
                findings.map { finding in
                    guard case .record(let found) = finding else { return "reject" }
                    return "\(found.ordinal) \(found.record.uniqueId)"
                }.joined(separator: ",")
            case .repeated: "repeated"
            }
        }
    }

    @Test func `The line of a reject reads back as it was`() throws {
        let binary = Reject(
            reason: .undecodable, detail: "d", tag: nil, ordinal: 0,
            source: .kinesis(stream: "arn", shard: "shardId-1", sequenceNumber: "12"), timestamp: nil,
            content: [0xff, 0, 1])
        let unnamed = Reject(
            reason: .undecodable, detail: "", tag: nil, ordinal: 0, source: .data(name: "f"), timestamp: nil,
            content: [])
        let odd = Reject(
            reason: .malformedJSON, detail: "\"q\"\n", tag: "amberflo_meter", ordinal: 3, source: .event(Self.origin),
            timestamp: 5, content: Array("amberflo_meter {\u{e9}\u{0}".utf8) + [0xc3])
        for reject in try rejects("amberflo_meter {\"a\":") + [binary, unnamed, odd] {
            var line: [UInt8] = []
            NDJSON.append(reject, to: &line)
            let read = try #require(RejectLine.read(line.dropLast()))
            var again: [UInt8] = []
            NDJSON.append(read, to: &again)
            #expect(line == again)
            #expect(read.content == reject.content)
        }
        for line in [
            "", "{}", "[]", "{\"reason\":\"none of ours\"}", "{\"reason\":\"tooDeep\",\"source\":{},\"message\":\"\"}",
        ] {
            #expect(RejectLine.read(Array(line.utf8)) == nil, "\(line)")
        }
    }

    @Test func `A value keeps its identity, and only what was rejected is delivered`() throws {
        let lost = "{\"meterApiName\":\"m\",\"meterValue\":1}"
        let good = "{\"meterApiName\":\"m\",\"meterValue\":1,\"customerId\":\"c\"}"
        let message = "amberflo_meter [\(good),\(lost),7]"
        let rejects = try rejects(message)
        #expect(rejects.map(\.ordinal) == [1, 2])
        let id = Identity.uniqueId(of: Self.origin, ordinal: 1)
        #expect(try answers(rejects) == ["1 \(id)", "remains 2 \(message.utf8.count)"])
        #expect(try answers(rejects, allowMissingCustomer: false).allSatisfy { $0.hasPrefix("remains") })
        #expect(try answers(rejects, tags: ["other"]).allSatisfy { $0.hasPrefix("remains") })
    }

    @Test func `An excerpt is read within its whole message, and what remains holds that`() throws {
        let lost = "{\"meterApiName\":\"m\",\"meterValue\":1,\"x\":\"\(String(repeating: "x", count: 40_000))\"}"
        let message = "amberflo_meter [\(lost),7] amberflo_meter [{\"meterApiName\":\"m\",\"meterValue\":2}]"
        let rejects = try rejects(message)
        #expect(rejects.map { $0.content.count == message.utf8.count } == [true, false, false])
        let answers = try answers(rejects)
        #expect(answers[0] == "0 \(Identity.uniqueId(of: Self.origin, ordinal: 0))")
        #expect(answers[1] == "remains 1 \(message.utf8.count)")
        #expect(answers[2] == "2 \(Identity.uniqueId(of: Self.origin, ordinal: 2))")
    }

    @Test func `What a sink refused is the record that it was`() throws {
        let line = """
            {"uniqueId":"u","meterApiName":"m","meterValue":0.1,"meterTimeInMillis":1767225600000,"customerId":"c"}
            """
        let refused = Reject(
            reason: .refusedBySink, detail: "status 400: no", tag: nil, ordinal: 4, source: .event(Self.origin),
            timestamp: nil, content: Array(line.utf8))
        var reader = RejectReader(lineReader: try LineReader())
        guard case .found(let findings) = reader.read(refused), case .record(let found)? = findings.first else {
            Issue.record("no record")
            return
        }
        var output: [UInt8] = []
        NDJSON.append(found, provenance: false, to: &output)
        #expect(String(decoding: output.dropLast(), as: UTF8.self) == line)
        #expect(found.ordinal == 4 && found.origin.eventId == "37")
    }

    @Test func `An envelope that cannot be read stays, and one that can is read`() throws {
        let source = Reject.Source.kinesis(stream: "arn", shard: "s", sequenceNumber: "1")
        func reject(_ content: String) -> Reject {
            Reject(
                reason: .undecodable, detail: "", tag: nil, ordinal: 0, source: source, timestamp: nil,
                content: Array(content.utf8))
        }
        let envelope = """
            {"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s","logEvents":[{"id":"9",\
            "timestamp":1767225600000,"message":"amberflo_meter {\\"meterApiName\\":\\"m\\",\\"meterValue\\":1}"}]}
            """
        let answers = try answers([reject("{\"messageType\":"), reject(envelope)])
        #expect(answers[0].hasPrefix("remains"))
        let origin = EventOrigin(account: "1", logGroup: "g", logStream: "s", eventId: "9", timestamp: nil)
        #expect(answers[1] == "0 \(Identity.uniqueId(of: origin, ordinal: 0))")
    }
}
