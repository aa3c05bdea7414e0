import AWS
import Doctor
import FilterPattern
import Meter
import MeterLine
import Testing

@Suite struct WrittenChecksTests {
    private func found(_ change: (inout WrittenEvents) -> Void) throws -> Doctor.Finding? {
        let found = try LogSetUps.written(change).found
        #expect(found.count <= 1, "\(found)")
        return found.first
    }

    @Test func `records under a tag that the agent is not told are a loss`() throws {
        let finding = try #require(try found { $0.otherTags = ["usage": 2, "meter_record_for_cw": 1] })
        #expect((finding.check, finding.severity, finding.subject) == (.tagsWritten, .loss, "/app/shop"))
        #expect(finding.finding.contains("3 records"))
        #expect(finding.remedy.contains("amberflo_meter,meter_record_for_cw,meter_record_for_stream,"))
    }

    @Test func `what looks like a record is a risk only where there is no tag at all`() throws {
        let untagged = try #require(
            try found { (written: inout WrittenEvents) in (written.records, written.untagged) = (0, 4) })
        #expect((untagged.check, untagged.severity) == (.tagsWritten, .risk))
        #expect(try found { $0.untagged = 4 } == nil)
    }

    @Test func `rejects are a loss and tell their reasons`() throws {
        let finding = try #require(try found { $0.rejects = [.invalidTime: 1, .missingCustomer: 4] })
        #expect((finding.check, finding.severity) == (.recordsValid, .loss))
        #expect(finding.finding.contains("5 of 8"))
        #expect(finding.finding.contains("4 missingCustomer, 1 invalidTime"))
    }

    @Test func `two customers in one record are a risk`() throws {
        #expect(try found { $0.conflictingCustomer = 1 }?.check == .recordsValid)
    }

    @Test func `times that are far off are a risk`() throws {
        #expect(try found { $0.early = 1 }?.finding.contains("an hour after") == true)
        #expect(try found { $0.late = 1 }?.finding.contains("a month before") == true)
    }

    @Test func `log events without a record are silence, but not as long as not all were read`() throws {
        let quiet = { (written: inout WrittenEvents) in (written.events, written.records) = (0, 0) }
        #expect(try found(quiet)?.check == .silence)
        #expect(
            try found { written in
                quiet(&written)
                written.isComplete = false
            } == nil)
        #expect(
            try found { written in
                quiet(&written)
                written.receives = nil
            } == nil)
    }

    @Test func `copies of other accounts' log events are a risk`() throws {
        let found = try LogSetUps.with { $0.filters = .read([LogSetUps.filter(fields: ["@aws.account"])]) }.found
        #expect(found.map(\.check) == [.centralized])
        #expect(found.map(\.severity) == [.risk])
    }

    @Test func `log groups that were not read are told`() throws {
        var setUp = try LogSetUps.right()
        setUp.unreadLogGroups = ["/a", "/b"]
        #expect(setUp.found.map(\.severity) == [.note])
        #expect(setUp.found.map(\.subject) == ["/a, /b"])
    }
}

@Suite struct WrittenReaderTests {
    private static let time: Int64 = 1_790_000_000_000

    private func written(
        _ messages: String..., tags: [String] = ["amberflo_meter"], pattern: String? = "amberflo_meter",
        allowMissingCustomer: Bool = false
    ) throws -> WrittenEvents {
        let reader = try WrittenReader(
            tags: tags, otherTags: tags + ["other"], allowMissingCustomer: allowMissingCustomer,
            patterns: try pattern.map { [try FilterPattern($0)] })
        var written = WrittenEvents()
        for (number, message) in messages.enumerated() {
            let origin = EventOrigin(
                account: account, logGroup: "/app/shop", logStream: "s", eventId: "\(number)", timestamp: Self.time)
            reader.read(Array(message.utf8), of: origin, into: &written)
        }
        return written
    }

    private func record(_ rest: String = "") -> String {
        #"amberflo_meter: {"customerId":"c","meterApiName":"m","meterValue":1\#(rest)}"#
    }

    @Test func `records, rejects and mentions are told apart`() throws {
        let written = try written(
            record(), "amberflo_meter: {}", "amberflo_meter is on", #"{"amberflo_meter":"#, "nothing")
        #expect(written.events == 5)
        #expect((written.records, written.rejected) == (1, 2))
        #expect(written.rejects[.missingMeter] == 1)
        #expect(written.leftOut == 0)
        #expect(written.isTagged)
    }

    @Test func `a customer may be missing where the agent allows it`() throws {
        let message = #"amberflo_meter: {"meterApiName":"m","meterValue":1}"#
        #expect(try written(message).rejects == [.missingCustomer: 1])
        #expect(try written(message, allowMissingCustomer: true).records == 1)
    }

    @Test func `what no filter takes is left out, and mentions are not counted`() throws {
        let lines = [record(), "INFO " + record() + " amberflo_meter=[1,2]", "amberflo_meter is on"]
        #expect(try written(lines[0], lines[1], lines[2], pattern: "INFO").leftOut == 1)
        #expect(try written(lines[0], lines[1], lines[2], pattern: "WARN").leftOut == 3 + 1)
        #expect(try written(lines[0], lines[1], lines[2], pattern: nil).leftOut == 0)
    }

    @Test func `a tag that the agent is not told is counted by itself`() throws {
        let other = record().replacing("amberflo_meter", with: "other")
        let written = try written(other, record() + " " + other, "other: {}")
        #expect(written.otherTags == ["other": 2])
        #expect(written.records == 1)
        #expect(written.untagged == 0)
    }

    @Test func `what looks like a record without a tag is counted`() throws {
        let bare = #"usage {"customerId":"c","meterApiName":"m","meterValue":1}"#
        let escaped = #"{"message":"usage {\"meterApiName\":\"m\"}"}"#
        #expect(try written(bare, escaped, "the meterApiName is missing", record()).untagged == 2)
    }

    @Test func `asterisks of data protection are counted in records and in rejects`() throws {
        #expect(try written(record(#","dimensions":{"mail":"*****"}"#)).masked == 1)
        #expect(try written(record().replacing("\"c\"", with: "***********")).masked == 1)
        #expect(try written(record(#","dimensions":{"a":"**"}"#)).masked == 0)
    }

    @Test func `an id of one's own without a time is counted`() throws {
        #expect(try written(record(#","uniqueId":"u""#)).ownIdWithoutTime == 1)
        #expect(try written(record(#","uniqueId":"u","meterTimeInMillis":\#(Self.time)"#)).ownIdWithoutTime == 0)
        #expect(try written(record()).ownIdWithoutTime == 0)
    }

    @Test(arguments: [
        (WrittenReader.mostMillisecondsEarly, 0, 0), (WrittenReader.mostMillisecondsEarly + 1, 1, 0),
        (-WrittenReader.mostMillisecondsLate, 0, 0), (-WrittenReader.mostMillisecondsLate - 1, 0, 1),
    ])
    func `times far from the log event's are counted from the edge on`(off: Int64, early: Int, late: Int) throws {
        let written = try written(record(#","meterTimeInMillis":\#(Self.time + off)"#))
        #expect((written.early, written.late) == (early, late))
    }

    @Test func `a record that names two customers is counted`() throws {
        #expect(try written(record(#","tenant_id":"d""#)).conflictingCustomer == 1)
    }
}
