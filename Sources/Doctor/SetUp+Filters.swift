import AWS
import Attachment

/// A filter on a log group that hands on to the agent: its own, or the account's policy.
struct EffectiveFilter: Sendable, Hashable {
    /// Its name, for people.
    var name: String
    /// What it hands on; empty for everything.
    var pattern: String
    /// Where it hands it on to.
    var destinationArn: String
    /// In which role.
    var roleArn: String?
    /// The filter, where it is one of the log group's own.
    var own: CloudWatchLogsClient.SubscriptionFilter?
}

extension SetUp {
    /// The log groups that were read; none where they could not be.
    var groups: [ExaminedLogGroup] { logGroups.value ?? [] }

    /// What hands a log group's events on to us: filters of our name, filters of others' names to the same place, and the
    /// account's policy; nil where the log group's filters could not be read.
    func ourFilters(of group: ExaminedLogGroup) -> [EffectiveFilter]? {
        guard let filters = group.filters.value else { return nil }
        return ourFilters(among: filters, on: group.group.name)
    }

    func ourFilters(
        among filters: [CloudWatchLogsClient.SubscriptionFilter], on logGroup: String
    ) -> [EffectiveFilter] {
        let destinations = ourDestinations
        let own = filters.filter {
            Wish.isSame($0.filterName, filterName) || destinations.contains($0.destinationArn)
        }
        return own.map {
            EffectiveFilter(
                name: $0.filterName, pattern: $0.filterPattern, destinationArn: $0.destinationArn,
                roleArn: $0.roleArn, own: $0)
        } + policyFilters(on: logGroup)
    }

    private func policyFilters(on logGroup: String) -> [EffectiveFilter] {
        let destinations = ourDestinations
        return (policies.value ?? []).compactMap { policy in
            guard let document = policy.document, policy.covers(logGroup),
                Wish.isSame(policy.name, filterName) || destinations.contains(document.destinationArn)
            else { return nil }
            return EffectiveFilter(
                name: "the account policy \(policy.name)", pattern: document.filterPattern ?? "",
                destinationArn: document.destinationArn, roleArn: document.roleArn)
        }
    }
}

extension CloudWatchLogsClient.SubscriptionPolicy {
    /// Whether it is for a log group.
    ///
    /// The only criterion that there is for subscriptions is `LogGroupName NOT IN ["a", "b"]`:
    /// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutAccountPolicy.html
    func covers(_ logGroup: String) -> Bool {
        !(selectionCriteria ?? "").contains("\"\(logGroup)\"")
    }
}
