public import Meter

/// A record with what became of it.
public struct StoredEvent: Sendable {
    /// What became of a record.
    public enum State: String, Sendable, CaseIterable {
        /// It counts.
        case counted
        /// It was taken back, or an equal one of an earlier time counts in its place.
        case cancelled
        /// Its meter is not defined.
        case undefined
        /// It takes another one back.
        case cancel
    }

    /// Its place in the order of arrival, from 1.
    public var number: Int64
    /// When it arrived, in milliseconds since 1970.
    public var received: Int64
    /// What became of it.
    public var state: State
    /// What it says.
    public var record: ReceivedRecord
    /// How often it came again.
    public var duplicates: Int
    /// The way in.
    public var intake: IntakeName
    /// The object that it was read from.
    public var object: String?
}

/// Which records are asked for, in the order of their arrival.
public struct EventQuery: Sendable {
    /// Only this meter's.
    public var meterApiName: String?
    /// Only this customer's.
    public var customerId: String?
    /// Only those with these dimensions.
    public var dimensions: [Dimension] = []
    /// Only those whose time is in this range of milliseconds since 1970.
    public var times: Range<Int64>?
    /// Only those of this log group.
    public var logGroup: String?
    /// Only those whose log event's time is in this range of milliseconds since 1970.
    ///
    /// With `logGroup` they come in the order of that time, and only they are looked at.
    public var logTimes: Range<Int64>?
    /// Only those in this state.
    public var state: StoredEvent.State?
    /// The most records of a page; at least 1.
    public var limit = 100
    /// Where to go on: behind this number.
    public var cursor: Int64?
    /// Whether the oldest come first.
    public var isAscending = false

    /// Asks for everything.
    public init() {}
}

/// A page of records; it may hold fewer than there are and still have a cursor, when few of many fit the query.
public struct EventPage: Sendable {
    /// The records.
    public var events: [StoredEvent]
    /// Where the next page begins; nil at the end.
    public var cursor: Int64?
}

/// What is known of a record when somebody asks for one like it.
public struct KnownRecord: Sendable {
    /// What became of it.
    public enum State: String, Sendable, CaseIterable {
        /// It was not received.
        case unknown
        /// It lies before what is kept, so that nothing is known of it.
        case pastRetention
        /// It counts.
        case counted
        /// It was taken back.
        case cancelled
        /// Its meter is not defined.
        case undefined
        /// It takes another one back.
        case cancel
    }

    /// What became of it.
    public var state: State
    /// The number of the record that counts in its place; nil when it was not received, or when that record is dropped.
    public var number: Int64?
    /// The log event which that record comes from; nil when its sender did not say.
    public var source: RecordSource?
}

/// Which records of a meter and a customer are asked for, in the order of their time.
public struct UsageEventQuery: Sendable {
    /// The meter.
    public var meterApiName: String
    /// The customer; nil for all.
    public var customerId: String?
    /// The times, in milliseconds since 1970.
    public var times: Range<Int64>
    /// Whether the oldest come first.
    public var isAscending: Bool
    /// The most records.
    public var limit: Int
    /// Behind which record to go on.
    public var after: Position?
    /// Only records with these dimensions.
    public var dimensions: [Match] = []

    /// What a dimension must be.
    public struct Match: Sendable {
        /// The dimension's name.
        public var name: String
        /// The dimension's value; nil for records that lack it.
        public var value: String?

        /// Names a dimension and its value.
        public init(name: String, value: String?) {
            self.name = name
            self.value = value
        }
    }

    /// A place in the order of time.
    public struct Position: Sendable, Equatable {
        /// The record's time.
        public var time: Int64
        /// The record's number.
        public var number: Int64

        /// Names a place.
        public init(time: Int64, number: Int64) {
            self.time = time
            self.number = number
        }
    }

    /// Asks for records.
    public init(
        meterApiName: String, customerId: String?, times: Range<Int64>, isAscending: Bool, limit: Int,
        after: Position? = nil
    ) {
        self.meterApiName = meterApiName
        self.customerId = customerId
        self.times = times
        self.isAscending = isAscending
        self.limit = limit
        self.after = after
    }
}

/// A page of records in the order of their time; large records make it shorter than was asked for.
public struct UsageEventPage: Sendable {
    /// The records.
    public var events: [StoredEvent]
    /// Whether nothing follows.
    public var isLast: Bool
}
