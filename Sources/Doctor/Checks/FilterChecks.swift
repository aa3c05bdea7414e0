import AWS
import Attachment
import FilterPattern
import HTTP

/// The subscription filters: whether each log group has ours, and whether it hands on what it should.
enum FilterChecks {
    /// What the role of CloudWatch Logs needs on the stream.
    ///
    /// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html#DestinationKinesisExample
    static let actionOnStream = "kinesis:PutRecord"

    /// How many subscription filters a log group takes where the quota was not raised.
    ///
    /// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
    static let mostFilters = 2

    static func run(_ setUp: SetUp) -> [Finding] {
        unread(setUp) + present(setUp) + pattern(setUp) + match(setUp) + scope(setUp) + destination(setUp) + role(setUp)
            + limit(setUp) + twice(setUp)
    }

    private static func unread(_ setUp: SetUp) -> [Finding] {
        var failures: [(subject: String, error: AWSError)] = []
        for group in setUp.groups where !group.isGone {
            if let error = group.filters.error { failures.append((group.group.name, error)) }
        }
        if let error = setUp.policies.error { failures.append(("the account", error)) }
        return Finding.unreadable(.filterPresent, failures, what: "whether a filter hands log events on")
    }

    // MARK: - Ours

    private static func present(_ setUp: SetUp) -> [Finding] {
        guard let groups = setUp.logGroups.value else { return [] }
        if groups.isEmpty, setUp.missingLogGroups.isEmpty, setUp.policies.error == nil {
            return [
                Finding(
                    .filterPresent, .loss, "all log groups",
                    "No log group of this account and region has a subscription filter named \(setUp.filterName).",
                    consequence: "No record is delivered, and nothing is billed.",
                    remedy: "Run \(setUp.attach(["<name>"])), or name the log groups with --log-group, and the filters "
                        + "with --filter-name.",
                    evidence: ["DescribeSubscriptionFilters: none of this name"])
            ]
        }
        let bare = groups.filter { $0.group.isReadable && setUp.ourFilters(of: $0)?.isEmpty == true }
        let full = bare.filter { ($0.filters.value ?? []).count >= mostFilters }
        let free = bare.filter { ($0.filters.value ?? []).count < mostFilters }
        // A policy that could not be read may cover it.
        let isKnown = setUp.policies.error == nil
        return setUp.about(
            free, .filterPresent, isKnown ? .loss : .risk,
            "There is no subscription filter that hands log events on to the agent.",
            consequence: "None of the records that are logged there is delivered or billed.",
            remedy: "Run \(setUp.attach(free.map(\.group.name))), then `metertap backfill` for the time since the "
                + "filter was missing.",
            evidence: "DescribeSubscriptionFilters: none named \(setUp.filterName); DescribeAccountPolicies: "
                + (isKnown ? "none that covers it" : "not answered"))
            + full.map { group in
                let others = (group.filters.value ?? []).map(\.filterName).joined(separator: ", ")
                return Finding(
                    .filterLimit, isKnown ? .loss : .risk, group.group.name,
                    "It has no filter of ours, and hardly room for one: others hold \(others).",
                    consequence: "None of the records that are logged there is delivered or billed.",
                    remedy: "Take a filter away that nobody needs, or raise the quota of subscription filters per log "
                        + "group, then run \(setUp.attach([group.group.name])).",
                    evidence: ["DescribeSubscriptionFilters: \(others)"])
            }
    }

    // MARK: - What they hand on

    private static func pattern(_ setUp: SetUp) -> [Finding] {
        let withOurs = setUp.groups.compactMap { group in
            setUp.ourFilters(of: group).flatMap { $0.isEmpty ? nil : (group: group, filters: $0) }
        }
        // Log groups whose filters say the same have the same wrong with them.
        let kinds = Dictionary(grouping: withOurs) { $0.filters.map(\.pattern) }
        return kinds.sorted { $0.key.lexicographicallyPrecedes($1.key) }.flatMap { texts, members -> [Finding] in
            pattern(texts, of: members.map { $0.group }, members.first?.filters.first, setUp)
        }
    }

