public import AWS
import FilterPattern
public import HTTP

/// Looks at log groups and gives them our filter or takes it away, a few calls a second.
///
/// There is no state to keep: what is there tells what is left to do, so that a run that was broken off at any point is
/// gone on with by running it again.
public struct Attacher: Sendable {
    /// What is wanted of every log group.
    public enum Aim: Sendable {
        /// Our filter; never on the log groups of the agent itself, each given with the function that writes to it.
        case attached(ownLogs: [String: String])
        /// That our filter is not there.
        case detached
    }

    /// How many calls of each kind CloudWatch Logs allows in a second if it was not asked for more.
    ///
    /// In one account and region: https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html
    public static let defaultCallsPerSecond = 5

    /// How often a filter is tried that the service calls one too many though there is room.
    private static let attempts = 5
    /// How many filters every log group has taken for years.
    private static let alwaysTaken = 2

    private let client: CloudWatchLogsClient
    private let wish: Wish
    private let aim: Aim
    private let clocks: Clocks
    // AWS counts each operation by itself.
    private var readings: Pacer
    private var writings: Pacer
    private var metricReadings: Pacer
    /// How many filters a log group takes, once a refusal has told.
    private var limit: Int?

    /// Makes an attacher.
    public init(
        client: CloudWatchLogsClient, wish: Wish, aim: Aim, callsPerSecond: Int = Attacher.defaultCallsPerSecond,
        clocks: Clocks = .system
    ) {
        self.client = client
        self.wish = wish
        self.aim = aim
        self.clocks = clocks
        readings = Pacer(perSecond: callsPerSecond, clocks: clocks)
        writings = Pacer(perSecond: callsPerSecond, clocks: clocks)
        metricReadings = Pacer(perSecond: callsPerSecond, clocks: clocks)
    }

    /// Works out what is to be done; changes nothing.
    ///
    /// A log group whose filters may not be read is left alone.
    /// - Parameter progress: told how many log groups were looked at.
    /// - Throws: `AWSError` that is about all log groups, or `CancellationError`.
    public mutating func plan(
        _ groups: [CloudWatchLogsClient.LogGroup], progress: (Int) -> Void = { _ in }
    ) async throws -> AttachPlan {
        var plan = AttachPlan()
        for group in groups {
            do { plan.steps.append(try await reading(of: group).step) } catch let error as AWSError
                where error.isOfOneLogGroup
            {
                plan.steps.append(.init(group: group, action: .leave(.refused(error))))
            }
            progress(plan.steps.count)
        }
        return plan
    }

    /// Does to one log group what is to be done by now.
    ///
    /// Its filters are read once more right before, so that a filter of somebody else that appeared since the plan was
    /// shown is left alone.
    /// - Returns: what was done, or why nothing was.
    /// - Throws: `AWSError` that is about all log groups, or `CancellationError`.
    public mutating func carryOut(_ step: AttachPlan.Step) async throws -> AttachPlan.Step {
        do { return try await attempt(step) } catch let error as AWSError where error.isOfOneLogGroup {
            return .init(group: step.group, action: .leave(.refused(error)))
        }
    }

    private mutating func attempt(_ step: AttachPlan.Step) async throws -> AttachPlan.Step {
        var attempt = 1
        var mustBeByTerms = false
        while true {
            let (step, filters) = try await reading(of: step.group, byTerms: mustBeByTerms)
            guard step.action.isWork else { return step }
            try await writings.wait()
            guard let refusal = await write(step, filters) else { return step }
            switch refusal.code {
            case "ResourceNotFoundException": return .init(group: step.group, action: .absent)
            case "LimitExceededException":
                switch limit(of: step, filters, attempt) {
                case .filters:
                    limit = filters.count
                    return .init(group: step.group, action: .leave(.full(filters: filters.map(\.filterName))))
                case .expressions: mustBeByTerms = true
                case .calls:
                    guard attempt < Self.attempts else { throw refusal }
                    try await clocks.sleep(.seconds(attempt))
                    attempt += 1
                }
            default: throw refusal
            }
        }
    }

    private enum Limit {
        case filters
        case expressions
        case calls
    }

