import Meter

/// Takes what is found.
protocol FindingTaker {
    mutating func take(_ finding: Finding)
    /// Takes a record that was read the quick way.
    mutating func take(_ record: borrowing QuickRecord, of event: QuickEvent, _ names: EventNames)
}

/// Hands each finding to a closure.
struct FindingsByClosure: FindingTaker {
    let body: (Finding) -> Void

    mutating func take(_ finding: Finding) { body(finding) }

    mutating func take(_ record: borrowing QuickRecord, of event: QuickEvent, _ names: EventNames) {
        body(.record(FoundRecord(record, of: event, names)))
    }
}

/// Writes findings as lines.
struct FindingsAsLines: FindingTaker {
    var lines: FoundLines
    let whenGrown: (inout FoundLines) -> Void

    mutating func take(_ finding: Finding) {
        lines.append(finding)
        whenGrown(&lines)
    }

    mutating func take(_ record: borrowing QuickRecord, of event: QuickEvent, _ names: EventNames) {
        lines.append(record, of: event, names)
        whenGrown(&lines)
    }
}

/// Reads the messages of log events: the quick way where it can, else with `LineReader`.
struct MessageReader: Sendable {
    let lineReader: LineReader
    let quickReader = QuickReader()

    init(_ lineReader: LineReader) {
        self.lineReader = lineReader
    }

    /// Reads the message of an indexed log event if it holds no tag or can be read the quick way; false when not.
    ///
    /// - Parameter record: memory for the record.
    func readQuickly(
        _ entry: EventIndex.Entry, _ text: ByteText, _ names: EventNames, _ tags: inout NextTag,
        _ record: inout QuickRecord, accounting: inout Accounting, to taker: inout some FindingTaker
    ) -> Bool {
        guard entry.shape == .plain else { return false }
        let message = QuickReader.Message(range: entry.message, isEscaped: true, timestamp: entry.timestamp)
        switch quickReader.read(message, of: text, &tags, lineReader.scanner, into: &record) {
        case .untagged: accounting.events += 1
        case .record:
            accounting.countQuickRecord()
            let event = QuickEvent(text: text, idText: text, id: entry.id, timestamp: entry.timestamp)
            taker.take(record, of: event, names)
        case .givenUp: return false
        }
        return true
    }

    /// Reads a message that stands in a text as the content of a JSON string, by all the rules.
    ///
    /// - Parameter origin: is asked for when there is something to find.
    func read(
        _ token: JSON.StringToken, in span: Span<UInt8>, accounting: inout Accounting,
        to taker: inout some FindingTaker, _ origin: () -> EventOrigin
    ) {
        let decoded = token.hasEscapes ? LooseJSON.decoded(token.range, in: span) : []
        let text = token.hasEscapes ? decoded.span : span.extracting(token.range)
        guard lineReader.mayHoldTag(text) else {
            accounting.events += 1
            return
        }
        for finding in lineReader.read(text, of: origin(), accounting: &accounting) { taker.take(finding) }
    }

    /// Reads a log event by all the rules.
    func read(
        _ event: Envelope.Event, _ text: Span<UInt8>, _ names: EventNames, accounting: inout Accounting,
        to taker: inout some FindingTaker
    ) {
        switch event {
        case .undecodable(let range):
            accounting.events += 1
            accounting.rejects[.undecodable, default: 0] += 1
            taker.take(
                .reject(
                    Reject(
                        reason: .undecodable, detail: "the log event has no id or no message", tag: nil, ordinal: 0,
                        source: .event(names.origin(eventId: "", timestamp: nil)), timestamp: nil,
                        content: bytes(of: text.extracting(range)))))
        case .decoded(let id, let timestamp, let message):
            read(message, in: text, accounting: &accounting, to: &taker) {
                names.origin(eventId: id, timestamp: timestamp)
            }
        }
    }
}

extension Accounting {
    /// Counts a log event with one record.
    mutating func countQuickRecord() {
        events += 1
        tagged += 1
        records += 1
    }
}