    private static func pattern(
        _ texts: [String], of groups: [ExaminedLogGroup], _ filter: EffectiveFilter?, _ setUp: SetUp
    ) -> [Finding] {
        let told = texts.map { $0.isEmpty ? "everything" : $0 }.joined(separator: " and ")
        let command = command(groups, filter, setUp)
        let remedy = "Run \(command)"
        let patterns = texts.compactMap { try? FilterPattern($0) }
        guard patterns.count == texts.count else {
            return setUp.about(
                groups, .filterPattern, .unknown,
                "The filter's pattern is none that AWS's page on the syntax allows, so that it is not known what it "
                    + "takes: \(told).",
                consequence: "What it leaves out is never delivered or billed, and nobody is told.", remedy: remedy,
                evidence: "DescribeSubscriptionFilters: \(told)")
        }
        let losing = groups.filter { ($0.written.value?.leftOut ?? 0) > 0 }
        let leftOut = losing.reduce(0) { $0 + ($1.written.value?.leftOut ?? 0) }
        let found = losing.reduce(0) { $0 + ($1.written.value?.found ?? 0) }
        let losses = setUp.about(
            losing, .filterPattern, .loss,
            "The filter's pattern leaves out \(leftOut) of \(found) records that were logged of late: \(told).",
            consequence: "What it leaves out is never delivered or billed, and nobody is told.",
            remedy: "Mend it, then fetch the rest with `metertap backfill`: run \(command)",
            evidence: "FilterLogEvents, matched with the pattern: \(leftOut) of \(found) left out")
        let misses = FilterLines.misses(patterns, tags: setUp.agentTags)
        guard !misses.isEmpty else { return losses + terms(told, patterns, groups, filter, setUp) }
        return losses
            + setUp.about(
                groups.filter { ($0.written.value?.leftOut ?? 0) == 0 }, .filterPattern, .risk,
                "The filter's pattern does not take every line that a record may stand in: \(told).",
                consequence: "As soon as an application writes such a line, its record is never delivered or billed.",
                remedy: remedy, evidence: "Not taken: \(misses.joined(separator: "; "))")
    }

    /// Patterns that take every form of a record, but some only if terms are found within longer words.
    private static func terms(
        _ told: String, _ patterns: [FilterPattern], _ groups: [ExaminedLogGroup], _ filter: EffectiveFilter?,
        _ setUp: SetUp
    ) -> [Finding] {
        let unsure = FilterLines.unsure(patterns, tags: setUp.agentTags)
        guard !unsure.isEmpty else { return [] }
        let count = groups.reduce(0) { $0 + ($1.written.value?.unsure ?? 0) }
        let seen =
            count > 0
            ? " In the last day, \(count) \(count == 1 ? "record has" : "records have") the tag within a longer word."
            : ""
        let crowded = groups.first { !hasRoomForExpression($0, filter) }.map {
            " Where it reports that there is no room, remove another filter with a regular expression first: `aws logs "
                + "describe-metric-filters --log-group-name \($0.group.name)` lists them."
        }
        return setUp.about(
            groups, .filterTerms, .risk,
            "The filter's pattern is made of terms, which AWS documents as whole words: \(told).\(seen)",
            consequence: "A record whose tag follows a colour code or an escaped line break may never be delivered or "
                + "billed, without a report.",
            remedy: "Run \(command(groups, filter, setUp))\(crowded ?? "")",
            evidence: "DescribeSubscriptionFilters: \(told). Not taken for certain: \(unsure.joined(separator: "; "))")
    }

    /// Whether a log group takes one more filter with a regular expression, as far as that is known.
    private static func hasRoomForExpression(_ group: ExaminedLogGroup, _ filter: EffectiveFilter?) -> Bool {
        let others = (group.filters.value ?? []).count { other in
            other.filterName != filter?.name && FilterPattern.holdsExpression(other.filterPattern)
        }
        return others + (group.group.metricFilterCount ?? 0) < FilterPattern.maximumFiltersWithExpressions
    }

    /// What CloudWatch Logs itself says of the patterns.
    private static func match(_ setUp: SetUp) -> [Finding] {
        var failures: [(subject: String, error: AWSError)] = []
        for group in setUp.groups { if let error = group.matched.error { failures.append((group.group.name, error)) } }
        let unread = Finding.unreadable(
            .filterMatch, failures, what: "whether CloudWatch Logs finds tags with the filter's pattern")
        return unread
            + setUp.groups.compactMap { group -> Finding? in
                guard let match = group.matched.value, match.missedEvents > 0 else { return nil }
                let filters = setUp.ourFilters(of: group) ?? []
                let patterns = filters.map(\.pattern).joined(separator: " and ")
                let byTag = match.missed.sorted { $0.key < $1.key }
                    .map { "\($0.value) of \(match.compared[$0.key] ?? 0) with \($0.key)" }.joined(separator: ", ")
                return Finding(
                    .filterMatch, .loss, group.group.name,
                    "CloudWatch Logs doesn't find \(match.missedEvents) recent log events with a record by the filter's "
                        + "pattern, which should take them: \(byTag).",
                    consequence: "These records are never delivered or billed, without a report.",
                    remedy: matchRemedy(filters.first, group, setUp),
                    evidence: ["FilterLogEvents with and without \(patterns): \(byTag) missing"]
                        + match.examples.map {
                            "Log event \($0.id) of "
                                + UnixTime(milliseconds: $0.timestamp).iso8601Milliseconds + " is missing"
                        })
            }
    }

