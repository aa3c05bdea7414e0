import AWS
import Attachment
import Testing

private typealias Filter = CloudWatchLogsClient.SubscriptionFilter
private typealias Group = CloudWatchLogsClient.LogGroup
private typealias Policy = CloudWatchLogsClient.SubscriptionPolicy

private let stream = "arn:aws:kinesis:eu-west-1:123456789012:stream/metertap"
private let role = "arn:aws:iam::123456789012:role/metertap-logs"

private func wish(_ pattern: String = "?a ?b", to arn: String = stream) throws -> Wish {
    Wish(pattern: pattern, destination: try Destination(arn: arn), roleArn: role)
}

private func group(_ name: String = "/app/shop", logGroupClass: String? = nil) -> Group {
    Group(name: name, arn: "arn:aws:logs:eu-west-1:123456789012:log-group:\(name):*", logGroupClass: logGroupClass)
}

private func filter(
    _ name: String = "metertap", pattern: String = "?a ?b", to destination: String = stream, role: String? = role,
    transformed: Bool? = nil, criteria: String? = nil
) -> Filter {
    Filter(
        filterName: name, filterPattern: pattern, destinationArn: destination, roleArn: role,
        distribution: "ByLogStream", applyOnTransformedLogs: transformed, fieldSelectionCriteria: criteria)
}

@Suite struct AttachPlanTests {
    @Test func `our filter of terms is moved to the regular expression, and kept where there is no room for one`()
        throws
    {
        let tags = Wish(tags: ["a", "c.d"], destination: try Destination(arn: stream), roleArn: role)
        #expect((tags.pattern, tags.terms) == (#"%a|c\.d%"#, #"?a ?"c.d""#))
        let present = filter(pattern: #"?a ?"c.d""#)
        let told = #"its pattern is ?a ?"c.d", which may miss a coloured or prefixed tag"#
        #expect(AttachPlan.attaching(group(), filters: [present], wish: tags) == .change([told]))
        #expect(AttachPlan.attaching(group(), filters: [present], wish: tags, byTerms: true) == .keep)
        let moved = filter(pattern: #"%a|c\.d%"#)
        #expect(AttachPlan.attaching(group(), filters: [moved], wish: tags) == .keep)
        #expect(AttachPlan.attaching(group(), filters: [filter(pattern: "?a")], wish: tags).isWork)
    }

    private func attaching(_ filters: [Filter], limit: Int? = nil) throws -> AttachPlan.Action {
        AttachPlan.attaching(group(), filters: filters, wish: try wish(), limit: limit)
    }

    @Test func `a log group without our filter gets it, whatever else is there`() throws {
        #expect(try attaching([]) == .attach(others: []))
        #expect(try attaching([filter("theirs")]) == .attach(others: ["theirs"]))
    }

    @Test func `our filter is kept, also when it distributes by stream`() throws {
        #expect(try attaching([filter(), filter("theirs")]) == .keep)
        #expect(try attaching([filter(transformed: false, criteria: "")]) == .keep)
    }

    @Test(arguments: [
        (filter(pattern: "?a"), "its pattern is ?a"), (filter(pattern: ""), "its pattern is everything"),
        (filter(role: nil), "its role is none"), (filter(transformed: true), "transformed"),
        (filter(criteria: "@aws.account = \"1\""), "@aws.account"),
    ])
    private func `our filter is changed where it differs`(_ present: Filter, _ told: String) throws {
        guard case .change(let differences) = try attaching([present]) else {
            Issue.record("it is not changed")
            return
        }
        #expect(differences.count == 1)
        #expect(differences[0].contains(told))
    }

    @Test func `a filter of our name to somewhere else is left alone`() throws {
        let theirs = filter(to: "arn:aws:kinesis:eu-west-1:123456789012:stream/theirs")
        let action = try attaching([theirs])
        #expect(action == .leave(.foreignFilter(destination: theirs.destinationArn)))
        #expect(action.isLoss)
        #expect(
            AttachPlan.detaching(filters: [theirs], wish: try wish())
                == .leave(.foreignFilter(destination: theirs.destinationArn)))
    }

    @Test func `a filter of another name to the same place is not ours`() throws {
        #expect(try attaching([filter("by-hand")]) == .attach(others: ["by-hand"]))
        #expect(AttachPlan.detaching(filters: [filter("by-hand")], wish: try wish()) == .absent)
    }

    @Test func `the agent's own log is never attached`() throws {
        let own = ["/app/shop": "agent"]
        for (filters, isAttached) in [([], false), ([filter()], true), ([filter(to: "arn:x")], false)] {
            let action = AttachPlan.attaching(group(), filters: filters, wish: try wish(), ownLogs: own)
            #expect(action == .leave(.ownLog(function: "agent", isAttached: isAttached)))
            #expect(!action.isLoss && !action.isWork)
        }
    }

    @Test(arguments: ["INFREQUENT_ACCESS", "DELIVERY"])
    func `a class without subscriptions is told`(name: String) throws {
        let action = AttachPlan.attaching(group(logGroupClass: name), filters: [], wish: try wish())
        #expect(action == .leave(.noSubscriptions(logGroupClass: name)))
        #expect(action.isLoss)
        #expect(AttachPlan.attaching(group(logGroupClass: "STANDARD"), filters: [], wish: try wish()).isWork)
    }

    @Test func `a limit that was found out is kept to, but not for a filter that is there`() throws {
        let two = [filter("x"), filter("y")]
        #expect(try attaching(two) == .attach(others: ["x", "y"]))
        #expect(try attaching(two, limit: 2) == .leave(.full(filters: ["x", "y"])))
        #expect(try attaching(two, limit: 5) == .attach(others: ["x", "y"]))
        #expect(try attaching([filter("x"), filter(pattern: "z")], limit: 2).isWork)
    }

    @Test func `detaching takes our filter and no other`() throws {
        let wish = try wish()
        #expect(AttachPlan.detaching(filters: [filter("x"), filter(pattern: "changed")], wish: wish) == .detach)
        #expect(AttachPlan.detaching(filters: [], wish: wish) == .absent)
    }
}

@Suite struct PolicyPlanTests {
    private func policy(
        _ name: String = "metertap", to destination: String = stream, pattern: String = "?a ?b",
        criteria: String? = "LogGroupName NOT IN [\"/a\", \"/b\"]"
    ) -> Policy {
        Policy(
            name: name,
            document: .init(
                destinationArn: destination, roleArn: role, filterPattern: pattern, distribution: "ByLogStream"),
            selectionCriteria: criteria)
    }

