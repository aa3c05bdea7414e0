import AWS
import Attachment
import Doctor
import Testing

@Suite struct FilterChecksTests {
    private func finding(_ setUp: SetUp) throws -> Finding {
        #expect(setUp.found.count == 1, "\(setUp.found)")
        return try #require(setUp.found.first)
    }

    // MARK: - Ours

    @Test func `a log group without our filter is a loss, with the command that attaches it`() throws {
        let other = LogSetUps.group("/app/other", filters: [LogSetUps.filter("theirs", to: "arn:aws:kinesis:x")])
        let found = try finding(try LogSetUps.right([other, LogSetUps.group()]))
        #expect((found.check, found.severity, found.subject) == (.filterPresent, .loss, "/app/other"))
        #expect(
            found.remedy.contains(
                "metertap attach --log-group /app/other --destination-arn \(stream) --role-arn \(logsRole)`"))
    }

    @Test func `filters are told apart by the bytes of their names`() throws {
        // The same letters to a reader, and to Swift, but not to AWS.
        var setUp = try LogSetUps.right([LogSetUps.group(filters: [LogSetUps.filter("me\u{301}ter")])])
        setUp.filterName = "m\u{e9}ter"
        #expect(try finding(setUp).check == .filterPresent)
    }

    @Test func `a filter of another name to the same place, and the account's policy, are as good`() throws {
        let byHand = LogSetUps.group("/app/other", filters: [LogSetUps.filter("by-hand")])
        #expect(try LogSetUps.right([byHand, LogSetUps.group()]).found == [])

        var setUp = try LogSetUps.right([LogSetUps.group(filters: [])])
        let document = Policy.Document(destinationArn: stream, roleArn: logsRole, filterPattern: rightPattern)
        setUp.policies = .read([Policy(name: "metertap", document: document)])
        #expect(setUp.found == [])
        setUp.policies = .read([
            Policy(
                name: "metertap", document: document, selectionCriteria: "LogGroupName NOT IN [\"/a\", \"/app/shop\"]")
        ])
        #expect(try finding(setUp).check == .filterPresent)
    }

    @Test func `without the account's policies a missing filter is no more than a risk`() throws {
        var setUp = try LogSetUps.right([LogSetUps.group(filters: [])])
        setUp.policies = .failed(LogSetUps.denied("CloudWatch Logs DescribeAccountPolicies"))
        #expect(setUp.found.map(\.severity) == [.risk, .unknown])
    }

    @Test func `no log group at all is a loss`() throws {
        #expect(try finding(try LogSetUps.right([])).check == .filterPresent)
    }

    @Test func `where others hold all the room it is told, and where there is room beside ours not`() throws {
        let others = [LogSetUps.filter("a", to: "arn:x"), LogSetUps.filter("b", to: "arn:y")]
        let full = try finding(try LogSetUps.right([LogSetUps.group("/app/full", filters: others), LogSetUps.group()]))
        #expect((full.check, full.severity) == (.filterLimit, .loss))
        #expect(full.finding.contains("a, b"))

        let beside = try finding(try LogSetUps.with { $0.filters = .read([LogSetUps.filter(), others[0]]) })
        #expect((beside.check, beside.severity) == (.filterLimit, .note))
    }

    @Test func `two filters of ours are a note, and a risk where they go to different places`() throws {
        let same = try LogSetUps.with { $0.filters = .read([LogSetUps.filter(), LogSetUps.filter("by-hand")]) }
        #expect(try finding(same).check == .filterTwice)
        #expect(try finding(same).severity == .note)

        var both = try LogSetUps.right()
        let elsewhere = "arn:aws:kinesis:eu-central-1:123456789012:stream/other"
        both.policies = .read([
            Policy(name: "metertap", document: .init(destinationArn: elsewhere, filterPattern: rightPattern))
        ])
        #expect(try finding(both).severity == .risk)
    }

    // MARK: - Patterns

    @Test(arguments: ["", rightPattern, "%meter_record_for_stream|meter_record_for_cw|amberflo|x%"])
    func `a pattern that takes every form of every tag is right`(pattern: String) throws {
        #expect(try LogSetUps.with { $0.filters = .read([LogSetUps.filter(pattern: pattern)]) }.found == [])
    }

    @Test(arguments: [
        ("?amberflo_meter ?meter_record_for_cw", "meter_record_for_stream in a text line"),
        ("{ $.amberflo_meter.meterApiName = * }", "amberflo_meter in a text line"),
        (termsPattern + " ERROR", "amberflo_meter in a text line"),
        ("amberflo_meter meter_record_for_cw", "amberflo_meter in a string in JSON"),
    ])
    func `a pattern that misses a form is a risk, also where nothing was written`(pattern: String, miss: String) throws
    {
        let setUp = try LogSetUps.with { group in
            group.filters = .read([LogSetUps.filter(pattern: pattern)])
            group.written = .notAsked
        }
        let found = try finding(setUp)
        #expect((found.check, found.severity) == (.filterPattern, .risk))
        #expect(found.evidence.joined().contains(miss))
        #expect(found.remedy.contains(rightPattern))
    }

    @Test(arguments: [termsPattern, "?meter_record_for_stream ?meter_record_for_cw ?amberflo ?x"])
    func `a pattern of terms is a risk, with the command that replaces it`(pattern: String) throws {
        let setUp = try LogSetUps.with { group in
            group.filters = .read([LogSetUps.filter(pattern: pattern)])
            group.group.metricFilterCount = 4
        }
        let found = try finding(setUp)
        #expect((found.check, found.severity, found.subject) == (.filterTerms, .risk, "/app/shop"))
        #expect(found.evidence.joined().contains("amberflo_meter in a text line after a colour code"))
        #expect(found.remedy.contains("metertap attach --log-group /app/shop") && found.remedy.contains(rightPattern))
        #expect(!found.remedy.contains("no room") && !found.finding.contains("last day"))

        let crowded = try LogSetUps.with { group in
            group.filters = .read([LogSetUps.filter(pattern: pattern)])
            group.group.metricFilterCount = 5
            var written = WrittenEvents()
            (written.events, written.records, written.receives, written.unsure) = (3, 3, true, 2)
            group.written = .read(written)
        }
        let told = try finding(crowded)
        #expect(told.remedy.contains("describe-metric-filters --log-group-name /app/shop"))
        #expect(told.finding.contains("2 records have the tag within a longer word"))
    }

    @Test func `terms beside a filter that takes everything are no risk`() throws {
        let filters = [LogSetUps.filter(pattern: termsPattern), LogSetUps.filter("by-hand", pattern: "")]
        #expect(try LogSetUps.with { $0.filters = .read(filters) }.found.map(\.check) == [.filterTwice])
    }

    // MARK: - What the service itself says

    private func matched(_ pattern: String = rightPattern) throws -> Finding {
        let setUp = try LogSetUps.with { group in
            group.filters = .read([LogSetUps.filter(pattern: pattern)])
            var match = ServiceMatch()
            match.compared = ["amberflo_meter": 5, "meter_record_for_cw": 1]
            match.missed = ["amberflo_meter": 2]
            match.missedEvents = 2
            match.examples = [EventPlace(id: "387", timestamp: 1_767_225_600_000)]
            group.matched = .read(match)
        }
        return try #require(setUp.found.first { $0.check == .filterMatch })
    }

    @Test func `what the service does not find by the pattern is a loss, with the log event and no text of it`() throws
    {
        let found = try matched(termsPattern)
        #expect((found.severity, found.subject) == (.loss, "/app/shop"))
        #expect(found.finding.contains("2 recent log events") && found.finding.contains("2 of 5 with amberflo_meter"))
        #expect(found.evidence.contains("Log event 387 of 2026-01-01T00:00:00.000Z is missing"))
        #expect(found.remedy.contains("metertap attach") && found.remedy.contains("metertap backfill"))
    }

    @Test func `where the pattern is the right one all log events are handed on`() throws {
        let found = try matched()
        #expect(found.remedy.contains("--filter-name metertap") && found.remedy.contains("--filter-pattern ''"))
    }

    @Test func `what was compared and found is no finding, and a failure is unknown`() throws {
        let right = try LogSetUps.with { group in
            var match = ServiceMatch()
            match.compared = ["amberflo_meter": 5]
            group.matched = .read(match)
        }
        #expect(right.found == [])
        let failed = try LogSetUps.with { $0.matched = .failed(LogSetUps.denied("CloudWatch Logs FilterLogEvents")) }
        #expect(failed.found.map(\.severity) == [.unknown] && failed.found.map(\.check) == [.filterMatch])
    }

    @Test func `the tags that the agent is told are the ones that count`() throws {
        var setUp = try LogSetUps.with { $0.filters = .read([LogSetUps.filter(pattern: "%usage-meter%")]) }
        setUp.tags = ["usage-meter"]
        #expect(setUp.found == [])
        setUp.tags = ["usage-meter", "credits"]
        #expect(try finding(setUp).remedy.contains("--tags usage-meter,credits"))
    }

    @Test func `a pattern that leaves out what was logged is a loss, with its figures`() throws {
        let setUp = try LogSetUps.with { group in
            group.filters = .read([LogSetUps.filter(pattern: "amberflo_meter")])
            var written = WrittenEvents()
            (written.events, written.records, written.receives, written.leftOut) = (5, 5, true, 2)
            group.written = .read(written)
        }
        let found = try finding(setUp)
        #expect((found.check, found.severity) == (.filterPattern, .loss))
        #expect(found.finding.contains("2 of 5"))
        #expect(found.remedy.contains("metertap backfill") && found.remedy.contains("metertap attach"))
    }

    @Test func `a pattern that cannot be read is unknown`() throws {
        let setUp = try LogSetUps.with { $0.filters = .read([LogSetUps.filter(pattern: "{ $.a = ")]) }
        #expect(try finding(setUp).severity == .unknown)
    }

    @Test func `a filter of another's name is put by AWS's own command`() throws {
        let setUp = try LogSetUps.right([
            LogSetUps.group(), LogSetUps.group("/app/x", filters: [LogSetUps.filter("by-hand", pattern: "x")]),
        ])
        let found = try finding(setUp)
        #expect(found.subject == "/app/x")
        #expect(found.remedy.contains("put-subscription-filter --log-group-name /app/x --filter-name by-hand"))
    }

    @Test func `a filter on transformed or selected log events is a risk`() throws {
        for filter in [LogSetUps.filter(transformed: true), LogSetUps.filter(criteria: "@aws.region = \"eu-west-1\"")] {
            let found = try LogSetUps.with { $0.filters = .read([filter]) }.found.filter { $0.check == .filterScope }
            #expect(found.map(\.severity) == [.risk])
        }
        #expect(
            try LogSetUps.with { $0.filters = .read([LogSetUps.filter(transformed: false, criteria: "")]) }.found == [])
    }

    // MARK: - Destination and role

    @Test func `a Firehose stream is no destination`() throws {
        let firehose = "arn:aws:firehose:eu-central-1:123456789012:deliverystream/x"
        let found = try finding(try LogSetUps.with { $0.filters = .read([LogSetUps.filter(to: firehose)]) })
        #expect((found.check, found.severity) == (.filterDestination, .loss))
        #expect(found.finding.contains("Firehose"))
    }

    @Test func `a destination in another region is none`() throws {
        let arn = "arn:aws:kinesis:us-east-1:123456789012:stream/metertap"
        var setUp = try LogSetUps.with { $0.filters = .read([LogSetUps.filter(to: arn)]) }
        setUp.destinations = [arn: try Destination(arn: arn)]
        #expect(try finding(setUp).check == .filterDestination)
    }

    @Test func `a destination of CloudWatch Logs that is gone is a loss`() throws {
        let arn = "arn:aws:logs:eu-central-1:123456789012:destination:metertap"
        var setUp = try LogSetUps.with { $0.filters = .read([LogSetUps.filter(to: arn)]) }
        setUp.logDestinations = [arn: .read(.init(arn: arn, targetArn: stream, roleArn: logsRole))]
        #expect(setUp.found == [])
        setUp.logDestinations = [
            arn: .failed(
                AWSError(
                    kind: .configuration, code: "ResourceNotFoundException", message: "",
                    operation: "CloudWatch Logs DescribeDestinations"))
        ]
        #expect(try finding(setUp).subject == arn)
    }

    private func trusting(_ trust: String) throws -> SetUp {
        var setUp = try LogSetUps.right()
        setUp.roles[logsRole]?.trust = .read(trust)
        return setUp
    }

    private func statement(
        _ principal: String = #"{"Service":"logs.amazonaws.com"}"#, action: String = #""sts:AssumeRole""#,
        condition: String = "{}", effect: String = "Allow"
    ) -> String {
        #"{"Effect":"\#(effect)","Principal":\#(principal),"Action":\#(action),"Condition":\#(condition)}"#
    }

    @Test func `trust policies that let CloudWatch Logs in are right`() throws {
        for statement in [
            statement(), statement(#"{"Service":["lambda.amazonaws.com","logs.eu-central-1.amazonaws.com"]}"#),
            statement(#""*""#), statement(action: #"["sts:AssumeRole","sts:TagSession"]"#),
            statement(action: #""sts:*""#),
            statement(condition: #"{"StringEquals":{"aws:SourceAccount":"123456789012"}}"#),
            statement(
                condition: #"{"ArnLike":{"AWS:sourcearn":["arn:aws:logs:*:1:*","arn:aws:logs:*:123456789012:*"]}}"#),
            statement(
                condition:
                    #"{"ArnEquals":{"aws:SourceArn":"arn:aws:logs:eu-central-1:123456789012:log-group:/app/shop"}}"#),
        ] {
            #expect(try trusting(#"{"Statement":[\#(statement)]}"#).found == [], "\(statement)")
            #expect(try trusting(#"{"Statement":\#(statement)}"#).found == [], "\(statement)")
        }
    }

    @Test func `trust policies that do not are a loss, and say why`() throws {
        for (statement, told) in [
            (statement(#"{"Service":"lambda.amazonaws.com"}"#), "logs.amazonaws.com"),
            (statement(#"{"Service":"logs.eu-west-1.amazonaws.com"}"#), "logs.amazonaws.com"),
            (statement(#"{"AWS":"arn:aws:iam::123456789012:root"}"#), "logs.amazonaws.com"),
            (statement(action: #""sts:TagSession""#), "logs.amazonaws.com"),
            (
                statement(condition: #"{"StringLike":{"aws:SourceArn":"arn:aws:logs:eu-central-1:999999999999:*"}}"#),
                "999"
            ),
            (statement(condition: #"{"StringEquals":{"aws:SourceAccount":"999999999999"}}"#), "999999999999"),
            (statement() + "," + statement(effect: "Deny"), "turns CloudWatch Logs away"),
        ] {
            let found = try finding(try trusting(#"{"Statement":[\#(statement)]}"#))
            #expect((found.check, found.severity, found.subject) == (.filterRole, .loss, logsRole))
            #expect(found.finding.contains(told), "\(found.finding)")
            #expect(found.remedy.contains("--role-name metertap-logs"))
        }
    }

    @Test func `a role that is gone, or may not write, is a loss`() throws {
        var setUp = try LogSetUps.right()
        setUp.roles[logsRole]?.decisions[stream] = .read([
            .init(action: "kinesis:PutRecord", isAllowed: false, decision: "implicitDeny")
        ])
        #expect(try finding(setUp).finding.contains("kinesis:PutRecord on \(stream)"))

        setUp.roles[logsRole]?.trust = .failed(
            AWSError(kind: .configuration, code: "NoSuchEntity", message: "", status: 404, operation: "IAM GetRole"))
        let found = try finding(setUp)
        #expect((found.check, found.severity) == (.filterRole, .loss))
        #expect(found.finding.contains("not there"))
    }
}