    private static func matchRemedy(
        _ filter: EffectiveFilter?, _ group: ExaminedLogGroup, _ setUp: SetUp
    ) -> String {
        let backfill = "fetch the missing records with `metertap backfill`"
        guard let filter, Wish.isSame(filter.pattern, FilterPattern.text(ofAny: setUp.agentTags)) else {
            return "First \(backfill), then run \(command([group], filter, setUp))"
        }
        return "Hand on every log event until the cause is known, then \(backfill): `aws logs put-subscription-filter "
            + "--log-group-name \(group.group.name) --filter-name \(filter.name) --destination-arn "
            + "\(filter.destinationArn) " + (filter.roleArn.map { "--role-arn \($0) " } ?? "") + "--filter-pattern ''`."
    }

    /// What sets the pattern right, in the middle of a sentence.
    private static func command(
        _ groups: [ExaminedLogGroup], _ filter: EffectiveFilter?, _ setUp: SetUp
    ) -> String {
        let pattern = FilterPattern.text(ofAny: setUp.agentTags)
        let isAttached = filter?.own.map { Wish.isSame($0.filterName, setUp.filterName) } ?? true
        guard let filter, !isAttached else {
            return "\(setUp.attach(groups.map(\.group.name), like: filter)), which sets the pattern to \(pattern)."
        }
        return "`aws logs put-subscription-filter --log-group-name \(groups.first?.group.name ?? "") "
            + "--filter-name \(filter.name) --destination-arn \(filter.destinationArn) "
            + (filter.roleArn.map { "--role-arn \($0) " } ?? "") + "--filter-pattern '\(pattern)'`."
    }

    private static func scope(_ setUp: SetUp) -> [Finding] {
        setUp.groups.flatMap { group in
            (setUp.ourFilters(of: group) ?? []).flatMap { filter in
                [transformed(filter, group, setUp), selected(filter, group, setUp)].compactMap { $0 }
            }
        }
    }

    private static func transformed(
        _ filter: EffectiveFilter, _ group: ExaminedLogGroup, _ setUp: SetUp
    ) -> Finding? {
        guard filter.own?.applyOnTransformedLogs == true else { return nil }
        return Finding(
            .filterScope, .risk, group.group.name,
            "The filter \(filter.name) looks at log events after a transformer changed them.",
            consequence:
                "A transformer may rename, drop or move a record or its tag, so that it is neither found nor billed; and an "
                + "audit reads what was logged, so that the two differ.",
            remedy: "Run \(setUp.attach([group.group.name], like: filter)), which makes it look at what was logged.",
            evidence: ["DescribeSubscriptionFilters: applyOnTransformedLogs true"])
    }

    private static func selected(_ filter: EffectiveFilter, _ group: ExaminedLogGroup, _ setUp: SetUp) -> Finding? {
        guard let criteria = filter.own?.fieldSelectionCriteria, !criteria.isEmpty else { return nil }
        return Finding(
            .filterScope, .risk, group.group.name,
            "The filter \(filter.name) looks only at log events of some accounts or regions: \(criteria).",
            consequence: "Records of the others are never delivered or billed.",
            remedy: "If all are meant, run \(setUp.attach([group.group.name], like: filter)), which takes that away.",
            evidence: ["DescribeSubscriptionFilters: fieldSelectionCriteria \(criteria)"])
    }

    // MARK: - Where to, and in which role

    private static func destination(_ setUp: SetUp) -> [Finding] {
        var findings: [Finding] = []
        for arn in setUp.ourDestinations.sorted() {
            do { _ = try Destination(arn: arn) } catch {
                let groups = setUp.groups.filter { group in
                    (setUp.ourFilters(of: group) ?? []).contains { $0.destinationArn == arn }
                }
                findings += setUp.about(
                    groups, .filterDestination, .loss, "The filter hands on to what no agent reads: \(error).",
                    consequence: "Its records never reach the agent, and are not billed.",
                    remedy: "Run `metertap attach` with the stream or the function of the agent as --destination-arn.",
                    evidence: "DescribeSubscriptionFilters: destinationArn \(arn)")
            }
        }
        findings += setUp.destinations.values.sorted { $0.arn < $1.arn }.flatMap { elsewhere($0, setUp) }
        for (arn, behind) in setUp.logDestinations.sorted(by: { $0.key < $1.key }) {
            guard let error = behind.error else { continue }
            findings +=
                behind.isMissing
                ? [missing(arn)]
                : Finding.unreadable(.filterDestination, [(arn, error)], what: "where it hands on to")
        }
        return findings
    }

