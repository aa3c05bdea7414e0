public import AWS
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
    }

    /// Works out what is to be done; changes nothing.
    ///
    /// - Parameter progress: told how many log groups were looked at.
    /// - Throws: `AWSError`, or `CancellationError`.
    public mutating func plan(
        _ groups: [CloudWatchLogsClient.LogGroup], progress: (Int) -> Void = { _ in }
    ) async throws -> AttachPlan {
        var plan = AttachPlan()
        for group in groups {
            plan.steps.append(.init(group: group, action: try await action(on: group)))
            progress(plan.steps.count)
        }
        return plan
    }

    /// Does to one log group what is to be done by now.
    ///
    /// Its filters are read once more right before, so that a filter of somebody else that appeared since the plan was
    /// shown is left alone.
    /// - Returns: what was done, or why nothing was.
    /// - Throws: `AWSError`, or `CancellationError`.
    public mutating func carryOut(_ step: AttachPlan.Step) async throws -> AttachPlan.Action {
        var attempt = 1
        while true {
            let (action, filters) = try await reading(of: step.group)
            guard action.isWork else { return action }
            try await writings.wait()
            guard let refusal = await write(action, filters, on: step.group) else { return action }
            switch refusal.code {
            case "ResourceNotFoundException": return .absent
            case "LimitExceededException" where filters.count >= Self.alwaysTaken:
                limit = filters.count
                return .leave(.full(filters: filters.map(\.filterName)))
            case "LimitExceededException" where attempt < Self.attempts:
                // The same code comes for too many calls (sumologic/sumologic-aws-lambda#109). Where any account has room
                // for one more filter, it must be that.
                try await clocks.sleep(.seconds(attempt))
                attempt += 1
            default: throw refusal
            }
        }
    }

    /// Makes the one call that changes something; why it was refused, if it was.
    private func write(
        _ action: AttachPlan.Action, _ filters: [CloudWatchLogsClient.SubscriptionFilter],
        on group: CloudWatchLogsClient.LogGroup
    ) async -> AWSError? {
        do throws(AWSError) {
            switch action {
            case .attach, .change:
                let present = filters.first { Wish.isSame($0.filterName, wish.filterName) }
                try await client.put(wish.filter(inPlaceOf: present), on: group.name)
            case .detach: try await client.deleteSubscriptionFilter(named: wish.filterName, of: group.name)
            case .keep, .absent, .leave: break
            }
            return nil
        } catch { return error }
    }

    private mutating func action(on group: CloudWatchLogsClient.LogGroup) async throws -> AttachPlan.Action {
        try await reading(of: group).action
    }

    /// What is to be done to a log group, and the filters that it has.
    private mutating func reading(
        of group: CloudWatchLogsClient.LogGroup
    ) async throws -> (action: AttachPlan.Action, filters: [CloudWatchLogsClient.SubscriptionFilter]) {
        if let reason = AttachPlan.reasonWithoutFilters(group) {
            switch aim {
            case .attached: return (.leave(reason), [])
            case .detached: return (.absent, [])
            }
        }
        try await readings.wait()
        // Nil where it was deleted since it was listed.
        guard let filters = try await filters(of: group) else { return (.absent, []) }
        switch aim {
        case .attached(let ownLogs):
            return (
                AttachPlan.attaching(group, filters: filters, wish: wish, ownLogs: ownLogs, limit: limit), filters
            )
        case .detached: return (AttachPlan.detaching(filters: filters, wish: wish), filters)
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
