import AWS

/// What the policy of a role or a function says to CloudWatch Logs.
///
/// Conditions on `aws:SourceArn` and `aws:SourceAccount` are looked at, as AWS's page on confused deputies gives them:
/// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/Subscriptions-confused-deputy.html. Others are taken to hold.
struct LogsPolicy: Sendable {
    /// What it says.
    enum Verdict: Sendable, Hashable {
        /// It may.
        case allowed
        /// It is not named.
        case notNamed
        /// It is named, but for other log groups; the values that the conditions ask for.
        case otherSource([String])
        /// It is turned away in so many words.
        case denied
    }

    private let statements: [PolicyStatement]

    /// Reads a policy; nil when it is none.
    init?(_ document: String) {
        guard let statements = PolicyStatement.read(document) else { return nil }
        self.statements = statements
    }

    /// What a role's trust policy says to CloudWatch Logs that takes it on, to write for a log group.
    func onAssuming(for group: CloudWatchLogsClient.LogGroup) -> Verdict {
        verdict(on: "sts:assumerole", for: group, sources: [group.bareARN, group.bareARN + ":*"])
    }

    /// What a function's policy says to CloudWatch Logs that calls it for a log group.
    func onInvoking(for group: CloudWatchLogsClient.LogGroup) -> Verdict {
        // With an asterisk at its end: an ARN without one lets nobody in.
        verdict(on: "lambda:invokefunction", for: group, sources: [group.bareARN + ":*"])
    }

    private func verdict(
        on action: String, for group: CloudWatchLogsClient.LogGroup, sources: [String]
    ) -> Verdict {
        let caller = ["aws:sourcearn": sources, "aws:sourceaccount": [group.account]]
        let named = statements.filter { $0.isAbout(action) && $0.names(logsIn: group.region) }
        if named.contains(where: { !$0.allows && $0.unmet(by: caller).isEmpty }) { return .denied }
        let allowing = named.filter(\.allows).map { $0.unmet(by: caller) }
        if allowing.isEmpty { return .notNamed }
        return allowing.contains(where: \.isEmpty) ? .allowed : .otherSource(allowing.flatMap { $0 })
    }
}

extension PolicyStatement {
    /// Both names of the service are in use: AWS's examples have `logs.amazonaws.com`, older ones the region's.
    fileprivate func names(logsIn region: String) -> Bool {
        let own = ["logs.amazonaws.com", "logs.\(region).amazonaws.com", "logs.\(region).amazonaws.com.cn"]
        return isForEverybody || services.contains { own.contains($0) }
    }
}

extension CloudWatchLogsClient.LogGroup {
    /// The ARN without the asterisk at its end.
    fileprivate var bareARN: String { arn.hasSuffix(":*") ? String(arn.dropLast(2)) : arn }
}
