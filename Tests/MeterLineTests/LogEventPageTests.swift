import Meter
import MeterLine
import Testing

@Suite("A page of log events")
struct LogEventPageTests {
    private struct Outcome {
        var findings: [Finding] = []
        var accounting = Accounting()
        var token: String?
    }

    private func read(_ page: String) throws -> Outcome {
        var outcome = Outcome()
        let reader = LogEventPage(lineReader: try LineReader(), account: "1", logGroup: "g")
        outcome.token = try reader.read(Array(page.utf8).span, accounting: &outcome.accounting) {
            outcome.findings.append($0)
        }
        return outcome
    }

    private func ingestionTime(_ finding: Finding) -> Int64? {
        switch finding {
        case .record(let found): return found.origin.ingestionTime
        case .reject(let reject):
            guard case .event(let origin) = reject.source else { return nil }
            return origin.ingestionTime
        }
    }

    private func lines(_ findings: [Finding]) -> [String] {
        findings.map { finding in
            var line: [UInt8] = []
            switch finding {
            case .record(let record): NDJSON.append(record, provenance: true, to: &line)
            case .reject(let reject): NDJSON.append(reject, to: &line)
            }
            return String(decoding: line, as: UTF8.self)
        }
    }

    @Test("gives what a subscription's envelope of the same log events gives")
    func sameAsEnvelope() throws {
        let messages = [
            #"amberflo_meter: {\"customerId\":\"c\",\"meterApiName\":\"m\",\"meterValue\":1}"#,
            #"caf\u00e9 \ud800 amberflo_meter={\"customerId\":\"\u2615\",\"meterApiName\":\"m\",\"meterValue\":\"many\"}"#,
            #"amberflo_meter: [{\"customerId\":\"c\",\"values\":{\"a\":1,\"b\":2}}, 5]"#, "noise", "amberflo_meter",
        ]
        let events = messages.enumerated()
        let page = events.map { #"{"logStreamName":"s","timestamp":\#(9 + $0),"message":"\#($1)","eventId":"\#($0)"}"# }
        let envelope = events.map { #"{"id":"\#($0)","timestamp":\#(9 + $0),"message":"\#($1)"}"# }
        let outcome = try read(#"{"events":[\#(page.joined(separator: ","))]}"#)
        var accounting = Accounting()
        var findings: [Finding] = []
        var reader = EnvelopeReader(lineReader: try LineReader())
        let text = """
            {"messageType":"DATA_MESSAGE","owner":"1","logGroup":"g","logStream":"s",\
            "logEvents":[\(envelope.joined(separator: ","))]}
            """
        reader.read(Array(text.utf8).span, source: .data(name: ""), accounting: &accounting) { findings.append($0) }
        accounting.envelopes = 0
        #expect(outcome.accounting == accounting)
        #expect(accounting.found == 5)
        #expect(lines(outcome.findings) == lines(findings))
    }

    @Test("tells when a log event was taken, also of a record that is read the quick way")
    func ingestionTime() throws {
        let message = #"amberflo_meter: {\"customerId\":\"c\",\"meterApiName\":\"m\",\"meterValue\":1}"#
        for text in [message, "amberflo_meter: 5"] {
            let event = #"{"timestamp":9,"message":"\#(text)","ingestionTime":1700000000000,"eventId":"1"}"#
            let findings = try read(#"{"events":[\#(event)]}"#).findings
            let times = findings.map(ingestionTime)
            #expect(times == [1_700_000_000_000])
        }
    }

    @Test("gives the same however the members of an event stand, and from several streams in turns")
    func orderOfMembers() throws {
        let message = #"amberflo_meter: {\"customerId\":\"c\",\"meterApiName\":\"m\",\"meterValue\":1}"#
        let members = [
            #""logStreamName":"STREAM""#, #""timestamp":1700000000000"#, #""message":"\#(message)""#,
            #""ingestionTime":1700000000001"#, #""eventId":"7""#,
        ]
        let orders = [members, members.reversed(), Array(members[2...] + members[..<2])]
        // A space makes an event be read by all the rules.
        for (separator, other) in [(",", ", "), (",", ", \"more\":[1],")] {
            let events = orders.flatMap { order in ["a", "b", "c/é", "c/e\u{301}", "a"].map { (order, $0) } }
            func page(_ separator: String) -> String {
                let texts = events.map { order, stream in
                    "{\(order.joined(separator: separator).replacing("STREAM", with: stream))}"
                }
                return #"{"events":[\#(texts.joined(separator: ","))]}"#
            }
            let (quick, general) = (try read(page(separator)), try read(page(other)))
            #expect(quick.accounting == general.accounting)
            #expect(quick.accounting.records == events.count)
            #expect(lines(quick.findings) == lines(general.findings))
            #expect(quick.findings.map(ingestionTime) == general.findings.map(ingestionTime))
            var (accounting, written) = (Accounting(), FoundLines(LineFormat(provenance: true)))
            let reader = LogEventPage(lineReader: try LineReader(), account: "1", logGroup: "g")
            _ = try reader.read(Array(page(separator).utf8).span, accounting: &accounting, into: &written)
            #expect(accounting == quick.accounting)
            #expect(String(decoding: written.records, as: UTF8.self) == lines(quick.findings).joined())
        }
    }

    @Test("tells where the next page begins, also when it is empty")
    func token() throws {
        #expect(try read(#"{"events":[],"nextToken":"a\/b"}"#).token == "a/b")
        #expect(try read(#"{"nextToken":null,"searchedLogStreams":[{"a":[1]}]}"#).token == nil)
        #expect(try read("{}").token == nil)
    }

    @Test("keeps an event without an id as a reject, and its neighbours")
    func undecodable() throws {
        let good = #"{"eventId":"1","message":"amberflo_meter: 5","timestamp":1}"#
        let outcome = try read(#"{"events":[\#(good),{"message":"x"},7,\#(good)]}"#)
        #expect(outcome.accounting.events == 4)
        #expect(outcome.accounting.rejects == [.notARecord: 2, .undecodable: 2])
    }

    @Test(
        "is refused when it is cut off", arguments: ["", "[", #"{"events":[{"eventId":"#, #"{"events":[] "x"}"#, "<"])
    func fault(page: String) {
        #expect(throws: LogEventPage.Fault.self) { try read(page) }
    }
}
