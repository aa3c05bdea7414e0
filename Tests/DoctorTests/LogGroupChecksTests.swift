import AWS
import Doctor
import Testing

@Suite struct LogGroupChecksTests {
    @Test func `a right set-up has no finding`() throws {
        #expect(try LogSetUps.right().found == [])
    }

    @Test func `a log group that is not there is a loss, whether it was named or went away`() throws {
        var named = try LogSetUps.right()
        named.missingLogGroups = ["/app/shopp"]
        let gone = try LogSetUps.with { $0.filters = .failed(Self.notFound) }
        for (setUp, name) in [(named, "/app/shopp"), (gone, "/app/shop")] {
            let finding = try #require(setUp.found.first)
            #expect(setUp.found.count == 1)
            #expect((finding.check, finding.severity) == (.logGroupExists, .loss))
            #expect(finding.subject == name)
            #expect(finding.remedy.contains("--log-group-name-prefix /app`"))
        }
    }

    private static let notFound = AWSError(
        kind: .configuration, code: "ResourceNotFoundException", message: "", status: 400,
        operation: "CloudWatch Logs DescribeSubscriptionFilters")

    @Test func `an ARN in the place of a name is told`() throws {
        var setUp = try LogSetUps.right()
        setUp.missingLogGroups = ["arn:aws:logs:eu-central-1:123456789012:log-group:/app/shop:*"]
        #expect(try #require(setUp.found.first).remedy.contains("without the ARN"))
    }

    @Test(arguments: ["INFREQUENT_ACCESS", "DELIVERY"])
    func `a class without subscriptions is a loss`(name: String) throws {
        let setUp = try LogSetUps.with { group in
            group.group.logGroupClass = name
            (group.filters, group.written) = (.notAsked, .notAsked)
        }
        #expect(setUp.found.map(\.check) == [.logGroupClass])
        #expect(try #require(setUp.found.first).remedy.contains("STANDARD"))
    }

    @Test func `a log group without log events is a risk, unless only the account's policy covers it`() throws {
        func quiet(_ filters: [Filter]) throws -> SetUp {
            try LogSetUps.with { group in
                var written = WrittenEvents()
                written.receives = false
                (group.written, group.filters) = (.read(written), .read(filters))
            }
        }
        let setUp = try quiet([LogSetUps.filter()])
        #expect(setUp.found.map(\.check) == [.logGroupReceives])
        #expect(setUp.found.map(\.severity) == [.risk])

        var covered = try quiet([])
        covered.policies = .read([
            Policy(
                name: "metertap",
                document: .init(destinationArn: stream, roleArn: logsRole, filterPattern: rightPattern))
        ])
        #expect(covered.found == [])
    }

