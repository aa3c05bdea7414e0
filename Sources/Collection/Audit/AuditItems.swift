package import Meter
package import MeterLine

/// What a record found in the logs is, seen from what was received.
///
/// Each has exactly one class.
package enum AuditClass: String, CaseIterable, Sendable {
    /// It was received from this log event.
    case received
    /// An equal record was received from another log event, or counts in its place: it is counted once.
    case duplicate
    /// It was taken back, or takes another one back.
    case cancelled
    /// It is no valid record, and waits to be edited.
    case rejected
    /// It was no valid record, and somebody edited it.
    case resolved
    /// It was received, and its meter is not defined.
    case undefined
    /// It lies before what is kept, so that nothing can be said.
    case pastRetention
    /// It was not received.
    case missing
    /// A record was received from its place that says something else.
    case different
}

/// What stands behind a tag in the logs.
package struct AuditFound: Sendable {
    /// A record, or what is none.
    package enum Item: Sendable {
        /// A valid record.
        case record(FoundRecord)
        /// Anything else: why, and where; its text is not kept.
        case reject(RejectReason, detail: String, origin: EventOrigin, ordinal: Int)
    }

    /// What it is.
    package let item: Item
    /// Which value of which log event it is.
    package let place: Fingerprint
    /// What it says; nil for what is no record.
    package let content: Fingerprint?
    /// Whether the application gave it an id of its own, so that another log event may hold the same record.
    package let hasOwnId: Bool
    /// The number that its producer gave to the object that it stands in.
    package let sequence: ProducerSequence?

    /// Takes a finding; nil for one that comes from no log event.
    package init?(_ finding: Finding) {
        switch finding {
        case .record(let found):
            item = .record(found)
            place = Self.place(found.origin, found.ordinal)
            let record = found.record
            sequence = found.sequence
            hasOwnId =
                !found.idDerived && record.uniqueId != Identity.uniqueId(of: found.origin, ordinal: found.ordinal)
            var received = ReceivedRecord(found)
            if !hasOwnId { received.uniqueId = nil }
            content = Fingerprint(received)
        case .reject(let reject):
            guard case .event(let origin) = reject.source else { return nil }
            item = .reject(reject.reason, detail: reject.detail, origin: origin, ordinal: reject.ordinal)
            place = Self.place(origin, reject.ordinal)
            content = nil
            hasOwnId = false
            sequence = reject.sequence
        }
    }

    private static func place(_ origin: EventOrigin, _ ordinal: Int) -> Fingerprint {
        Fingerprint(
            account: origin.account, logGroup: origin.logGroup, logStream: origin.logStream, eventId: origin.eventId,
            ordinal: ordinal)
    }

    /// The log event.
    package var origin: EventOrigin {
        switch item {
        case .record(let found): found.origin
        case .reject(_, _, let origin, _): origin
        }
    }

    /// The place among the values of the log event.
    package var ordinal: Int {
        switch item {
        case .record(let found): found.ordinal
        case .reject(_, _, _, let ordinal): ordinal
        }
    }

    /// The record; nil for what is none.
    package var record: FoundRecord? {
        if case .record(let found) = item { found } else { nil }
    }

    /// Whether it is a reject because its record isn't after the tag.
    package var isNotBehindTag: Bool {
        if case .reject(.recordNotBehindTag, _, _, _) = item { true } else { false }
    }

    /// Whether its time is no part of its identity.
    package var isTimeless: Bool { hasOwnId && record?.timeDerived == true }

    /// How much memory it takes, in pieces of half a kilobyte.
    package var weight: Int {
        guard let record else { return 1 }
        return 1 + record.record.dimensions.reduce(0) { $0 + $1.name.utf8.count + $1.value.utf8.count } / 512
    }
}

/// A record that was received from the range, as far as an audit keeps it.
package struct AuditReceived: Sendable {
    private enum Text {
        case record(ReceivedRecord)
        case held(HeldRecord)
    }

    private let text: Text
    /// Its number at the platform.
    package var number: Int64
    /// Which value of which log event it says it is from.
    package var place: Fingerprint
    /// What it says, in a size that does not depend on it.
    package var content: Fingerprint
    /// The log stream.
    var stream: Fingerprint { Fingerprint([record.source?.logStream ?? ""]) }
    /// Whether it came out of an export, which tells no event ids.
    package let isFromExport: Bool
    /// The log event's time.
    package var timestamp: Int64
    /// What it counts as.
    package var state: AuditClass
    /// Whether somebody edited a reject into it.
    package var isEdited: Bool

    /// Takes a record; nil for one that names no log event with a time.
    package init?(_ record: ReceivedRecord, number: Int64, state: AuditClass, isEdited: Bool) {
        guard let source = record.source, let timestamp = source.timestamp else { return nil }
        text = .record(record)
        self.number = number
        self.timestamp = timestamp
        self.state = state
        self.isEdited = isEdited
        place = Fingerprint(source)
        content = Fingerprint(record)
        isFromExport = ExportedEvents.isId(source.eventId)
    }

    /// Takes a record that a bucket holds.
    init(_ held: HeldRecord, timestamp: Int64, state: AuditClass) {
        text = .held(held)
        number = 0
        self.timestamp = timestamp
        self.state = state
        isEdited = false
        place = held.place
        content = held.content
        isFromExport = held.isFromExport
    }

    /// What it says; of what a bucket holds the line is read again.
    package var record: ReceivedRecord {
        switch text {
        case .record(let record): record
        case .held(let held): held.record
        }
    }

    /// The same place without the event's id.
    var loosePlace: Fingerprint {
        let source = record.source
        return Fingerprint(
            logStream: source?.logStream ?? "", timestamp: timestamp, ordinal: source?.ordinal ?? 0, content: content)
    }
}

/// What was received from the range and is no valid record.
package struct AuditReject: Sendable {
    /// Which value of which log event it says it is from.
    package var place: Fingerprint
    /// Whether somebody edited it.
    package var isResolved: Bool
    /// Whether it is valid and only too old.
    package var isPastRetention: Bool

    /// Makes a reject.
    package init(place: Fingerprint, isResolved: Bool, isPastRetention: Bool) {
        self.place = place
        self.isResolved = isResolved
        self.isPastRetention = isPastRetention
    }
}

/// What is known of a record that was not received from its own log event.
package struct AuditAnswer: Sendable {
    /// What an equal record counts as: `missing` when there is none.
    package var state: AuditClass
    /// The equal record's number.
    package var number: Int64?
    /// Where that one is from; nil when its sender did not say.
    package var place: Fingerprint?

    /// Makes an answer.
    package init(state: AuditClass, number: Int64? = nil, place: Fingerprint? = nil) {
        self.state = state
        self.number = number
        self.place = place
    }
}
