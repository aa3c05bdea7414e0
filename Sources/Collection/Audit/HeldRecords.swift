package import Meter
import MeterLine

/// The records that a bucket holds, for an audit: by the time of their log events, and by identity.
///
/// A bucket does not count; what would be counted once of its records is told by the platform's rule.
package final class HeldRecords {
    private let account: String
    private let logGroup: String
    private let times: Range<Int64>
    private var spool = ReceiptSpool()
    private let records = LineCounter()
    private let cancels = LineCounter()
    /// Records with an id of their own that were given to a log event.
    private let claims = LineCounter()
    /// What was taken from the spool and not yet passed by.
    private var window: [AuditReceived] = []
    private var places: Set<Fingerprint> = []

    /// Holds nothing yet.
    package init(account: String, logGroup: String, times: Range<Int64>) {
        self.account = account
        self.logGroup = logGroup
        self.times = times
    }

    /// Adds a record, with the line that it was read from.
    ///
    /// - Throws: `Errno` when a temporary file cannot be written.
    package func add(_ record: ReceivedRecord, line: ArraySlice<UInt8>) throws {
        let counter = record.isCancel ? cancels : records
        _ = try counter.countBefore(Self.identity(record, isTimeless: false))
        if record.isTimeless { _ = try counter.countBefore(Self.identity(record, isTimeless: true)) }
        guard let source = record.source, let timestamp = source.timestamp, times.contains(timestamp),
            source.account.utf8.elementsEqual(account.utf8), source.logGroup.utf8.elementsEqual(logGroup.utf8)
        else { return }
        try spool.put(Array(line), time: timestamp)
    }

    private static func identity(_ record: ReceivedRecord, isTimeless: Bool) -> LineCounter.Key {
        let print = Fingerprint(
            meter: record.meterApiName, customer: record.customerId, value: record.meterValue,
            time: isTimeless ? 0 : record.meterTimeInMillis, uniqueId: record.uniqueId, dimensions: record.ownDimensions
        )
        return LineCounter.Key(high: print.high, low: print.low)
    }

    /// The records of a range of log event times, each place once; nil when there are more than `limit`.
    ///
    /// - Throws: `Errno` when the temporary file cannot be read.
    package func received(_ range: Range<Int64>, limit: Int) throws -> [AuditReceived]? {
        window.removeAll { $0.timestamp < range.lowerBound }
        places = Set(window.map(\.place))
        while window.count <= limit, let entry = try spool.take(before: range.upperBound) {
            for record in Self.read(entry.line) {
                guard let one = AuditReceived(record, number: 0, state: .received, isEdited: false),
                    // What lies before was asked for, or need not be.
                    one.timestamp >= range.lowerBound, places.insert(one.place).inserted
                else { continue }
                window.append(try classified(one))
            }
        }
        let inside = window.filter { range.contains($0.timestamp) }
        return inside.count > limit ? nil : inside
    }

    private static func read(_ line: [UInt8]) -> [ReceivedRecord] {
        var records: [ReceivedRecord] = []
        var ignored: [[UInt8]: Int] = [:]
        // It was read before, when it was put.
        try? IngestReader().read(line, format: .json, ignoredKeys: &ignored) { item, _ in
            if case .record(let record) = item { records.append(record) }
        }
        return records
    }

    private func classified(_ received: AuditReceived) throws -> AuditReceived {
        var received = received
        let record = received.record
        received.state = try state(record, hasOwnId: !record.hasDerivedId)
        return received
    }

    /// What a record that is held would be counted as, given to one more log event.
    private func state(_ record: ReceivedRecord, hasOwnId: Bool) throws -> AuditClass {
        let identity = Self.identity(record, isTimeless: record.isTimeless)
        if hasOwnId {
            let key = record.isCancel ? LineCounter.Key(high: ~identity.high, low: identity.low) : identity
            if try claims.countBefore(key) > 0 { return .duplicate }
        }
        return try record.isCancel || cancels.count(identity) > 0 ? .cancelled : .received
    }

    /// What is known of a record that is not held as one of its own log event.
    ///
    /// - Throws: `Errno` when a temporary file cannot be read.
    package func find(_ found: AuditFound) throws -> AuditAnswer {
        guard let one = found.record else { return AuditAnswer(state: .missing) }
        var record = ReceivedRecord(
            meterApiName: one.record.meterApiName, customerId: one.record.customerId ?? "",
            meterValue: one.record.meterValue, meterTimeInMillis: one.record.meterTimeInMillis,
            uniqueId: one.record.uniqueId, dimensions: one.record.dimensions)
        let counter = record.isCancel ? cancels : records
        // Where the bucket does not say that a time is derived, whoever counts takes it for a part of the record.
        if found.isTimeless { record.isTimeless = try counter.count(Self.identity(record, isTimeless: true)) > 0 }
        let isHeld = try record.isTimeless || counter.count(Self.identity(record, isTimeless: false)) > 0
        return AuditAnswer(state: isHeld ? try state(record, hasOwnId: found.hasOwnId) : .missing)
    }
}
