public import AWS

/// What was read of a log group.
public struct ExaminedLogGroup: Sendable, Hashable {
    /// The log group.
    public var group: CloudWatchLogsClient.LogGroup
    /// Its subscription filters.
    public var filters: Reading<[CloudWatchLogsClient.SubscriptionFilter]> = .notAsked
    /// What its log events of the last day hold.
    public var written: Reading<WrittenEvents> = .notAsked
    /// Whether CloudWatch Logs itself finds the tagged ones with the patterns of our filters.
    public var matched: Reading<ServiceMatch> = .notAsked

    /// Nothing but the log group is known yet.
    public init(_ group: CloudWatchLogsClient.LogGroup) {
        self.group = group
    }
}

/// What CloudWatch Logs finds with the patterns of our filters, of log events that they should take.
public struct ServiceMatch: Sendable, Hashable {
    /// How many log events were looked for, by tag.
    public var compared: [String: Int] = [:]
    /// How many of them it does not find, by tag.
    public var missed: [String: Int] = [:]
    /// How many log events it does not find.
    public var missedEvents = 0
    /// Some of those, each asked for once more by itself.
    public var examples: [EventPlace] = []

    /// Nothing was compared yet.
    public init() {}
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
