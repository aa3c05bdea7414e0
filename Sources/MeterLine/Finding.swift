public import Meter

/// Which log event something was found in.
public struct EventOrigin: Sendable {
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
    /// When CloudWatch Logs took it, in milliseconds since 1970; nil where that is not told.
    public let ingestionTime: Int64?

    /// Names a log event; times outside of the years 1970 through 9999 are left out.
    public init(
        account: String, logGroup: String, logStream: String, eventId: String, timestamp: Int64?,
        ingestionTime: Int64? = nil
    ) {
        self.account = account
        self.logGroup = logGroup
        self.logStream = logStream
        self.eventId = eventId
        self.timestamp = RecordLimits.timeInMillis(timestamp)
        self.ingestionTime = RecordLimits.timeInMillis(ingestionTime)
    }
}

/// A record and its place among the values of its log event.
public struct FoundRecord: Sendable {
    /// The record, with its identity.
    public var record: Record
    /// The log event it was found in.
    public var origin: EventOrigin
    /// The place among the values behind tags in the message, from 0.
    public var ordinal: Int
    /// Whether the record told no time, so that it has its log event's.
    public var timeDerived: Bool
    /// Whether the record told no id, so that it has one that is made from its log event.
    public var idDerived: Bool
    /// The number that its producer gave to the object that it stands in; it is read by audits alone.
    public var sequence: ProducerSequence?

    /// Names a record's place.
    package init(
        record: Record, origin: EventOrigin, ordinal: Int, timeDerived: Bool, idDerived: Bool,
        sequence: ProducerSequence? = nil
    ) {
        self.record = record
        self.origin = origin
        self.ordinal = ordinal
        self.timeDerived = timeDerived
        self.idDerived = idDerived
        self.sequence = sequence
    }
}

/// What carried a tag but is no valid record, kept with its reason and its line.
public struct Reject: Sendable {
    /// Where a reject came from.
    public enum Source: Sendable {
        /// A log event.
        case event(EventOrigin)
        /// A record of a Kinesis stream that holds no readable envelope.
        case kinesis(stream: String, shard: String, sequenceNumber: String)
        /// Data of this name that holds no readable envelope, such as a direct event or a file.
        case data(name: String)

        /// The log event, if it is one.
        var event: EventOrigin? { if case .event(let origin) = self { origin } else { nil } }
    }

    /// Why it is no record.
    public var reason: RejectReason
    /// What exactly is wrong, in a sentence.
    public var detail: String
    /// The tag in front of it; nil when the fault is not in the value of a tag.
    public var tag: String?
    /// The place among the values of the message, from 0.
    public var ordinal: Int
    /// Where it came from.
    public var source: Source
    /// The log event's time in milliseconds since 1970, as far as known.
    public let timestamp: Int64?
    /// The bytes at fault: the message, or the data of an envelope.
    public var content: [UInt8]
    /// The number that its producer gave to it, as far as it could be read.
    public var sequence: ProducerSequence?

    /// Makes a reject.
    public init(
        reason: RejectReason, detail: String, tag: String?, ordinal: Int, source: Source, timestamp: Int64?,
        content: [UInt8], sequence: ProducerSequence? = nil
    ) {
        self.reason = reason
        self.detail = detail
        self.tag = tag
        self.ordinal = ordinal
        self.source = source
        self.timestamp = RecordLimits.timeInMillis(timestamp)
        self.content = content
        self.sequence = sequence
    }
}

/// One thing that was found behind a tag.
public enum Finding: Sendable {
    /// A valid record.
    case record(FoundRecord)
    /// Anything else that had a value.
    case reject(Reject)
}
