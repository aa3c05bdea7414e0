public import AWS

/// What was read of a log group.
public struct ExaminedLogGroup: Sendable, Hashable {
    /// The log group.
    public var group: CloudWatchLogsClient.LogGroup
    /// Its subscription filters.
    public var filters: Reading<[CloudWatchLogsClient.SubscriptionFilter]> = .notAsked
    /// What its log events of the last day hold.
    public var written: Reading<WrittenEvents> = .notAsked

    /// Nothing but the log group is known yet.
    public init(_ group: CloudWatchLogsClient.LogGroup) {
        self.group = group
    }
}

/// The agent's own log.
public struct ExaminedOwnLog: Sendable, Hashable {
    /// The function that writes to it.
    public var function: String
    /// Its subscription filters.
    public var filters: Reading<[CloudWatchLogsClient.SubscriptionFilter]>

    /// Describes a log.
    public init(function: String, filters: Reading<[CloudWatchLogsClient.SubscriptionFilter]>) {
        self.function = function
        self.filters = filters
    }
}