    private static func elsewhere(_ destination: Destination, _ setUp: SetUp) -> [Finding] {
        let groups = setUp.groups.filter { group in
            group.group.region != destination.region
                && (setUp.ourFilters(of: group) ?? []).contains { $0.destinationArn == destination.arn }
        }
        return setUp.about(
            groups, .filterDestination, .loss,
            "The filter hands on to the region \(destination.region), and log groups hand on within their own alone.",
            consequence: "Its records never reach the agent, and are not billed.",
            remedy:
                "Deploy a stream and an agent in the log group's region, and run `metertap attach` with that one as "
                + "--destination-arn.", evidence: "DescribeSubscriptionFilters: destinationArn \(destination.arn)")
    }

    private static func missing(_ arn: String) -> Finding {
        Finding(
            .filterDestination, .loss, arn, "The destination that filters hand on to is not there any more.",
            consequence: "CloudWatch Logs drops what it cannot hand on: those records are not billed.",
            remedy: "Make it again with `aws logs put-destination`, or run `metertap attach` with another "
                + "--destination-arn; then `metertap backfill` for the time between.",
            evidence: ["DescribeDestinations: none of this ARN"])
    }

    private static func role(_ setUp: SetUp) -> [Finding] {
        setUp.roles.values.sorted { $0.arn < $1.arn }.flatMap { role in
            role.trust.isMissing ? [isMissing(role)] : trust(role, setUp) + permissions(role)
        }
    }

    private static let dropped =
        "CloudWatch Logs drops what it may not write, without trying again and without a trace at the agent: those records "
        + "are not billed."

    private static func isMissing(_ role: ExaminedRole) -> Finding {
        Finding(
            .filterRole, .loss, role.arn, "The role in which CloudWatch Logs writes to the stream is not there.",
            consequence: dropped,
            remedy: "Make it again as docs/deploy-by-hand.md says under \"Role of CloudWatch Logs\" "
                + "(`aws iam create-role --role-name \(role.name) …`), then `metertap backfill` for the time between.",
            evidence: ["GetRole: no such role"])
    }

    private static func trust(_ role: ExaminedRole, _ setUp: SetUp) -> [Finding] {
        if let error = role.trust.error {
            return Finding.unreadable(
                .filterRole, [(role.arn, error)], what: "whether CloudWatch Logs may take on the role")
        }
        guard let text = role.trust.value, let policy = LogsPolicy(text) else { return [] }
        let refused = setUp.groups.compactMap { group -> (group: ExaminedLogGroup, verdict: LogsPolicy.Verdict)? in
            guard (setUp.ourFilters(of: group) ?? []).contains(where: { $0.roleArn == role.arn }) else { return nil }
            let verdict = policy.onAssuming(for: group.group)
            return verdict == .allowed ? nil : (group, verdict)
        }
        guard let first = refused.first else { return [] }
        let names = Finding.told(refused.map { $0.group.group.name })
        let (account, region) = (first.group.group.account, first.group.group.region)
        return [
            Finding(
                .filterRole, .loss, role.arn, told(first.verdict, names), consequence: dropped,
                remedy: "`aws iam update-assume-role-policy --role-name \(role.name) --policy-document …` with the "
                    + "principal logs.amazonaws.com and, as aws:SourceArn, arn:\(role.partition):logs:\(region):"
                    + "\(account):*; then `metertap backfill` for the time between.",
                evidence: ["GetRole: the trust policy does not let CloudWatch Logs in"])
        ]
    }

    private static func told(_ verdict: LogsPolicy.Verdict, _ names: String) -> String {
        switch verdict {
        case .otherSource(let wanted):
            "The role lets CloudWatch Logs in only for \(wanted.joined(separator: ", ")), and not for \(names)."
        case .denied: "The role's trust policy turns CloudWatch Logs away, for \(names)."
        default: "The role does not let CloudWatch Logs (logs.amazonaws.com) take it on, for \(names)."
        }
    }

