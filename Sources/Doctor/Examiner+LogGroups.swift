import AWS
import Attachment

extension Examiner {
    func examineLogGroups(_ setUp: inout SetUp) async {
        let logs: CloudWatchLogsClient
        do { logs = try CloudWatchLogsClient(session, region: region) } catch {
            setUp.logGroups = .failed(error)
            return
        }
        setUp.policies = await .of { () throws(AWSError) in try await logs.subscriptionPolicies() }
        await findLogGroups(logs, &setUp)
        await readFilters(logs, &setUp)
        keepOurs(&setUp)
        await examineDestinations(logs, &setUp)
        await examineRoles(&setUp)
    }

    // MARK: - Which log groups

    private func findLogGroups(_ logs: CloudWatchLogsClient, _ setUp: inout SetUp) async {
        var selection = question.selection
        do {
            let tagging = try TaggingClient(session, region: region)
            var groups: [CloudWatchLogsClient.LogGroup] = []
            do { groups = try await selection.find(logs, tagging) } catch let missing as Selection.Missing {
                setUp.missingLogGroups = missing.names
                selection.names.removeAll { name in missing.names.contains { Wish.isSame($0, name) } }
                // Without names and prefixes everything would be meant.
                let isLeft = !selection.names.isEmpty || !selection.prefixes.isEmpty
                if isLeft { groups = try await selection.find(logs, tagging) }
            }
            setUp.logGroups = .read(groups.map(ExaminedLogGroup.init))
        } catch let error as AWSError {
            setUp.logGroups = .failed(error)
        } catch {
            setUp.logGroups = .failed(.stopped("CloudWatch Logs DescribeLogGroups"))
        }
    }

    /// Reads the filters of the log groups one after the other, as fast as the service allows.
    private func readFilters(_ logs: CloudWatchLogsClient, _ setUp: inout SetUp) async {
        guard var groups = setUp.logGroups.value else { return }
        var pacer = Pacer(perSecond: question.callsPerSecond, clocks: clocks)
        var refusal: AWSError?
        for index in groups.indices where groups[index].group.isReadable {
            // What is refused once is refused for all, and hundreds of calls tell nothing more.
            if refusal == nil {
                groups[index].filters = await filters(of: groups[index].group.name, logs, &pacer)
                refusal = groups[index].filters.error.flatMap { $0.isDenied ? $0 : nil }
            } else if let refusal {
                groups[index].filters = .failed(refusal)
            }
        }
        setUp.logGroups = .read(groups)
    }

    private func filters(
        of name: String, _ logs: CloudWatchLogsClient, _ pacer: inout Pacer
    ) async -> Reading<[CloudWatchLogsClient.SubscriptionFilter]> {
        do { try await pacer.wait() } catch {
            return .failed(.stopped("CloudWatch Logs DescribeSubscriptionFilters"))
        }
        return await .of { () throws(AWSError) in try await logs.subscriptionFilters(of: name) }
    }

    /// Where no log group was named, those are meant that hand on to us; one without filters of ours is not our business.
    private func keepOurs(_ setUp: inout SetUp) {
        guard question.selection.isEverything, var groups = setUp.logGroups.value else { return }
        if let error = groups.lazy.compactMap(\.filters.error).first(where: \.isDenied) {
            setUp.logGroups = .failed(error)
            return
        }
        groups.removeAll { group in
            guard let ours = setUp.ourFilters(of: group) else { return group.filters.error?.isNotThere ?? true }
            return ours.isEmpty
        }
        setUp.logGroups = .read(groups)
    }

    // MARK: - Where they hand on to

    private func examineDestinations(_ logs: CloudWatchLogsClient, _ setUp: inout SetUp) async {
        let arns = Set(setUp.groups.flatMap { setUp.ourFilters(of: $0) ?? [] }.map(\.destinationArn))
            .union(setUp.ourDestinations)
        for arn in arns.sorted() {
            guard let destination = try? Destination(arn: arn) else { continue }
            setUp.destinations[arn] = destination
            // What stands in another account cannot be seen from here.
            guard destination.kind == .otherAccount, destination.account == setUp.caller.value?.account else {
                continue
            }
            let behind = await Reading.of { () throws(AWSError) in try await logs.destination(arn: arn) }
            setUp.logDestinations[arn] = behind
            if let target = behind.value?.targetArn, let stream = try? Destination(arn: target) {
                setUp.destinations[target] = stream
            }
        }
    }

    private func examineRoles(_ setUp: inout SetUp) async {
        var streams: [String: Set<String>] = [:]
        for filter in setUp.groups.flatMap({ setUp.ourFilters(of: $0) ?? [] }) {
            guard let role = filter.roleArn, setUp.destinations[filter.destinationArn]?.kind == .stream else {
                continue
            }
            streams[role, default: []].insert(filter.destinationArn)
        }
        for destination in setUp.logDestinations.values.compactMap(\.value) {
            streams[destination.roleArn, default: []].insert(destination.targetArn)
        }
        guard !streams.isEmpty else { return }
        let client: IAMClient
        do { client = try IAMClient(session) } catch {
            for role in streams.keys {
                setUp.roles[role] = ExaminedRole(arn: role)
                setUp.roles[role]?.trust = .failed(error)
            }
            return
        }
        for (arn, streams) in streams { setUp.roles[arn] = await role(arn, writingTo: streams, client) }
    }

    private func role(_ arn: String, writingTo streams: Set<String>, _ client: IAMClient) async -> ExaminedRole {
        var role = ExaminedRole(arn: arn)
        let name = role.name
        role.trust = await .of { () throws(AWSError) in try await client.trustPolicy(ofRoleNamed: name) }
        guard !role.trust.isMissing else { return role }
        for stream in streams.sorted() {
            role.decisions[stream] = await .of { () throws(AWSError) in
                try await client.simulate(roleARN: arn, actions: [FilterChecks.actionOnStream], resource: stream)
            }
        }
        return role
    }

    // MARK: - The agent's own log

    /// The functions must have been examined.
    func examineOwnLogs(_ setUp: inout SetUp) async {
        guard let logs = try? CloudWatchLogsClient(session, region: region) else { return }
        var pacer = Pacer(perSecond: question.callsPerSecond, clocks: clocks)
        for function in setUp.functions.values.sorted(by: { $0.arn < $1.arn }) {
            guard let configuration = function.configuration.value else { continue }
            let name = configuration.logGroup ?? "/aws/lambda/\(function.name)"
            let known = setUp.groups.first { Wish.isSame($0.group.name, name) }?.filters
            let filters = if let known { known } else { await filters(of: name, logs, &pacer) }
            setUp.ownLogs[name] = ExaminedOwnLog(function: function.name, filters: filters)
        }
    }
}

extension AWSError {
    /// The examination was broken off.
    static func stopped(_ operation: String) -> AWSError {
        AWSError(kind: .transient, code: "Cancelled", message: "The examination was broken off.", operation: operation)
    }

    /// Whether what was asked about is gone.
    var isNotThere: Bool { code == "ResourceNotFoundException" }
}
