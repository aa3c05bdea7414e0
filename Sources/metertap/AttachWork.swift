import AWS
import ArgumentParser
import Attachment
import HTTP

/// One run of `metertap attach` or `metertap detach`: look, show, ask, do.
struct AttachWork {
    private let target: AttachTarget
    private let wish: Wish
    private let detaches: Bool
    private let watch: Int?
    private let logs: CloudWatchLogsClient
    private let lambda: LambdaClient
    private let tagging: TaggingClient

    init(_ command: AttachCommand) throws {
        try self.init(command.target, try command.wish(), detaches: false, watch: command.watch)
    }

    init(_ command: DetachCommand) throws {
        let wish = Wish(
            filterName: command.target.filterName, pattern: "", destination: try command.target.destination(),
            roleArn: nil)
        try self.init(command.target, wish, detaches: true, watch: nil)
    }

    private init(_ target: AttachTarget, _ wish: Wish, detaches: Bool, watch: Int?) throws {
        self.target = target
        self.wish = wish
        self.detaches = detaches
        self.watch = watch
        let settings = try AWSSettings.ofProcess()
        // Fewer attempts than a reading has: a log group that is refused comes again when the others are done.
        let session = LogSession.make(try AsyncHTTPTransport(caBundle: settings.caBundle), settings, attempts: 6)
        // Log groups hand on within their region alone, so that the destination tells it.
        logs = try CloudWatchLogsClient(session, region: wish.destination.region)
        lambda = try LambdaClient(session, region: wish.destination.region)
        tagging = try TaggingClient(session, region: wish.destination.region)
    }

    /// Whether every log group is as it is wanted.
    func run() async throws -> Bool {
        if target.accountPolicy { return try await runPolicy(try await ownLogs(accounts: nil)) }
        let groups = try await groupsAtStart()
        let ownLogs = try await ownLogs(accounts: groups.isEmpty ? nil : Set(groups.map(\.account)))
        var attacher = Attacher(
            client: logs, wish: wish, aim: detaches ? .detached : .attached(ownLogs: ownLogs),
            callsPerSecond: target.logGroups.rate)
        let plan = try await plan(groups, &attacher)
        let permission = try await missingPermission()
        AttachReport.show(plan, wish, permission: permission, detaches: detaches)
        let count = plan.work.count + (permission == nil ? 0 : 1)
        if count > 0 { try consent(count) }
        if !detaches { try await changePermission(permission) }
        let outcome = try await carryOut(plan, &attacher)
        let tried = Set(retried(of: plan).map(\.group))
        let left = plan.steps.filter { $0.action.isLoss && !tried.contains($0.group) } + outcome.left
        let refusals = left.compactMap(\.refusal)
        // A log group that keeps its filter needs the permission.
        if detaches, refusals.isEmpty { try await changePermission(permission) }
        if count > 0 || outcome.count > 0 { Terminal.output(outcome.summary) }
        if !refusals.isEmpty {
            Terminal.output("\(Display.count(refusals.count)) were refused; run the same command again to go on.")
        }
        if let watch {
            let open = Set(left.map(\.group))
            try await AttachWatch(work: self, attacher, known: groups.filter { !open.contains($0) }).run(every: watch)
            return true
        }
        // A permission that is missing for all of them is no matter of log groups.
        if let first = refusals.first, refusals.count == plan.work.count + plan.refused.count,
            refusals.allSatisfy(\.isDenied)
        {
            throw first
        }
        return detaches ? refusals.isEmpty : left.isEmpty && outcome.isComplete && !plan.steps.isEmpty
    }

    /// Those whose filters could not be read a moment ago, and are done without having been shown, where that was allowed.
    private func retried(of plan: AttachPlan) -> [AttachPlan.Step] { target.yes ? plan.refused.filter(\.mayPass) : [] }

    /// The log groups of the agent behind the destination; none where that may not be found out, which is told.
    private func ownLogs(accounts: Set<String>?) async throws(AWSError) -> [String: String] {
        guard !detaches else { return [:] }
        do throws(AWSError) {
            return try await wish.destination.ownLogs(logs, lambda, accounts: accounts)
        } catch {
            guard error.isDenied, error.operation.hasSuffix("DescribeDestinations") else { throw error }
            Terminal.error(
                "metertap: \(error) If the agent behind the destination logs in this account, leave its log group out: it "
                    + "would feed itself.")
            return [:]
        }
    }

    /// The log groups to begin with; a watcher begins without any where they cannot be listed yet.
    private func groupsAtStart() async throws -> [CloudWatchLogsClient.LogGroup] {
        do { return try await selectedGroups() } catch let error as AWSError where watch != nil {
            Terminal.error("metertap: \(error)")
            return []
        }
    }

