package import Delivery

/// One object that waits, and what is in it.
package struct RedriveItem: Sendable {
    /// What can be done with it.
    package enum State: Sendable, Equatable {
        /// It can be delivered again.
        case ready
        /// Its lines are rejected for the same reasons as before.
        case unchanged
        /// It only names what it is about; the text says what to do.
        case metadata(String)
        /// It cannot be read; the text says why.
        case damaged(String)
    }

    /// The object.
    package var object: BucketObject
    /// What it is.
    package var kind: WaitingKind
    /// What can be done with it.
    package var state = State.ready
    /// What is in it.
    package var found = RedriveFigures()
    /// Why it waits: what Lambda, the reader of a bucket or the rejects say.
    package var reasons: [String: Int] = [:]
    /// For a failed request: the object that it is about.
    package var about: String?
    /// For a failed request: the first ids of the records.
    package var recordIds: [String] = []

    init(_ object: BucketObject, _ kind: WaitingKind) {
        self.object = object
        self.kind = kind
    }
}

/// What is in some objects, and what became of it: `records` + `rejects` = `delivered` + `rejected` + `left` once done.
package struct RedriveFigures: Sendable, Equatable {
    /// Log events read.
    package var events = 0
    /// Records found; of rejects those that are records by now.
    package var records = 0
    /// Rejects found; of rejects those that still are.
    package var rejects = 0
    /// Rejects that are copies of a record in the same message; they count once, and so not here.
    package var repeated = 0
    /// Records that are durable in the sink.
    package var delivered = 0
    /// Rejects that are durable in their place; those that the sink refused are among them.
    package var rejected = 0
    /// Records that the sink refused for good.
    package var refusedBySink = 0
    /// What stays in its object as it was.
    package var left = 0
    /// Objects stored, or requests sent.
    package var parts = 0
    /// Their size, compressed.
    package var bytes = 0
    /// The first and the last time of a log event with something in it, in milliseconds since 1970.
    package var times: ClosedRange<Int64>?

    package init() {}

    mutating func see(_ time: Int64?) {
        guard let time else { return }
        times = min(times?.lowerBound ?? time, time)...max(times?.upperBound ?? time, time)
    }

    mutating func add(_ report: DeliveryReport) {
        delivered += report.delivered
        rejected += report.rejected
        refusedBySink += report.refused
        parts += report.parts
        bytes += report.bytes
    }

    /// Adds the figures of another object.
    package mutating func add(_ other: RedriveFigures) {
        events += other.events
        records += other.records
        rejects += other.rejects
        repeated += other.repeated
        delivered += other.delivered
        rejected += other.rejected
        refusedBySink += other.refusedBySink
        left += other.left
        parts += other.parts
        bytes += other.bytes
        see(other.times?.lowerBound)
        see(other.times?.upperBound)
    }
}

/// All that waits, read once: nothing is changed by it.
package struct RedrivePlan: Sendable {
    /// What waits, in the order of the keys.
    package internal(set) var items: [RedriveItem] = []
    /// How many objects were passed over, since they are none of ours.
    package internal(set) var others = 0
    /// Whether everything was looked at; else there is more behind it.
    package internal(set) var isWhole = true
}
