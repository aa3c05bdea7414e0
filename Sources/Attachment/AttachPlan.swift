public import AWS

/// What is to be done to log groups, worked out from what is there and what is wanted; no call is made here.
public struct AttachPlan: Sendable, Hashable {
    /// Why a log group is left alone.
    public enum Reason: Sendable, Hashable {
        /// It holds the agent's own log: the agent would feed itself. Whether our filter is on it already.
        case ownLog(function: String, isAttached: Bool)
        /// A filter of our name hands on to somewhere else.
        case foreignFilter(destination: String)
        /// Log groups of this class have no subscription filters.
        case noSubscriptions(logGroupClass: String)
        /// It has as many filters as the account allows; their names.
        case full(filters: [String])
        /// AWS refused a call that is about it alone.
        case refused(AWSError)
    }

    /// What is done to one log group.
    public enum Action: Sendable, Hashable {
        /// It gets our filter. The names of others' filters that it has.
        case attach(others: [String])
        /// Our filter is changed; what, for people.
        case change([String])
        /// Our filter is as it should be.
        case keep
        /// Our filter is taken away.
        case detach
        /// Our filter is not there, and should not be.
        case absent
        /// It is left alone.
        case leave(Reason)

        /// Whether anything is done.
        public var isWork: Bool {
            switch self {
            case .attach, .change, .detach: true
            case .keep, .absent, .leave: false
            }
        }

        /// Whether the log group has our filter in the end.
        var hasOurs: Bool {
            switch self {
            case .attach, .change, .keep: true
            case .detach, .absent, .leave: false
            }
        }

        /// Whether records of the log group are not delivered, against what is wanted.
        public var isLoss: Bool {
            switch self {
            case .leave(.ownLog): false
            case .leave: true
            default: false
            }
        }
    }

    /// One log group.
    public struct Step: Sendable, Hashable {
        /// The log group.
        public var group: CloudWatchLogsClient.LogGroup
        /// What is done to it.
        public var action: Action
        /// Whether its filter is one of terms, because the log group takes no further regular expression.
        public var isByTerms: Bool

        /// Makes a step.
        public init(group: CloudWatchLogsClient.LogGroup, action: Action, isByTerms: Bool = false) {
            self.group = group
            self.action = action
            self.isByTerms = isByTerms
        }

        /// Why AWS refused it; nil where it did not.
        public var refusal: AWSError? {
            if case .leave(.refused(let error)) = action { error } else { nil }
        }

        /// Whether it may succeed in a moment.
        public var mayPass: Bool { refusal.map { $0.isOfTestMessage || $0.kind == .transient } ?? false }
    }

    /// All log groups that were looked at, in the order of their names.
    public var steps: [Step]

    /// Makes a plan.
    public init(steps: [Step] = []) {
        self.steps = steps
    }

    /// Those that anything is done to.
    public var work: [Step] { steps.filter(\.action.isWork) }

    /// Those whose filters may not be read.
    public var refused: [Step] { steps.filter { $0.refusal != nil } }

    /// Why a log group need not even be asked for its filters; nil when it must be.
    static func reasonWithoutFilters(_ group: CloudWatchLogsClient.LogGroup) -> Reason? {
        guard !group.isReadable, let logGroupClass = group.logGroupClass else { return nil }
        return .noSubscriptions(logGroupClass: logGroupClass)
    }

    /// What attaching does to a log group that has these filters.
    ///
    /// - Parameters:
    ///   - ownLogs: the log groups of the agent, each with the function that writes to it.
    ///   - limit: how many filters a log group takes, where that was found out.
    ///   - byTerms: whether the log group takes no further filter with a regular expression.
    public static func attaching(
        _ group: CloudWatchLogsClient.LogGroup, filters: [CloudWatchLogsClient.SubscriptionFilter], wish: Wish,
        ownLogs: [String: String] = [:], limit: Int? = nil, byTerms: Bool = false
    ) -> Action {
        let named = filters.first { Wish.isSame($0.filterName, wish.filterName) }
        let ours = named.flatMap { isOurs($0, wish) ? $0 : nil }
        if let function = ownLogs[group.name] { return .leave(.ownLog(function: function, isAttached: ours != nil)) }
        if let reason = reasonWithoutFilters(group) { return .leave(reason) }
        if let ours {
            let differences = differences(of: ours, from: wish, byTerms: byTerms)
            return differences.isEmpty ? .keep : .change(differences)
        }
        if let named { return .leave(.foreignFilter(destination: named.destinationArn)) }
        let others = filters.map(\.filterName)
        if let limit, others.count >= limit { return .leave(.full(filters: others)) }
        return .attach(others: others)
    }

    /// What detaching does to a log group that has these filters.
    public static func detaching(filters: [CloudWatchLogsClient.SubscriptionFilter], wish: Wish) -> Action {
        guard let named = filters.first(where: { Wish.isSame($0.filterName, wish.filterName) }) else { return .absent }
        return isOurs(named, wish) ? .detach : .leave(.foreignFilter(destination: named.destinationArn))
    }

    /// A filter is ours by its name and its destination together.
    private static func isOurs(_ filter: CloudWatchLogsClient.SubscriptionFilter, _ wish: Wish) -> Bool {
        Wish.isSame(filter.filterName, wish.filterName) && Wish.isSame(filter.destinationArn, wish.destination.arn)
    }

    private static func differences(
        of filter: CloudWatchLogsClient.SubscriptionFilter, from wish: Wish, byTerms: Bool
    ) -> [String] {
        var differences: [String] = []
        if !Wish.isSame(filter.filterPattern, wish.pattern(byTerms: byTerms)) {
            differences.append(
                "its pattern is \(filter.filterPattern.isEmpty ? "everything" : filter.filterPattern)"
                    + (wish.isOfTerms(filter.filterPattern) ? ", which may miss a coloured or prefixed tag" : ""))
        }
        if !wish.takesRole(of: filter) { differences.append("its role is \(filter.roleArn ?? "none")") }
        if filter.applyOnTransformedLogs == true {
            differences.append("it looks at transformed log events, and shall look at those that were logged")
        }
        if let criteria = filter.fieldSelectionCriteria, !criteria.isEmpty {
            differences.append("it looks only at \(criteria), and shall look at all")
        }
        return differences
    }
}