    @Test(arguments: [(1, true), (7, true), (13, true), (14, false), (30, false), (nil, false)] as [(Int?, Bool)])
    func `a retention shorter than the audit needs is a risk`(days: Int?, isFound: Bool) throws {
        let setUp = try LogSetUps.with { $0.group.retentionInDays = days }
        #expect(setUp.found.map(\.check) == (isFound ? [.logRetention] : []))
        if isFound { #expect(try #require(setUp.found.first).remedy.contains("--log-group-name /app/shop ")) }
    }

    @Test func `log groups with the same retention are one finding`() throws {
        let groups = (1...7).map { number in
            var group = LogSetUps.group("/app/\(number)")
            group.group.retentionInDays = number == 7 ? 3 : 1
            return group
        }
        let found = try LogSetUps.right(groups).found
        #expect(found.map(\.subject) == ["/app/1, /app/2, /app/3, /app/4, /app/5 and 1 more", "/app/7"])
        #expect(try #require(found.first).evidence.contains { $0.contains("/app/6") })
    }

    @Test func `data protection is a risk, and a loss once it masks records`() throws {
        for (status, inherited, isFound) in [
            ("ACTIVATED", nil, true), (nil, ["ACCOUNT_DATA_PROTECTION"], true), ("DISABLED", [], false),
        ] as [(String?, [String]?, Bool)] {
            var group = LogSetUps.group()
            (group.group.dataProtectionStatus, group.group.inheritedProperties) = (status, inherited)
            #expect(try LogSetUps.right([group]).found.map(\.severity) == (isFound ? [.risk] : []))

            var written = WrittenEvents()
            (written.events, written.records, written.receives, written.masked) = (1, 1, true, 1)
            group.written = .read(written)
            #expect(try LogSetUps.right([group]).found.map(\.severity) == (isFound ? [.loss] : []))
        }
    }

    @Test func `a filter on the agent's own log is a risk, by a filter and by the account's policy`() throws {
        let own = "/aws/lambda/agent"
        var setUp = try LogSetUps.right()
        setUp.ownLogs = [own: .init(function: "agent", filters: .read([LogSetUps.filter("theirs", to: "x")]))]
        #expect(setUp.found == [])
        setUp.ownLogs = [own: .init(function: "agent", filters: .read([LogSetUps.filter()]))]
        #expect(setUp.found.map(\.check) == [.ownLog])
        #expect(setUp.found.map(\.subject) == [own])
        #expect(
            try #require(setUp.found.first).remedy.contains(
                "delete-subscription-filter --log-group-name /aws/lambda/agent --filter-name metertap"))

        setUp.ownLogs = [own: .init(function: "agent", filters: .read([]))]
        for (criteria, isFound) in [(nil, true), ("LogGroupName NOT IN [\"/aws/lambda/agent\"]", false)] {
            setUp.policies = .read([
                Policy(
                    name: "metertap",
                    document: .init(destinationArn: stream, roleArn: logsRole, filterPattern: rightPattern),
                    selectionCriteria: criteria)
            ])
            #expect(setUp.found.contains { $0.check == .ownLog } == isFound)
        }
    }

    @Test func `the agent's own log that was never made is no finding`() throws {
        var setUp = try LogSetUps.right()
        setUp.ownLogs = ["/aws/lambda/agent": .init(function: "agent", filters: .failed(Self.notFound))]
        #expect(setUp.found == [])
    }

    @Test func `what is refused is unknown and names the action, once for all log groups`() throws {
        let groups = (1...500).map { number in
            var group = LogSetUps.group("/app/\(number)")
            group.filters = .failed(LogSetUps.denied("CloudWatch Logs DescribeSubscriptionFilters"))
            group.written = .failed(LogSetUps.denied("CloudWatch Logs FilterLogEvents"))
            return group
        }
        let found = try LogSetUps.right(groups).found
        #expect(found.map(\.severity) == [.unknown, .unknown])
        #expect(found[0].remedy.contains("logs:DescribeSubscriptionFilters"))
        #expect(found[1].remedy.contains("logs:FilterLogEvents"))
        #expect(found[0].subject.hasSuffix("and 495 more"))

        var setUp = try LogSetUps.right()
        setUp.logGroups = .failed(LogSetUps.denied("CloudWatch Logs DescribeLogGroups"))
        setUp.policies = .failed(LogSetUps.denied("CloudWatch Logs DescribeAccountPolicies"))
        setUp.ownLogs = [
            "/aws/lambda/agent": .init(
                function: "agent", filters: .failed(LogSetUps.denied("CloudWatch Logs DescribeSubscriptionFilters")))
        ]
        setUp.roles[logsRole]?.trust = .failed(LogSetUps.denied("IAM GetRole"))
        setUp.roles[logsRole]?.decisions[stream] = .failed(LogSetUps.denied("IAM SimulatePrincipalPolicy"))
        #expect(Set(setUp.found.map(\.severity)) == [.unknown])
        for action in [
            "logs:DescribeLogGroups", "logs:DescribeAccountPolicies", "logs:DescribeSubscriptionFilters", "iam:GetRole",
            "iam:SimulatePrincipalPolicy",
        ] { #expect(setUp.found.count { $0.remedy.contains(action) } == 1, "\(action)") }
    }
}