    /// Which limit a `LimitExceededException` is about, which the service does not say.
    ///
    /// The same code comes for too many calls (sumologic/sumologic-aws-lambda#109). Where any account has room for one more
    /// filter, and the log group for one more regular expression, it must be that. In the end terms are tried all the same.
    private func limit(
        of step: AttachPlan.Step, _ filters: [CloudWatchLogsClient.SubscriptionFilter], _ attempt: Int
    ) -> Limit {
        let most = FilterPattern.maximumFiltersWithExpressions
        let hasTerms = wish.terms != nil && !step.isByTerms
        if hasTerms, wish.expressions(among: filters) + (step.group.metricFilterCount ?? most) >= most {
            return .expressions
        }
        let isThere = filters.contains { Wish.isSame($0.filterName, wish.filterName) }
        if !isThere, filters.count >= Self.alwaysTaken { return .filters }
        return hasTerms && attempt == Self.attempts ? .expressions : .calls
    }

    /// Makes the one call that changes something; why it was refused, if it was.
    private func write(
        _ step: AttachPlan.Step, _ filters: [CloudWatchLogsClient.SubscriptionFilter]
    ) async -> AWSError? {
        do throws(AWSError) {
            switch step.action {
            case .attach, .change:
                let present = filters.first { Wish.isSame($0.filterName, wish.filterName) }
                try await client.put(
                    wish.filter(inPlaceOf: present, byTerms: step.isByTerms), on: step.group.name)
            case .detach: try await client.deleteSubscriptionFilter(named: wish.filterName, of: step.group.name)
            case .keep, .absent, .leave: break
            }
            return nil
        } catch { return error }
    }

    /// What is to be done to a log group, and the filters that it has.
    ///
    /// - Parameter byTerms: whether it is known to take no further filter with a regular expression.
    private mutating func reading(
        of group: CloudWatchLogsClient.LogGroup, byTerms: Bool = false
    ) async throws -> (step: AttachPlan.Step, filters: [CloudWatchLogsClient.SubscriptionFilter]) {
        if let reason = AttachPlan.reasonWithoutFilters(group) {
            switch aim {
            case .attached: return (.init(group: group, action: .leave(reason)), [])
            case .detached: return (.init(group: group, action: .absent), [])
            }
        }
        try await readings.wait()
        // Nil where it was deleted since it was listed.
        guard let filters = try await filters(of: group) else { return (.init(group: group, action: .absent), []) }
        switch aim {
        case .attached(let ownLogs):
            let byTerms = if byTerms { true } else { try await isWithoutRoom(group, filters) }
            let action = AttachPlan.attaching(
                group, filters: filters, wish: wish, ownLogs: ownLogs, limit: limit, byTerms: byTerms)
            return (.init(group: group, action: action, isByTerms: byTerms && action.hasOurs), filters)
        case .detached:
            return (.init(group: group, action: AttachPlan.detaching(filters: filters, wish: wish)), filters)
        }
    }

    /// Whether others hold all the regular expressions that a log group takes.
    ///
    /// Its metric filters are asked for only where there are so many that it depends on them.
    private mutating func isWithoutRoom(
        _ group: CloudWatchLogsClient.LogGroup, _ filters: [CloudWatchLogsClient.SubscriptionFilter]
    ) async throws -> Bool {
        guard wish.terms != nil else { return false }
        let isThere = filters.contains {
            Wish.isSame($0.filterName, wish.filterName) && Wish.isSame($0.filterPattern, wish.pattern)
        }
        if isThere { return false }
        let room = FilterPattern.maximumFiltersWithExpressions - wish.expressions(among: filters)
        if room <= 0 { return true }
        guard let count = group.metricFilterCount, count >= room else { return false }
        try await metricReadings.wait()
        do throws(AWSError) {
            return try await client.metricFilterPatterns(of: group.name).count(where: FilterPattern.holdsExpression)
                >= room
        } catch {
            // Without the permission the service's refusal tells.
            guard error.isDenied || error.code == "ResourceNotFoundException" else { throw error }
            return false
        }
    }

    /// The filters of a log group; nil when it is not there.
    private func filters(
        of group: CloudWatchLogsClient.LogGroup
    ) async throws(AWSError) -> [CloudWatchLogsClient.SubscriptionFilter]? {
        do throws(AWSError) {
            return try await client.subscriptionFilters(of: group.name)
        } catch {
            guard error.code == "ResourceNotFoundException" else { throw error }
            return nil
        }
    }
}
