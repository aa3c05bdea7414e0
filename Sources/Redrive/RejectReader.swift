import Meter
package import MeterLine

/// Reads rejects again, as the settings of now say: what is a record by now, and what is still none.
///
/// The rejects of one message come one behind the other, and the first of them holds the whole message.
package struct RejectReader {
    /// What a reject is by now.
    package enum Answer {
        /// Still a reject.
        case remains(Reject)
        /// Something else: what was found, which may hold other rejects.
        case found([Finding])
        /// A copy of a record that its message holds: what a logger wrote twice counts once, and a template not at all.
        case repeated
    }

    private struct Message {
        var key: [String]
        var content: [UInt8]
        var findings: [Int: Finding]
        var hasCopies: Bool
        /// Whether one of its rejects remains: the first to remain holds the whole message again.
        var remains = false
    }

    private let lineReader: LineReader
    private var message: Message?

    package init(lineReader: LineReader) {
        self.lineReader = lineReader
    }

    /// Reads the next reject.
    package mutating func read(_ reject: Reject) -> Answer {
        guard case .event(let origin) = reject.source else { return envelope(reject) }
        if reject.reason == .refusedBySink {
            return record(in: reject, of: origin).map { .found([.record($0)]) } ?? .remains(reject)
        }
        // Without a tag it is a log event that cannot be read; the place among values means nothing with other tags.
        guard let tag = reject.tag, lineReader.mayHoldTag(Array(tag.utf8).span) else { return .remains(reject) }
        var current = whole(of: origin, reject)
        defer { message = current }
        switch current.findings[reject.ordinal] {
        case .record(let found)?: return .found([.record(found)])
        case nil where current.hasCopies: return .repeated
        case .reject?, nil:
            var kept = reject
            if !current.remains { kept.content = current.content }
            current.remains = true
            return .remains(kept)
        }
    }

    private func whole(of origin: EventOrigin, _ reject: Reject) -> Message {
        let key = [origin.account, origin.logGroup, origin.logStream, origin.eventId]
        if let message, zip(message.key, key).allSatisfy({ $0.utf8.elementsEqual($1.utf8) }) { return message }
        var accounting = Accounting()
        let findings = lineReader.read(reject.content.span, of: origin, accounting: &accounting)
        return Message(
            key: key, content: reject.content,
            findings: Dictionary(findings.map { ($0.ordinal, $0) }, uniquingKeysWith: { first, _ in first }),
            hasCopies: accounting.repeatedInMessage + accounting.unreadableCopies > 0)
    }

    /// What is in data that was no readable envelope.
    private func envelope(_ reject: Reject) -> Answer {
        var findings: [Finding] = []
        var accounting = Accounting()
        var reader = EnvelopeReader(lineReader: lineReader)
        reader.read(reject.content.span, source: reject.source, accounting: &accounting) { findings.append($0) }
        return findings.contains { $0.isOfWholeData } ? .remains(reject) : .found(findings)
    }

    /// The record that a sink refused.
    private func record(in reject: Reject, of origin: EventOrigin) -> FoundRecord? {
        var received: ReceivedRecord?
        var ignored: [[UInt8]: Int] = [:]
        _ = try? IngestReader().read(reject.content, format: .json, ignoredKeys: &ignored) { item, _ in
            if case .record(let record) = item { received = record }
        }
        guard let received, let id = received.uniqueId else { return nil }
        let record = Record(
            uniqueId: id, meterApiName: received.meterApiName, meterValue: received.meterValue,
            meterTimeInMillis: received.meterTimeInMillis,
            customerId: received.customerId.isEmpty ? nil : received.customerId, dimensions: received.dimensions)
        return FoundRecord(
            record: record, origin: origin, ordinal: reject.ordinal,
            timeDerived: received.source?.timeDerived ?? false,
            idDerived: id == Identity.uniqueId(of: origin, ordinal: reject.ordinal))
    }
}

extension Finding {
    fileprivate var ordinal: Int {
        switch self {
        case .record(let found): found.ordinal
        case .reject(let reject): reject.ordinal
        }
    }

    /// Whether it says that nothing of an envelope can be read.
    fileprivate var isOfWholeData: Bool {
        guard case .reject(let reject) = self, case .event = reject.source else {
            if case .reject = self { return true }
            return false
        }
        return false
    }
}
