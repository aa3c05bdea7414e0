public import AWS

/// What is to be done to the account's subscription policy, of which a region has one.
public enum PolicyPlan: Sendable, Hashable {
    /// The policy is made.
    case attach(CloudWatchLogsClient.SubscriptionPolicy)
    /// Our policy is changed; what, for people.
    case change(CloudWatchLogsClient.SubscriptionPolicy, [String])
    /// Our policy is as it should be.
    case keep
    /// Our policy is deleted.
    case detach(name: String)
    /// There is none of ours, and should be none.
    case absent
    /// There is another's, which is left alone; its name.
    case leave(name: String)

    /// What attaching does, where these policies are.
    ///
    /// - Parameter ownLogs: the log groups of the agent, which the policy leaves out.
    public static func attaching(
        present: [CloudWatchLogsClient.SubscriptionPolicy], wish: Wish, ownLogs: [String]
    ) -> PolicyPlan {
        let ours = present.first { isOurs($0, wish) }
        if ours == nil, let other = present.first { return .leave(name: other.name) }
        let wanted = CloudWatchLogsClient.SubscriptionPolicy(
            name: wish.filterName,
            document: .init(
                destinationArn: wish.destination.arn, roleArn: wish.roleArn, filterPattern: wish.pattern,
                distribution: ours?.document?.distribution ?? wish.distribution),
            selectionCriteria: criteria(leavingOut: ownLogs))
        guard let ours else { return .attach(wanted) }
        var differences: [String] = []
        if ours.document?.filterPattern != wanted.document?.filterPattern {
            let pattern = ours.document?.filterPattern ?? "everything"
            differences.append(
                "its pattern is \(pattern)"
                    + (wish.isOfTerms(pattern) ? ", which may miss a coloured or prefixed tag" : ""))
        }
        if ours.document?.roleArn != wanted.document?.roleArn {
            differences.append("its role is \(ours.document?.roleArn ?? "none")")
        }
        if (ours.selectionCriteria ?? "") != (wanted.selectionCriteria ?? "") {
            differences.append("it is for \(ours.selectionCriteria ?? "all log groups")")
        }
        return differences.isEmpty ? .keep : .change(wanted, differences)
    }

    /// What detaching does, where these policies are.
    public static func detaching(present: [CloudWatchLogsClient.SubscriptionPolicy], wish: Wish) -> PolicyPlan {
        if let ours = present.first(where: { isOurs($0, wish) }) { return .detach(name: ours.name) }
        return present.first.map { .leave(name: $0.name) } ?? .absent
    }

    private static func isOurs(_ policy: CloudWatchLogsClient.SubscriptionPolicy, _ wish: Wish) -> Bool {
        Wish.isSame(policy.name, wish.filterName) && policy.document?.destinationArn == wish.destination.arn
    }

    /// The only criterion that AWS has for these policies.
    private static func criteria(leavingOut groups: [String]) -> String? {
        guard !groups.isEmpty else { return nil }
        return "LogGroupName NOT IN [" + groups.sorted().map { "\"\($0)\"" }.joined(separator: ", ") + "]"
    }
}
