import AWS
import Attachment

/// The log groups themselves: whether they are there, take part, and keep what they hold.
enum LogGroupChecks {
    /// The shortest retention, in days, with which a weekly audit can still repair what it finds missing.
    static let shortestRetention = 14

    static func run(_ setUp: SetUp) -> [Finding] {
        exists(setUp) + logGroupClass(setUp) + receives(setUp) + retention(setUp) + dataProtection(setUp)
            + ownLog(setUp)
    }

    private static func exists(_ setUp: SetUp) -> [Finding] {
        if let error = setUp.logGroups.error {
            return Finding.unreadable(
                .logGroupExists, [("the log groups", error)],
                what: error.operation.hasSuffix("SubscriptionFilters")
                    ? "which log groups hand on to the agent" : "which log groups there are")
        }
        let gone = setUp.groups.filter(\.isGone).map(\.group.name)
        return (setUp.missingLogGroups + gone).map { name in
            Finding(
                .logGroupExists, .loss, name, "There is no log group of this name in this account and region.",
                consequence: "Nothing that is meant to come from it reaches the bill.",
                remedy: name.hasPrefix("arn:")
                    ? "Name it by its name, without the ARN around it."
                    : "Check the name letter by letter, the region and the account; "
                        + "`aws logs describe-log-groups --log-group-name-prefix \(prefix(of: name))` shows those that "
                        + "begin alike.",
                evidence: ["DescribeLogGroups: no log group with exactly this name"])
        }
    }

    /// The first part of a name, by which one that is spelt wrong further on is found.
    private static func prefix(of name: String) -> String {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        let first = parts.prefix(2).joined(separator: "/")
        return first.isEmpty ? name : first
    }

    private static func logGroupClass(_ setUp: SetUp) -> [Finding] {
        setUp.groups.filter { !$0.group.isReadable }.map { group in
            Finding(
                .logGroupClass, .loss, group.group.name,
                "It is of the class \(group.group.logGroupClass ?? ""), which has no subscription filters.",
                consequence:
                    "None of its records is delivered, and no audit can read them either: they are not billed.",
                remedy:
                    "The class cannot be changed. Make a log group of the class STANDARD, let the application write "
                    + "there, then run \(setUp.attach(["<the new log group>"])).",
                evidence: ["DescribeLogGroups: logGroupClass \(group.group.logGroupClass ?? "")"])
        }
    }

    private static func receives(_ setUp: SetUp) -> [Finding] {
        let silent = setUp.groups.filter { $0.written.value?.receives == false && setUp.isMeant($0) }
        return setUp.about(
            silent, .logGroupReceives, .risk, "No log event came in the last day.",
            consequence: "Either nothing was used, or the application, or what ships its logs, has stopped: then usage "
                + "goes on and is not billed.",
            remedy: "Check that the application runs and logs here: `aws logs tail \(first(silent)) --since 1d`.",
            evidence: "FilterLogEvents: no log event in 24 hours")
    }

    private static func retention(_ setUp: SetUp) -> [Finding] {
        let short = setUp.groups.filter { ($0.group.retentionInDays ?? .max) < shortestRetention }
        let days = Set(short.compactMap(\.group.retentionInDays)).sorted()
        return days.flatMap { days -> [Finding] in
            let groups = short.filter { $0.group.retentionInDays == days }
            return setUp.about(
                groups, .logRetention, .risk, "Log events are kept for \(days) \(days == 1 ? "day" : "days").",
                consequence: "What was not delivered can be found by an audit and repaired only as long as it is kept; "
                    + "after that it is never billed.",
                remedy: "`aws logs put-retention-policy --log-group-name \(first(groups)) --retention-in-days 30`.",
                evidence: "DescribeLogGroups: retentionInDays \(days)")
        }
    }

    /// Data protection masks what subscriptions deliver and what an audit reads alike.
    ///
    /// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/mask-sensitive-log-data.html
    private static func dataProtection(_ setUp: SetUp) -> [Finding] {
        let protected = setUp.groups.filter(\.group.isProtected)
        return protected.map { group -> Finding in
            let masked = group.written.value?.masked ?? 0
            let source = group.group.dataProtectionStatus == "ACTIVATED" ? "of its own" : "of the account"
            return Finding(
                .dataProtection, masked > 0 ? .loss : .risk, group.group.name,
                masked > 0
                    ? "A data protection policy \(source) masks values in records: \(masked) of those of the last day "
                        + "hold asterisks."
                    : "A data protection policy \(source) masks what it takes for sensitive.",
                consequence: "A customer, a meter or a dimension that looks like an address or a card number becomes "
                    + "asterisks: the record is billed to nobody, or to a customer of that name.",
                remedy: "See that no identifier of the policy fits what records hold, or write records to a log group "
                    + "without one: `aws logs get-data-protection-policy --log-group-identifier \(group.group.name)`.",
                evidence: [
                    "DescribeLogGroups: dataProtectionStatus \(group.group.dataProtectionStatus ?? "none"), inherited "
                        + "\((group.group.inheritedProperties ?? []).joined(separator: ", "))"
                ])
        }
    }

    private static func ownLog(_ setUp: SetUp) -> [Finding] {
        setUp.ownLogs.sorted { $0.key < $1.key }.flatMap { name, log -> [Finding] in
            if let error = log.filters.error, !log.filters.isMissing {
                return Finding.unreadable(.ownLog, [(name, error)], what: "whether the agent feeds itself")
            }
            return setUp.ourFilters(among: log.filters.value ?? [], on: name).map { filter in
                Finding(
                    .ownLog, .risk, name,
                    "This is the log of \(log.function), the agent itself, and \(filter.name) hands it on to the agent.",
                    consequence: "Each invocation writes lines that make another one: it costs without end, and takes "
                        + "the place of records that are billed.",
                    remedy: filter.own == nil
                        ? "Run \(setUp.attach([], like: filter)), which leaves the agent's log out of the policy."
                        : "`aws logs delete-subscription-filter --log-group-name \(name) --filter-name "
                            + "\(filter.name)`.",
                    evidence: ["DescribeSubscriptionFilters: \(filter.name) to \(filter.destinationArn)"])
            }
        }
    }

    private static func first(_ groups: [ExaminedLogGroup]) -> String { groups.first?.group.name ?? "" }
}

extension CloudWatchLogsClient.LogGroup {
    /// Whether sensitive data is masked in it, by a policy of its own or of the account.
    var isProtected: Bool {
        dataProtectionStatus == "ACTIVATED" || (inheritedProperties ?? []).contains("ACCOUNT_DATA_PROTECTION")
    }
}

extension SetUp {
    /// One finding about log groups that all have the same wrong with them; none when there are none.
    func about(
        _ groups: [ExaminedLogGroup], _ check: Check, _ severity: Finding.Severity, _ finding: String,
        consequence: String, remedy: String, evidence: String
    ) -> [Finding] {
        guard !groups.isEmpty else { return [] }
        let names = groups.map(\.group.name)
        return [
            Finding(
                check, severity, Finding.told(names), finding, consequence: consequence, remedy: remedy,
                evidence: names.count > 5 ? [evidence, Finding.told(names, most: 100)] : [evidence])
        ]
    }

    /// Whether a log group is meant to hold records: one that only the account's policy covers need not.
    func isMeant(_ group: ExaminedLogGroup) -> Bool {
        guard let ours = ourFilters(of: group) else { return true }
        return ours.isEmpty || ours.contains { $0.own != nil }
    }
}
