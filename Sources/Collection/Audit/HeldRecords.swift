import Meter
package import MeterLine

/// The records that a bucket holds, for an audit: by the time of their log events, and by identity.
///
/// A bucket does not count; what would be counted once of its records is told by the platform's rule.
package final class HeldRecords {
    private static let cancelDimension = Array(ReceivedRecord.cancelDimension.utf8)

    private let accountBytes: [UInt8]
    private let logGroupBytes: [UInt8]
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
        accountBytes = Array(account.utf8)
        logGroupBytes = Array(logGroup.utf8)
        self.times = times
    }

    /// Adds a record.
    ///
    /// - Throws: `Errno` when a temporary file cannot be written.
    package func add(_ record: QuickReceived) throws {
        let (text, isCancel) = (record.text, record.dimensions.contains { Self.isCancel($0, record.text) })
        var identity = Self.identity(record, isTimeless: false)
        try count(identity, isCancel: isCancel)
        if record.isTimeless {
            identity = Self.identity(record, isTimeless: true)
            try count(identity, isCancel: isCancel)
        }
        guard let source = record.source, let timestamp = source.timestamp, times.contains(timestamp),
            text.isEqual(source.account, accountBytes), text.isEqual(source.logGroup, logGroupBytes)
        else { return }
        let held = HeldRecord(
            place: Fingerprint(source, of: text), content: Fingerprint(record), identity: identity,
            isCancel: isCancel, hasOwnId: !record.hasDerivedId,
            isFromExport: ExportedEvents.isId(text, source.eventId), line: text.bytes(record.line))
        try spool.put(held.bytes, time: timestamp)
    }

    private func count(_ identity: LineCounter.Key, isCancel: Bool) throws {
        _ = try (isCancel ? cancels : records).countBefore(identity)
    }

    private static func isCancel(_ dimension: (name: Range<Int>, value: Range<Int>), _ text: ByteText) -> Bool {
        text.isEqual(dimension.name, cancelDimension) && text.isEqual(dimension.value, Array("true".utf8))
    }

    private static func identity(_ record: QuickReceived, isTimeless: Bool) -> LineCounter.Key {
        let print = Fingerprint(
            record, time: isTimeless ? 0 : record.time, uniqueId: record.uniqueId,
            record.dimensions.filter { !isCancel($0, record.text) })
        return LineCounter.Key(high: print.high, low: print.low)
    }

    private static func identity(_ record: ReceivedRecord, isTimeless: Bool) -> LineCounter.Key {
        record.withPlaces { identity($0, isTimeless: isTimeless) }
    }

    /// The records of a range of log event times, each place once; nil when there are more than `limit`.
    ///
    /// - Throws: `Errno` when the temporary file cannot be read.
    package func received(_ range: Range<Int64>, limit: Int) throws -> [AuditReceived]? {
        window.removeAll { $0.timestamp < range.lowerBound }
        places = Set(window.map(\.place))
        while window.count <= limit, let entry = try spool.take(before: range.upperBound) {
            let held = HeldRecord(entry.line)
            // What lies before was asked for, or need not be.
            guard entry.time >= range.lowerBound, places.insert(held.place).inserted else { continue }
            let state = try state(held.identity, isCancel: held.isCancel, hasOwnId: held.hasOwnId)
            window.append(AuditReceived(held, timestamp: entry.time, state: state))
        }
        let inside = window.filter { range.contains($0.timestamp) }
        return inside.count > limit ? nil : inside
    }

    /// What a record that is held would be counted as, given to one more log event.
    private func state(_ identity: LineCounter.Key, isCancel: Bool, hasOwnId: Bool) throws -> AuditClass {
        if hasOwnId {
            let key = isCancel ? LineCounter.Key(high: ~identity.high, low: identity.low) : identity
            if try claims.countBefore(key) > 0 { return .duplicate }
        }
        return try isCancel || cancels.count(identity) > 0 ? .cancelled : .received
    }

    /// What is known of a record that is not held as one of its own log event.
    ///
    /// - Throws: `Errno` when a temporary file cannot be read.
    package func find(_ found: AuditFound) throws -> AuditAnswer {
        guard let one = found.record else { return AuditAnswer(state: .missing) }
        var record = ReceivedRecord(one)
        let counter = record.isCancel ? cancels : records
        // Where the bucket does not say that a time is derived, whoever counts takes it for a part of the record.
        if found.isTimeless { record.isTimeless = try counter.count(Self.identity(record, isTimeless: true)) > 0 }
        let isHeld = try record.isTimeless || counter.count(Self.identity(record, isTimeless: false)) > 0
        guard isHeld else { return AuditAnswer(state: .missing) }
        let identity = Self.identity(record, isTimeless: record.isTimeless)
        return AuditAnswer(state: try state(identity, isCancel: record.isCancel, hasOwnId: found.hasOwnId))
    }
}

extension ReceivedRecord {
    /// What a record that was found will be when it is received.
    init(_ found: FoundRecord) {
        let record = found.record
        self.init(
            meterApiName: record.meterApiName, customerId: record.customerId ?? "", meterValue: record.meterValue,
            meterTimeInMillis: record.meterTimeInMillis, uniqueId: record.uniqueId, dimensions: record.dimensions)
    }
}

/// A record that waits in the spool: what it is compared by, and its line, which is read again only when it is shown.
struct HeldRecord {
    var place: Fingerprint
    var content: Fingerprint
    /// What it is counted by.
    var identity: LineCounter.Key
    var isCancel: Bool
    /// Whether its id does not come from its log event.
    var hasOwnId: Bool
    /// Whether it came out of an export, which tells no event ids.
    var isFromExport: Bool
    var line: [UInt8]
}

extension HeldRecord {
    /// The opposite of `bytes`.
    init(_ bytes: [UInt8]) {
        func word(_ index: Int) -> UInt64 {
            bytes[8 * index..<8 * index + 8].reduce(0) { $0 << 8 | UInt64($1) }
        }
        place = Fingerprint(high: word(0), low: word(1))
        content = Fingerprint(high: word(2), low: word(3))
        identity = LineCounter.Key(high: word(4), low: word(5))
        let flags = word(6)
        (isCancel, hasOwnId, isFromExport) = (flags & 1 != 0, flags & 2 != 0, flags & 4 != 0)
        line = Array(bytes[56...])
    }

    /// Seven words, and the line.
    var bytes: [UInt8] {
        let flags: UInt64 = (isCancel ? 1 : 0) | (hasOwnId ? 2 : 0) | (isFromExport ? 4 : 0)
        var bytes: [UInt8] = []
        bytes.reserveCapacity(56 + line.count)
        for word in [place.high, place.low, content.high, content.low, identity.high, identity.low, flags] {
            for shift in stride(from: UInt64(56), through: 0, by: -8) {
                bytes.append(UInt8(truncatingIfNeeded: word >> shift))
            }
        }
        bytes += line
        return bytes
    }

    /// What the line says.
    var record: ReceivedRecord {
        var record: ReceivedRecord?
        var ignored: [[UInt8]: Int] = [:]
        _ = try? IngestReader().read(line, format: .json, ignoredKeys: &ignored) { item, _ in
            guard case .record(let one) = item, record == nil, Fingerprint(one) == content else { return }
            record = one
        }
        guard let record else { preconditionFailure("a line was read before, when it was put into the spool") }
        return record
    }
}
