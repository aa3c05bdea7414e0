/// One meter record as the platform receives it.
///
/// Other than a `Record` it may lack an id of its own, and it says which log event it comes from when its sender knew.
public struct ReceivedRecord: Sendable {
    /// The meter that counts this record; 1 to 256 bytes.
    public var meterApiName: String
    /// Who used it; 1 to 256 bytes.
    public var customerId: String
    /// How much was used.
    public var meterValue: Quantity
    /// When it was used, in milliseconds since 1970-01-01T00:00:00Z.
    public var meterTimeInMillis: Int64
    /// What tells it from a record that is otherwise equal; nil when the sender gave none.
    public var uniqueId: String?
    /// What else is known, by name; sorted by the bytes of the names, each name once.
    public var dimensions: [Dimension]
    /// The log event it comes from; nil when the sender did not say.
    public var source: RecordSource?
    /// Whether its time says nothing of its identity: the record has an id of its own, and its time is only its log
    /// event's, so that it would be another one if the application logged the same record again.
    public var isTimeless: Bool

    /// Makes a record of parts that were checked already.
    public init(
        meterApiName: String, customerId: String, meterValue: Quantity, meterTimeInMillis: Int64, uniqueId: String?,
        dimensions: [Dimension], source: RecordSource? = nil, isTimeless: Bool = false
    ) {
        self.meterApiName = meterApiName
        self.customerId = customerId
        self.meterValue = meterValue
        self.meterTimeInMillis = meterTimeInMillis
        self.uniqueId = uniqueId
        self.dimensions = dimensions
        self.source = source
        self.isTimeless = isTimeless
    }

    /// The dimension that makes a record a cancel, as Amberflo names it.
    public static let cancelDimension = "aflo.cancel_previous_resource_event"

    /// Whether it takes back the record that is otherwise equal.
    public var isCancel: Bool {
        dimensions.contains { isSame($0.name, Self.cancelDimension) && isSame($0.value, "true") }
    }

    /// The dimensions without the mark of a cancel.
    public var ownDimensions: [Dimension] {
        dimensions.filter { !(isSame($0.name, Self.cancelDimension) && isSame($0.value, "true")) }
    }
}

/// Which log event a record was found in, as the record's `source` says.
public struct RecordSource: Sendable {
    /// The account of the log group, 12 digits; empty for files.
    public var account: String
    /// The log group, or the name of a file.
    public var logGroup: String
    /// The log stream; empty for files.
    public var logStream: String
    /// The log event's id.
    public var eventId: String
    /// The log event's time in milliseconds since 1970; nil for a line of a file that tells none.
    public let timestamp: Int64?
    /// The place among the values behind tags in the message, from 0.
    public var ordinal: Int
    /// Whether the record told no time, so that it has its log event's.
    public var timeDerived: Bool

    /// Names a log event and a place in it; a timestamp outside of the years 1970 through 9999 is left out.
    public init(
        account: String, logGroup: String, logStream: String, eventId: String, timestamp: Int64?, ordinal: Int,
        timeDerived: Bool
    ) {
        self.account = account
        self.logGroup = logGroup
        self.logStream = logStream
        self.eventId = eventId
        self.timestamp = RecordLimits.timeInMillis(timestamp)
        self.ordinal = ordinal
        self.timeDerived = timeDerived
    }
}

/// Whether two texts have the same bytes: Swift's own comparison takes canonically equivalent ones for equal.
private func isSame(_ left: String, _ right: String) -> Bool {
    left.utf8.elementsEqual(right.utf8)
}