    private func attaching(_ present: [Policy]) throws -> PolicyPlan {
        PolicyPlan.attaching(present: present, wish: try wish(), ownLogs: ["/b", "/a"])
    }

    @Test func `a policy leaves the agent's own logs out`() throws {
        guard case .attach(let policy) = try attaching([]) else {
            Issue.record("it is not attached")
            return
        }
        #expect(policy.selectionCriteria == "LogGroupName NOT IN [\"/a\", \"/b\"]")
        #expect(policy.document?.distribution == "Random")
        #expect(policy.document?.filterPattern == "?a ?b")
    }

    @Test func `ours is kept or changed, another's is left alone`() throws {
        #expect(try attaching([policy()]) == .keep)
        guard case .change(let changed, let differences) = try attaching([policy(pattern: "x", criteria: nil)]) else {
            Issue.record("it is not changed")
            return
        }
        #expect(differences.count == 2)
        #expect(changed.document?.distribution == "ByLogStream")
        #expect(try attaching([policy("theirs")]) == .leave(name: "theirs"))
        #expect(try attaching([policy(to: "arn:x")]) == .leave(name: "metertap"))
        #expect(try attaching([Policy(name: "metertap", document: nil)]) == .leave(name: "metertap"))
    }

    @Test func `a policy of terms is moved to the regular expression`() throws {
        let tags = Wish(tags: ["a", "b"], destination: try Destination(arn: stream), roleArn: role)
        guard
            case .change(let changed, let differences) = PolicyPlan.attaching(
                present: [policy()], wish: tags, ownLogs: ["/a", "/b"])
        else {
            Issue.record("it is not changed")
            return
        }
        #expect(changed.document?.filterPattern == "%a|b%")
        #expect(differences == ["its pattern is ?a ?b, which may miss a coloured or prefixed tag"])
    }

    @Test func `detaching deletes ours alone`() throws {
        let wish = try wish()
        #expect(PolicyPlan.detaching(present: [policy(pattern: "x")], wish: wish) == .detach(name: "metertap"))
        #expect(PolicyPlan.detaching(present: [], wish: wish) == .absent)
        #expect(PolicyPlan.detaching(present: [policy("theirs")], wish: wish) == .leave(name: "theirs"))
    }
}

@Suite struct DestinationTests {
    @Test func `each kind of destination is known by its ARN`() throws {
        #expect(try Destination(arn: stream).kind == .stream)
        let function = try Destination(arn: "arn:aws-cn:lambda:cn-north-1:123456789012:function:agent:live")
        let name = try #require(LambdaClient.Function(arn: function.arn))
        #expect((name.name, name.qualifier) == ("agent", "live"))
        #expect(function.kind == .function(name))
        #expect(
            function.permission
                == .init(
                    statementID: "metertap-attach", sourceAccount: "123456789012",
                    sourceArn: "arn:aws-cn:logs:cn-north-1:123456789012:log-group:*"))
        let other = try Destination(arn: "arn:aws:logs:eu-west-1:999988887777:destination:meters")
        #expect(other.kind == .otherAccount)
        #expect((other.region, other.account) == ("eu-west-1", "999988887777"))
        #expect(other.permission == nil)
    }

    @Test(arguments: [
        ("", "no ARN"), ("stream/metertap", "no ARN"),
        ("arn:aws:firehose:eu-west-1:123456789012:deliverystream/x", "Firehose"),
        ("arn:aws:lambda:eu-west-1:123456789012:layer:x", "Lambda function"),
        ("arn:aws:kinesis:eu-west-1:123456789012:consumer/x", "neither"), ("arn:aws:s3:::bucket", "no ARN"),
    ])
    func `anything else is told what it is not`(arn: String, told: String) throws {
        let problem = try #require(throws: Destination.Problem.self) { try Destination(arn: arn) }
        #expect(problem.description.contains(told))
    }
}
