public import Meter

/// What came in at once, to be stored together or not at all.
public struct IntakeBatch: Sendable {
    /// One thing that came in.
    public enum Item: Sendable {
        /// A valid record, and the line that it was read from.
        case record(ReceivedRecord, line: ArraySlice<UInt8>)
        /// Anything else.
        case reject(ReceivedReject)
    }

    /// The way in.
    public var intake: IntakeName
    /// The object that it was read from; nil for a request.
    public var object: IntakeObject?
    /// When it arrived, in milliseconds since 1970.
    public var time: Int64
    /// What came in, in its order.
    public var items: [Item]
    /// How the lines of `items` are to be read again.
    public var format: IntakeFormat
    /// The header line that the lines of CSV are to be read behind, without its line break; empty for JSON.
    public var header: ArraySlice<UInt8> = []
    /// Keys of records that are no field, and how many records had them.
    public var ignoredKeys: [[UInt8]: Int]

    /// Makes a batch.
    public init(
        intake: IntakeName, object: IntakeObject? = nil, time: Int64, items: [Item], format: IntakeFormat,
        ignoredKeys: [[UInt8]: Int] = [:]
    ) {
        self.intake = intake
        self.object = object
        self.time = time
        self.items = items
        self.format = format
        self.ignoredKeys = ignoredKeys
    }

    /// A line as it is kept and can be read again: behind its header line, unless this is long and the line short.
    ///
    /// Many short lines must not each keep a long header line.
    ///
    /// - Returns: the bytes, and whether a header line is missing from them.
    func kept(_ line: ArraySlice<UInt8>) -> (bytes: ArraySlice<UInt8>, lacksHeader: Bool) {
        if header.isEmpty { return (line, false) }
        guard header.count <= 1_024 + 3 * line.count else { return (line, true) }
        return (header + [UInt8(ascii: "\n")] + line, false)
    }
}

/// A way in: the requests of one key, or a bucket.
public struct IntakeName: Sendable, Hashable {
    /// What kind of way.
    public enum Kind: String, Sendable {
        /// `POST /ingest`.
        case api
        /// A bucket or a directory.
        case bucket
        /// A reject that somebody edited and sent again.
        case retry
    }

    /// What kind of way.
    public var kind: Kind
    /// The name of the key, or the address of the bucket.
    public var name: String

    /// Names a way in.
    public init(kind: Kind, name: String) {
        self.kind = kind
        self.name = name
    }
}

/// How a line is written.
public enum IntakeFormat: Int, Sendable {
    /// One JSON object.
    case json = 0
    /// A line of CSV behind its header line.
    case csv = 1
}

/// A part of an object of a bucket.
public struct IntakeObject: Sendable {
    /// The object's key.
    public var key: String
    /// What tells two contents under one key apart.
    public var etag: String
    /// How many items of the object are stored once this part is.
    public var lines: Int
    /// Whether nothing follows.
    public var isLast: Bool

    /// Names a part.
    public init(key: String, etag: String, lines: Int, isLast: Bool) {
        self.key = key
        self.etag = etag
        self.lines = lines
        self.isLast = isLast
    }
}

/// What is no valid record, with the line that it came in.
public struct ReceivedReject: Sendable {
    /// Why it is none.
    public var reason: RejectReason
    /// What exactly is wrong, in a sentence.
    public var detail: String
    /// The bytes at fault.
    public var line: ArraySlice<UInt8>
    /// The log event that it says it is from.
    public var source: RecordSource?

    /// Makes a reject.
    public init(reason: RejectReason, detail: String, line: ArraySlice<UInt8>, source: RecordSource? = nil) {
        self.reason = reason
        self.detail = detail
        self.line = line
        self.source = source
    }
}

/// What became of a batch: `received` = `stored` + `duplicates` + `rejected`.
public struct IntakeResult: Sendable, Equatable {
    /// Records and cancels that were not known before.
    public var stored = 0
    /// Records and cancels that were known.
    public var duplicates = 0
    /// What is no valid record.
    public var rejected = 0
    /// The first reject's reason and detail, for the sender.
    public var firstReject: String?

    /// Starts at zero.
    public init() {}

    /// All of it.
    public var received: Int { stored + duplicates + rejected }
}