    /// - Parameter allowsMissing: whether a log group that is named may be gone.
    func selectedGroups(allowsMissing: Bool = false) async throws -> [CloudWatchLogsClient.LogGroup] {
        do {
            return try await target.logGroups.selection.find(logs, tagging, allowsMissing: allowsMissing)
        } catch let missing as Selection.Missing {
            throw Failure(
                message: "there is no log group \(missing.names.joined(separator: ", ")) in the region "
                    + "\(wish.destination.region); check the name and the account of the credentials",
                code: .configuration)
        }
    }

    private func plan(
        _ groups: [CloudWatchLogsClient.LogGroup], _ attacher: inout Attacher
    ) async throws -> AttachPlan {
        var progress = ProgressLine()
        defer { progress.clear() }
        return try await attacher.plan(groups) { count in
            progress.show("\(Display.count(count)) of \(Display.count(groups.count)) log groups looked at")
        }
    }

    /// How long to wait for a role or a stream that was just made, before each further try.
    private static let pauses = [2, 4, 8, 16]

    /// Does one log group after the other; those that AWS asks to try again later come once more when all others are done.
    private func carryOut(_ plan: AttachPlan, _ attacher: inout Attacher) async throws -> AttachReport.Outcome {
        var outcome = AttachReport.Outcome()
        outcome.detaches = detaches
        var progress = ProgressLine()
        defer { progress.clear() }
        var waiting = plan.work + retried(of: plan)
        for pause in Self.pauses + [nil] {
            var again: [AttachPlan.Step] = []
            for step in waiting {
                let done: AttachPlan.Step
                do { done = try await attacher.carryOut(step) } catch {
                    progress.clear()
                    if outcome.count > 0 { Terminal.output(outcome.summary) }
                    let failure = Failure(error)
                    throw Failure(
                        message:
                            "\(failure.message) \(outcome.count) of \(plan.work.count) were done; run the same command "
                            + "again to go on.", code: failure.code)
                }
                if pause != nil, done.mayPass {
                    again.append(step)
                } else {
                    outcome.add(step, done)
                }
                progress.show("\(Display.count(outcome.count)) of \(Display.count(plan.work.count)) log groups done")
            }
            waiting = again
            guard let pause, !waiting.isEmpty else { break }
            progress.show("\(Display.count(waiting.count)) log groups wait \(pause) s, as CloudWatch Logs asks")
            try await Task.sleep(for: .seconds(pause))
        }
        return outcome
    }

    private func consent(_ count: Int) throws {
        guard target.yes || Question.ask("Do this?") else {
            throw Failure(message: "nothing was done; --yes does it without asking", code: ExitCode(64))
        }
    }

    // MARK: - The permission of a function

    /// The permission that is to be given or taken; nil when there is nothing to do.
    private func missingPermission() async throws -> LambdaClient.Permission? {
        guard case .function(let function) = wish.destination.kind, let permission = wish.destination.permission else {
            return nil
        }
        // Other log groups may still need it.
        if detaches, !target.logGroups.isEmpty { return nil }
        let statements = try await lambda.statements(of: function)
        let isOurs = statements.contains { $0.name == permission.statementID }
        if detaches { return isOurs ? permission : nil }
        // One that gives the same, such as that of the template, is as good, and stays when ours goes.
        return isOurs || statements.contains { $0.gives(permission) } ? nil : permission
    }

    private func changePermission(_ permission: LambdaClient.Permission?) async throws {
        guard let permission, case .function(let function) = wish.destination.kind else { return }
        if detaches {
            try await lambda.removePermission(permission.statementID, from: function)
        } else {
            try await lambda.add(permission, to: function)
        }
    }

    // MARK: - The policy of the account

    private func runPolicy(_ ownLogs: [String: String]) async throws -> Bool {
        let present = try await logs.subscriptionPolicies()
        let plan =
            detaches
            ? PolicyPlan.detaching(present: present, wish: wish)
            : PolicyPlan.attaching(present: present, wish: wish, ownLogs: Array(ownLogs.keys))
        let permission = try await missingPermission()
        AttachReport.show(plan, wish, permission: permission, detaches: detaches)
        let isWork =
            switch plan {
            case .attach, .change, .detach: true
            case .keep, .absent, .leave: false
            }
        if case .leave = plan { return detaches }
        guard isWork || permission != nil else { return true }
        try consent(1)
        if !detaches { try await changePermission(permission) }
        switch plan {
        case .attach(let policy), .change(let policy, _): try await logs.put(policy)
        case .detach(let name): try await logs.deleteSubscriptionPolicy(named: name)
        case .keep, .absent, .leave: break
        }
        if detaches { try await changePermission(permission) }
        Terminal.output("Done.")
        return true
    }
}
