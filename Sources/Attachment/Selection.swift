public import AWS

/// Which log groups are meant: those named, and those whose names begin so, as far as they have all of the tags.
///
/// With tags alone all log groups of the region that have them.
public struct Selection: Sendable, Hashable {
    /// Whole names.
    public var names: [String]
    /// Beginnings of names.
    public var prefixes: [String]
    /// Tags of which a log group must have all.
    public var tags: [TaggingClient.Filter]

    /// Why a selection is none.
    public struct Missing: Error, Hashable {
        /// The log groups that are not there.
        public var names: [String]
    }

    /// Makes a selection; nothing given selects all log groups.
    public init(names: [String] = [], prefixes: [String] = [], tags: [TaggingClient.Filter] = []) {
        self.names = names
        self.prefixes = prefixes
        self.tags = tags
    }

    /// Whether all log groups are meant.
    public var isEverything: Bool { names.isEmpty && prefixes.isEmpty && tags.isEmpty }

    /// The log groups that are there now, sorted by name.
    ///
    /// - Parameter allowsMissing: whether a log group that is named need not be there.
    /// - Throws: `AWSError`; `Missing` when a log group that is named is not there.
    public func find(
        _ client: CloudWatchLogsClient, _ tagging: TaggingClient, allowsMissing: Bool = false
    ) async throws -> [CloudWatchLogsClient.LogGroup] {
        var found: [String: CloudWatchLogsClient.LogGroup] = [:]
        var missing: [String] = []
        for name in names {
            let prefix = CloudWatchLogsClient.LogGroup.name(of: name)
            let group = try await client.logGroups(prefix: prefix).first { $0.isNamed(name) }
            if let group { found[group.name] = group } else { missing.append(name) }
        }
        guard missing.isEmpty || allowsMissing else { throw Missing(names: missing) }
        for prefix in names.isEmpty && prefixes.isEmpty ? [""] : prefixes {
            for group in try await client.logGroups(prefix: prefix) { found[group.name] = group }
        }
        var groups = Array(found.values)
        if !tags.isEmpty {
            let tagged = try await tagging.logGroups(with: tags)
            groups.removeAll { !tagged.contains($0.name) }
        }
        return groups.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
    }
}

extension Destination {
    /// The log groups that the agent behind this destination writes to, each with the function that does.
    ///
    /// None where the agent is in another account, for then its log is there too.
    ///
    /// - Parameter accounts: those of the log groups that are asked about, where they are known.
    /// - Throws: `AWSError`.
    public func ownLogs(
        _ logs: CloudWatchLogsClient, _ lambda: LambdaClient, accounts: Set<String>?
    ) async throws(AWSError) -> [String: String] {
        let functions: [LambdaClient.Function]
        switch kind {
        case .otherAccount:
            guard accounts?.contains(account) ?? true, let stream = try await target(logs) else { return [:] }
            functions = try await lambda.functions(readingFrom: stream)
        case .function(let function): functions = [function]
        case .stream: functions = try await lambda.functions(readingFrom: arn)
        }
        var logs: [String: String] = [:]
        for function in functions { logs[try await lambda.logGroup(of: function)] = function.name }
        return logs
    }

    /// The stream behind a destination of the caller's own account; nil for another account's, and for what is no stream.
    private func target(_ client: CloudWatchLogsClient) async throws(AWSError) -> String? {
        do throws(AWSError) {
            let target = try await client.destination(arn: arn).targetArn
            return (try? Destination(arn: target))?.kind == .stream ? target : nil
        } catch {
            if error.code == "ResourceNotFoundException" { return nil }
            throw error
        }
    }

    /// What lets CloudWatch Logs call the agent; nil unless the destination is a function.
    ///
    /// It is for all log groups of the account and region: a function's policy has no room for hundreds of them.
    public var permission: LambdaClient.Permission? {
        guard case .function = kind else { return nil }
        return .init(
            statementID: "metertap-attach", sourceAccount: account,
            sourceArn: "arn:\(partition):logs:\(region):\(account):log-group:*")
    }
}
