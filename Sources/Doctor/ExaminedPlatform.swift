/// What was read of the platform that counts the records.
public struct ExaminedPlatform: Sendable, Hashable {
    /// The newest audit of a log group.
    public struct Audit: Sendable, Hashable {
        /// The account of the log group.
        public var account: String
        /// The log group.
        public var logGroup: String
        /// When it was made, in milliseconds since 1970.
        public var time: Int64
        /// How many records were found only by what is in them, since they have another event id.
        public var matchedByContent: Int

        /// Describes an audit.
        public init(account: String, logGroup: String, time: Int64, matchedByContent: Int = 0) {
            self.account = account
            self.logGroup = logGroup
            self.time = time
            self.matchedByContent = matchedByContent
        }
    }

    /// A record that was received of late.
    public struct Sample: Sendable, Hashable {
        /// The log group that it is from.
        public var logGroup: String
        /// The id of its log event, as it was delivered.
        public var eventID: String
        /// The time of its log event, in milliseconds since 1970.
        public var timestamp: Int64

        /// Describes a record.
        public init(logGroup: String, eventID: String, timestamp: Int64) {
            self.logGroup = logGroup
            self.eventID = eventID
            self.timestamp = timestamp
        }
    }

    /// The newest audits, each log group once.
    public var audits: [Audit]
    /// Records that were received of late, one of a log group.
    public var samples: [Sample]
    /// How many rejects wait to be edited; nil where that was not asked.
    public var openRejects: Int?

    /// Tells what was read.
    public init(audits: [Audit], samples: [Sample] = [], openRejects: Int? = nil) {
        self.audits = audits
        self.samples = samples
        self.openRejects = openRejects
    }
}

/// A record that was delivered of late, read back from the log by the same time.
public struct ExaminedIdentity: Sendable, Hashable {
    /// The log group.
    public var logGroup: String
    /// How many log events of that time were read back.
    public var events: Int
    /// Whether one of them has the id that the subscription gave.
    public var isFound: Bool

    /// Tells what was compared.
    public init(logGroup: String, events: Int, isFound: Bool) {
        self.logGroup = logGroup
        self.events = events
        self.isFound = isFound
    }
}

/// How CloudWatch Logs fared with a subscription filter in a day.
public struct ExaminedDelivery: Sendable, Hashable {
    /// The log group; empty for a policy of the account.
    public var logGroup: String
    /// The filter.
    public var filter: String
    /// Log events that met an error.
    public var errors: Double
    /// Log events that had to wait.
    public var throttled: Double

    /// Tells figures.
    public init(logGroup: String, filter: String, errors: Double = 0, throttled: Double = 0) {
        self.logGroup = logGroup
        self.filter = filter
        self.errors = errors
        self.throttled = throttled
    }
}
