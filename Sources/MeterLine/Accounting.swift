public import Meter

/// What was found in the log events read so far: the figures that must add up at every later stage.
public struct Accounting: Sendable, Equatable {
    /// Log events (or lines) read.
    public var events = 0
    /// Log events in which a tag had at least one value.
    public var tagged = 0
    /// Tags without a value.
    public var mentions = 0
    /// Records found.
    public var records = 0
    /// Rejects by reason.
    public var rejects: [RejectReason: Int] = [:]
    /// Records that a logger wrote a second time on another escape level of the same message; they count once.
    public var repeatedInMessage = 0
    /// Unreadable values that a logger wrote beside a record that was read: a template, or a copy that it cut off.
    public var unreadableCopies = 0
    /// Records that name two customers.
    public var conflictingCustomer = 0
    /// Objects whose `sequence` cannot be read; their records are none the worse.
    public var invalidSequence = 0
    /// Unknown keys of records by name, for the first `maximumIgnoredNames` names.
    public var ignoredKeys: [String: Int] = [:]
    /// Envelopes of CloudWatch Logs that hold log events.
    public var envelopes = 0
    /// Envelopes by which CloudWatch Logs only checks the way (`CONTROL_MESSAGE`).
    public var controlMessages = 0

    /// Inputs and envelopes in a form that isn't read, of which nothing is known; each is among the rejects.
    package var unreadableForms = 0

    /// How many names `ignoredKeys` tells apart.
    public static let maximumIgnoredNames = 100

    /// Starts at zero.
    public init() {}

    /// All rejects.
    public var rejected: Int { rejects.values.reduce(0, +) }

    /// Everything that was found and must arrive somewhere: `records` + `rejected`.
    public var found: Int { records + rejected }

    mutating func countIgnored(_ name: String, times: Int = 1) {
        if let count = ignoredKeys[name] {
            ignoredKeys[name] = count + times
        } else if ignoredKeys.count < Self.maximumIgnoredNames {
            ignoredKeys[name] = times
        }
    }

    /// Adds the figures of another part of the work.
    public mutating func add(_ other: Accounting) {
        events += other.events
        tagged += other.tagged
        mentions += other.mentions
        records += other.records
        rejects.merge(other.rejects, uniquingKeysWith: +)
        repeatedInMessage += other.repeatedInMessage
        unreadableCopies += other.unreadableCopies
        conflictingCustomer += other.conflictingCustomer
        invalidSequence += other.invalidSequence
        for (name, count) in other.ignoredKeys.sorted(by: { $0.key < $1.key }) { countIgnored(name, times: count) }
        envelopes += other.envelopes
        controlMessages += other.controlMessages
        unreadableForms += other.unreadableForms
    }
}
