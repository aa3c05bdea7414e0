public import AWS
public import Attachment

/// Everything that was read of a way from log groups to a sink.
///
/// Checks look at it and call nobody.
public struct SetUp: Sendable, Hashable {
    /// When it was read, in milliseconds since 1970 by this machine's clock.
    public var now: Int64
    /// The tags that applications are meant to write: the agent's, and those of `--tags` and METERTAP_TAGS.
    public var tags: [String]
    /// The name of our subscription filters.
    public var filterName: String { didSet { findOurDestinations() } }

    /// Whom the credentials belong to.
    public var caller: Reading<Caller> = .notAsked
    /// The log groups that are meant.
    public var logGroups: Reading<[ExaminedLogGroup]> = .notAsked { didSet { findOurDestinations() } }
    /// Names that were given and are not there.
    public var missingLogGroups: [String] = []
    /// The account's subscription policies.
    public var policies: Reading<[CloudWatchLogsClient.SubscriptionPolicy]> = .notAsked {
        didSet { findOurDestinations() }
    }
    /// Where filters and policies of our name hand on to.
    private(set) var ourDestinations: Set<String> = []
    /// The destinations that our filters name, by ARN.
    public var destinations: [String: Destination] = [:]
    /// What stands behind those that are destinations of CloudWatch Logs in the caller's account, by ARN.
    public var logDestinations: [String: Reading<CloudWatchLogsClient.LogDestination>] = [:]
    /// The logs of the agent itself, by log group.
    public var ownLogs: [String: ExaminedOwnLog] = [:]
    /// The log groups whose log events were not read, since there are so many.
    public var unreadLogGroups: [String] = []
    /// The roles in which CloudWatch Logs writes, by ARN.
    public var roles: [String: ExaminedRole] = [:]
    /// The Kinesis streams that our filters write to, by ARN.
    public var streams: [String: ExaminedStream] = [:]
    /// The functions that are the agent, by ARN.
    public var functions: [String: ExaminedFunction] = [:]
    /// How CloudWatch Logs fared with our filters.
    public var deliveries: Reading<[ExaminedDelivery]> = .notAsked
    /// What waits in the buckets where failed batches, rejects and records go, by the bucket's URL.
    public var waiting: [String: Reading<ExaminedWaiting>] = [:]
    /// What was read of the platform.
    public var platform: Reading<ExaminedPlatform> = .notAsked
    /// Records that were delivered of late, read back from their logs.
    public var identities: Reading<[ExaminedIdentity]> = .notAsked

    /// Who called.
    public struct Caller: Sendable, Hashable {
        /// The account.
        public var account: String
        /// The ARN of the user or the session.
        public var arn: String
        /// By how many seconds AWS's clock is ahead of this machine's.
        public var secondsAhead: Int64

        /// Describes a caller.
        public init(account: String, arn: String, secondsAhead: Int64) {
            self.account = account
            self.arn = arn
            self.secondsAhead = secondsAhead
        }
    }

    /// An empty set-up.
    public init(now: Int64, tags: [String], filterName: String = Wish.defaultFilterName) {
        self.now = now
        self.tags = tags
        self.filterName = filterName
    }

    /// Every check asks for them, for each of hundreds of log groups.
    private mutating func findOurDestinations() {
        let filters = groups.flatMap { $0.filters.value ?? [] }.filter { Wish.isSame($0.filterName, filterName) }
        let policies = (policies.value ?? []).filter { Wish.isSame($0.name, filterName) }
        ourDestinations = Set(filters.map(\.destinationArn) + policies.compactMap { $0.document?.destinationArn })
    }
}
