public import Meter

/// A reject as it is kept.
public struct StoredReject: Sendable {
    /// Its number, from 1.
    public var id: Int64
    /// When it arrived, in milliseconds since 1970.
    public var received: Int64
    /// Why it is no record.
    public var reason: String
    /// What exactly is wrong.
    public var detail: String
    /// The bytes at fault.
    public var line: [UInt8]
    /// How the line is written.
    public var format: IntakeFormat
    /// When it was edited and stored; nil while it waits.
    public var resolved: Int64?
    /// When it was dismissed, in milliseconds since 1970; nil when it was not.
    public var dismissed: Int64?
    /// Why it was dismissed.
    public var dismissReason: String?
    /// The way in.
    public var intake: IntakeName
    /// The object that it was read from.
    public var object: String?
    /// The log event that it says it is from.
    public var source: RecordSource?
}

/// Which rejects are asked for.
public struct RejectQuery: Sendable {
    /// Only those with this reason.
    public var reason: String?
    /// Only those of this log group.
    public var logGroup: String?
    /// Only those that name no log group.
    public var hasNoLogGroup = false
    /// Only those whose log event's time is in this range of milliseconds since 1970.
    ///
    /// With `logGroup` they come in the order of that time, and only they are looked at.
    public var logTimes: Range<Int64>?
    /// Only those that were resolved, or were not; nil for all.
    public var isResolved: Bool? = false
    /// Only those that were dismissed, or were not; nil for all.
    public var isDismissed: Bool? = false
    /// Only those that came in this way.
    public var intake: IntakeName?
    /// The most rejects of a page; at least 1.
    public var limit = 100
    /// Where to go on: behind this id.
    public var cursor: Int64?

    /// Asks for those that wait.
    public init() {}
}

/// A page of rejects.
public struct RejectPage: Sendable {
    /// The rejects.
    public var rejects: [StoredReject]
    /// Where the next page begins; nil at the end.
    public var cursor: Int64?
}