    private static func permissions(_ role: ExaminedRole) -> [Finding] {
        role.decisions.sorted { $0.key < $1.key }.flatMap { stream, reading -> [Finding] in
            if let error = reading.error {
                return Finding.unreadable(
                    .filterRole, [(role.arn, error)], what: "whether the role may write to \(stream)")
            }
            return (reading.value ?? []).filter { !$0.isAllowed }.map { decision in
                Finding(
                    .filterRole, .loss, role.arn,
                    "The role in which CloudWatch Logs writes may not do \(decision.action) on \(stream).",
                    consequence: dropped,
                    remedy: "`aws iam put-role-policy --role-name \(role.name) --policy-name write-to-stream "
                        + "--policy-document …` that allows \(decision.action) on \(stream); then `metertap backfill` "
                        + "for the time between.",
                    evidence: ["SimulatePrincipalPolicy: \(decision.action) \(decision.decision)"])
            }
        }
    }

    // MARK: - Beside others

    private static func limit(_ setUp: SetUp) -> [Finding] {
        let full = setUp.groups.filter { group in
            let filters = group.filters.value ?? []
            let ours = (setUp.ourFilters(of: group) ?? []).count { $0.own != nil }
            return filters.count >= mostFilters && ours > 0 && ours < filters.count
        }
        return setUp.about(
            full, .filterLimit, .note, "There are as many subscription filters as a log group takes by default.",
            consequence:
                "The bill is right; but whoever puts another tool's filter back may find no room, and take "
                + "ours away for it.",
            remedy: "Raise the quota of subscription filters per log group, or take one away that nobody needs.",
            evidence: "DescribeSubscriptionFilters: \(mostFilters) or more, ours among them")
    }

    private static func twice(_ setUp: SetUp) -> [Finding] {
        setUp.groups.compactMap { group -> Finding? in
            let ours = setUp.ourFilters(of: group) ?? []
            guard ours.count > 1 else { return nil }
            let names = ours.map(\.name).joined(separator: " and ")
            let isSame = Set(ours.map(\.destinationArn)).count == 1
            return Finding(
                .filterTwice, isSame ? .note : .risk, group.group.name,
                "Its log events are handed on twice, by \(names).",
                consequence: isSame
                    ? "Identity keeps the second copy off the bill, but each is paid for: delivery, stream and "
                        + "invocations."
                    : "Where both ways end in the same place, identity makes the second copy of a record harmless; where "
                        + "they do not, it is billed in both.",
                remedy: "Keep one: `metertap detach` takes a filter of ours away, `aws logs delete-subscription-filter "
                    + "--log-group-name \(group.group.name) --filter-name …` any other.",
                evidence: ours.map { "\($0.name) to \($0.destinationArn)" })
        }
    }
}

/// Lines as applications write records, to try a pattern where there are none.
enum FilterLines {
    private static let record = #"{"customerId":"c","meterApiName":"m","meterValue":1}"#

    /// The forms of docs/log-line.md that a pattern may tell apart, with their names.
    private static func lines(_ tag: String) -> [(form: String, line: String)] {
        let escaped = record.replacing("\"", with: "\\\"")
        return [
            ("a text line", "2026-01-02T03:04:05Z INFO \(tag): \(record)"),
            ("a member of JSON", #"{"level":"info","\#(tag)":\#(record)}"#),
            ("a string in JSON", #"{"level":"INFO","message":"\#(tag) \#(escaped)"}"#),
            ("a text line after a colour code", "\u{1b}[32m\(tag): \(record)"),
            ("a string in JSON after a line break", #"{"level":"INFO","message":"done\n\#(tag) \#(escaped)"}"#),
        ]
    }

    /// What none of the patterns takes, for example `amberflo_meter in a text line`.
    static func misses(_ patterns: [FilterPattern], tags: [String]) -> [String] {
        tags.flatMap { tag in
            lines(tag).filter { one in !patterns.contains { $0.matches(one.line) } }.map { "\(tag) in \($0.form)" }
        }
    }

    /// What the patterns take only if terms are found within longer words.
    static func unsure(_ patterns: [FilterPattern], tags: [String]) -> [String] {
        tags.flatMap { tag in
            lines(tag).filter { one in !patterns.contains { $0.matchesWholeWords(one.line) } }
                .map { "\(tag) in \($0.form)" }
        }
    }
}

extension CloudWatchLogsClient.LogGroup {
    /// The region, as the ARN tells it.
    var region: String {
        let parts = arn.split(separator: ":", omittingEmptySubsequences: false)
        return parts.count > 3 ? String(parts[3]) : ""
    }
}

extension ExaminedRole {
    /// For example `aws` or `aws-cn`.
    var partition: String {
        let parts = arn.split(separator: ":", omittingEmptySubsequences: false)
        return parts.count > 1 ? String(parts[1]) : "aws"
    }
}
