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

    @Test(arguments: [
        (NearMiss.otherSpelling, "METERTAP_TAGS of the agent to amberflo_meter"),
        (.withinWord, "a word of its own"), (.withoutTag, "Write a tag right before the object"),
    ])
    func `near misses are a risk, also where other records are right`(kind: NearMiss, remedy: String) throws {
        let finding = try #require(
            try found { written in
                written.nearMisses = [kind: 4]
                written.nearMissPlaces = [kind: EventPlace(id: "387", timestamp: 1_767_225_600_000)]
                written.spellings = ["AMBERFLO_METER"]
            })
        #expect((finding.check, finding.severity, finding.subject) == (.nearMisses, .risk, "/app/shop"))
        #expect(finding.finding.hasPrefix("4 log events of the last day"))
        #expect(finding.remedy.contains(remedy), "\(finding.remedy)")
        #expect(finding.evidence == ["FilterLogEvents: 4 log events, for example 387 of 2026-01-01T00:00:00.000Z"])
        #expect(finding.finding.contains("AMBERFLO_METER") == (kind == .otherSpelling))
    }

    @Test func `each kind of near miss is a finding of its own, and none is silence`() throws {
        let setUp = try LogSetUps.written { written in
            (written.events, written.records) = (2, 0)
            written.nearMisses = [.otherSpelling: 1, .withoutTag: 1]
        }
        #expect(setUp.found.map(\.check) == [.nearMisses, .nearMisses])
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
        #expect(written.nearMisses.isEmpty)
    }

    @Test func `what looks like a record without a tag is counted`() throws {
        let bare = #"usage {"customerId":"c","meterApiName":"m","meterValue":1}"#
        let escaped = #"{"message":"usage {\"meter_name\": \"m\", \"value\": 2}"}"#
        let written = try written(bare, escaped, "the meterApiName is missing", record())
        #expect(written.nearMisses == [.withoutTag: 2])
        #expect(written.nearMissPlaces == [.withoutTag: EventPlace(id: "0", timestamp: Self.time)])
    }

    @Test(arguments: [
        #"AMBERFLO_METER: {"customerId":"c"}"#, #"AmberfloMeter {"customerId":"c"}"#, #"amberfloMeter={"a":1}"#,
        #"amberflo-meter - {"a":1}"#, #"{"Amberflo_Meter":{"a":1}}"#, #"{"m":"AmberfloMeter {\"a\":1}"}"#,
        #"{"m":"done\nAMBERFLO_METER {\"a\":1}"}"#, "\u{1b}[1;32mAMBERFLO_METER {\"a\":1}", #"AmberFlo.Meter {}"#,
    ])
    func `a tag in another case or spelling before an object is a near miss`(line: String) throws {
        let written = try written(line)
        #expect(written.nearMisses == [.otherSpelling: 1])
        #expect(written.spellings.count == 1 && line.contains(written.spellings[0]))
    }

    @Test(arguments: [
        #"my_amberflo_meter: {"customerId":"c"}"#, #"amberflo_meter_v2 {"a":1}"#, #"{"xamberflo_meter":{"a":1}}"#,
    ])
    func `a tag within a longer word before an object is a near miss`(line: String) throws {
        #expect(try written(line).nearMisses == [.withinWord: 1])
        #expect(try written(line).spellings.isEmpty)
    }

    @Test(arguments: [
        "AmberfloMeter started", "com.example.AmberfloMeter: client ready {}", "amberflo_meter_total 5",
        #"amberflo_meter_total{method="get"} 5"#, #"{"amberflo_meter_total":12,"other":{"a":1}}"#,
        "reading amberflo_meter config", #"{"meter_name":"m","inner":{"value":1}}"#,
        #"{"a":{"meterApiName":"m"},"b":{"value":1}}"#, #"{"meterApiName":"m"}"#, #"{"value":1}"#,
        "meterApiName meterValue {}", #"flo_meter {"a":1}"#,
    ])
    func `what is plainly something else is none`(line: String) throws {
        #expect(try written(line).nearMisses.isEmpty)
    }

    @Test(arguments: [
        #"{"value":1,"x":{"y":{}},"meterName":"m"}"#,
        #"usage {"meterValue":1,"dimensions":{"a":"b"},"meterApiName":"m"}"#,
        #"{"m":"{\"meter_api_name\":\"m\",\"meter_value\":1}"}"#,
    ])
    func `an object with a meter's fields is a near miss on any level`(line: String) throws {
        #expect(try written(line).nearMisses == [.withoutTag: 1])
    }

    @Test func `the search for near misses takes tags in any case and spelling`() throws {
        let pattern = try FilterPattern(NearMissFinder.pattern(LineReader.defaultTags + ["usageMeter", "a-b.c"]))
        #expect(pattern.regularExpressions == 1)
        for message in [
            "amberflo_meter", "xAMBERFLO-METERx", "AmberfloMeter", "MeterRecordForCw", "meter-record-for-stream",
            "usage_meter", "USAGEMETER", "a_b_c", "AB.C", "meterApiName", "meter_name",
        ] {
            #expect(pattern.matches(message), "\(message)")
        }
        #expect(!pattern.matches("meter record") && !pattern.matches("amber_flo"))
        // Where there are so many tags that it would be too long, the tags are looked for as they are.
        let many = try FilterPattern(NearMissFinder.pattern((10..<45).map { "a_rather_long_tag_\($0)" }))
        #expect(many.matches("a_rather_long_tag_10") && !many.matches("A_RATHER_LONG_TAG_10"))
    }

    @Test func `records that terms take within longer words only are counted`() throws {
        let coloured = #"{"m":"done\namberflo_meter {\"customerId\":\"c\",\"meterApiName\":\"m\",\"meterValue\":1}"}"#
        #expect(try written(coloured, record(), pattern: "amberflo_meter").unsure == 1)
        #expect(try written(coloured, record(), pattern: "%amberflo_meter%").unsure == 0)
        #expect(try written(coloured, pattern: nil).unsure == 0)
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
