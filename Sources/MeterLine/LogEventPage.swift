import Meter

/// Reads what `FilterLogEvents` of CloudWatch Logs answers, as the envelope reader reads what a subscription delivers:
/// the same log event gives the same findings.
package struct LogEventPage: Sendable {
    /// Why an answer is no page of log events.
    package struct Fault: Error, CustomStringConvertible {
        /// What is wrong, for people.
        package var description: String
    }

    private let messages: MessageReader
    private let account: String
    private let logGroup: String

    /// Makes a reader for the pages of one log group.
    ///
    /// - Parameter account: the account of the log group's ARN.
    package init(lineReader: LineReader, account: String, logGroup: String) {
        messages = MessageReader(lineReader)
        self.account = account
        self.logGroup = logGroup
    }

    /// Reads one page.
    ///
    /// - Parameters:
    ///   - page: the service's answer.
    ///   - accounting: the figures to add to.
    ///   - body: takes each finding, in the order of the page.
    /// - Returns: where the next page begins; nil at the end.
    /// - Throws: `Fault`; what was handed out until then is good, but there is more.
    package func read(
        _ page: Span<UInt8>, accounting: inout Accounting, _ body: (Finding) -> Void
    ) throws(Fault) -> String? {
        try withoutActuallyEscaping(body) { body throws(Fault) in
            var taker = FindingsByClosure(body: body)
            return try read(page, accounting: &accounting, to: &taker)
        }
    }

    /// Reads as the other function does, and writes what it finds as lines.
    ///
    /// - Parameter lines: takes the lines.
    package func read(
        _ page: Span<UInt8>, accounting: inout Accounting, into lines: inout FoundLines
    ) throws(Fault) -> String? {
        var taker = FindingsAsLines(lines: lines) { _ in }
        lines = FoundLines(lines.format)
        defer { lines = taker.lines }
        return try read(page, accounting: &accounting, to: &taker)
    }

    private func read(
        _ page: Span<UInt8>, accounting: inout Accounting, to taker: inout some FindingTaker
    ) throws(Fault) -> String? {
        var quick = QuickPage(messages, account: account, logGroup: logGroup)
        return try events(of: page) { bytes, position throws(LooseJSON.Fault) in
            if let end = quick.read(bytes, at: position, accounting: &accounting, to: &taker) {
                position = end
            } else {
                try read(bytes, &position, &accounting, to: &taker)
            }
        }
    }

    /// Reads the messages of one page, for those who want to see what was logged.
    ///
    /// - Parameter body: takes each log event that has an id and a message.
    /// - Returns: where the next page begins; nil at the end.
    /// - Throws: `Fault`; what was handed out until then is good, but there is more.
    package func readMessages(
        _ page: Span<UInt8>, _ body: (EventOrigin, [UInt8]) -> Void
    ) throws(Fault) -> String? {
        try events(of: page) { page, position throws(LooseJSON.Fault) in
            let start = position
            var event: Event?
            do throws(LooseJSON.Fault) { event = try Self.event(page, &position) } catch { event = nil }
            guard let event, let id = event.id, let message = event.message else {
                position = start
                return try LooseJSON.skip(page, &position)
            }
            let text =
                message.hasEscapes
                ? LooseJSON.decoded(message.range, in: page) : bytes(of: page.extracting(message.range))
            body(origin(of: event, id: id, in: page), text)
        }
    }

    private func events(
        of page: Span<UInt8>,
        _ body: (Span<UInt8>, inout Int) throws(LooseJSON.Fault) -> Void
    ) throws(Fault) -> String? {
        var token: String?
        var position = 0
        JSON.skipWhitespace(page, &position)
        do throws(LooseJSON.Fault) {
            try LooseJSON.members(page, &position) { name, bytes, position throws(LooseJSON.Fault) in
                if LooseJSON.isName(name, "events", in: bytes) {
                    try LooseJSON.elements(bytes, &position, body)
                } else if LooseJSON.isName(name, "nextToken", in: bytes), bytes[position] == UInt8(ascii: "\"") {
                    token = try LooseJSON.text(bytes, &position)
                } else {
                    try LooseJSON.skip(bytes, &position)
                }
            }
        } catch {
            throw Fault(
                description: "the page of log events is no JSON object, or is cut off, at byte \(error.position)")
        }
        return token
    }

    /// Where the parts of one event stand.
    private struct Event {
        var stream: Range<Int>?
        var id: String?
        var timestamp: Int64?
        var ingestionTime: Int64?
        var message: JSON.StringToken?
    }

    /// Reads an event by all the rules.
    private func read(
        _ page: Span<UInt8>, _ position: inout Int, _ accounting: inout Accounting, to taker: inout some FindingTaker
    ) throws(LooseJSON.Fault) {
        let start = position
        var event: Event?
        do throws(LooseJSON.Fault) { event = try Self.event(page, &position) } catch { event = nil }
        guard let event, let id = event.id, let message = event.message else {
            position = start
            try LooseJSON.skip(page, &position)
            return taker.take(undecodable(page.extracting(start..<position), &accounting))
        }
        messages.read(message, in: page, accounting: &accounting, to: &taker) { origin(of: event, id: id, in: page) }
    }

    private func origin(of event: Event, id: String, in page: Span<UInt8>) -> EventOrigin {
        EventOrigin(
            account: account, logGroup: logGroup,
            logStream: event.stream.map { String(decoding: LooseJSON.decoded($0, in: page), as: UTF8.self) } ?? "",
            eventId: id, timestamp: event.timestamp, ingestionTime: event.ingestionTime)
    }

    private static func event(_ bytes: Span<UInt8>, _ position: inout Int) throws(LooseJSON.Fault) -> Event {
        var event = Event()
        try LooseJSON.members(bytes, &position) { name, bytes, position throws(LooseJSON.Fault) in
            if LooseJSON.isName(name, "message", in: bytes) {
                event.message = try LooseJSON.string(bytes, &position)
            } else if LooseJSON.isName(name, "timestamp", in: bytes) {
                event.timestamp = RecordLimits.timeInMillis(Int64(try LooseJSON.text(bytes, &position)))
            } else if LooseJSON.isName(name, "ingestionTime", in: bytes) {
                event.ingestionTime = RecordLimits.timeInMillis(Int64(try LooseJSON.text(bytes, &position)))
            } else if LooseJSON.isName(name, "eventId", in: bytes) {
                let id = try LooseJSON.text(bytes, &position)
                event.id = id.isEmpty ? nil : id
            } else if LooseJSON.isName(name, "logStreamName", in: bytes) {
                event.stream = try LooseJSON.string(bytes, &position).range
            } else {
                try LooseJSON.skip(bytes, &position)
            }
        }
        return event
    }

    private func undecodable(_ content: Span<UInt8>, _ accounting: inout Accounting) -> Finding {
        accounting.events += 1
        accounting.rejects[.undecodable, default: 0] += 1
        let origin = EventOrigin(account: account, logGroup: logGroup, logStream: "", eventId: "", timestamp: nil)
        return .reject(
            Reject(
                reason: .undecodable, detail: "the log event has no id or no message", tag: nil, ordinal: 0,
                source: .event(origin), timestamp: nil, content: bytes(of: content)))
    }
}
