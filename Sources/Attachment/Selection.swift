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
    /// - Throws: `AWSError`; `Missing` when a log group that is named is not there.
    public func find(
        _ client: CloudWatchLogsClient, _ tagging: TaggingClient
    ) async throws -> [CloudWatchLogsClient.LogGroup] {
        var found: [String: CloudWatchLogsClient.LogGroup] = [:]
        var missing: [String] = []
        for name in names {
            let group = try await client.logGroups(prefix: name).first { Wish.isSame($0.name, name) }
            if let group { found[name] = group } else { missing.append(name) }
        }
        guard missing.isEmpty else { throw Missing(names: missing) }
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
    /// - Throws: `AWSError`.
    public func ownLogs(_ lambda: LambdaClient) async throws(AWSError) -> [String: String] {
        let functions: [LambdaClient.Function]
        switch kind {
        case .otherAccount: functions = []
        case .function(let function): functions = [function]
        case .stream: functions = try await lambda.functions(readingFrom: arn)
        }
        var logs: [String: String] = [:]
        for function in functions { logs[try await lambda.logGroup(of: function)] = function.name }
        return logs
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
