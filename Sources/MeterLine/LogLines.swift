import Meter

/// Reads the lines of a log file, each of which is a log event of its own.
package struct LogLines: Sendable {
    private let messages: MessageReader
    private let names: EventNames

    /// - Parameter name: stands for the log group of the lines.
    package init(lineReader: LineReader, name: String) {
        messages = MessageReader(lineReader)
        names = EventNames(account: "", logGroup: name, logStream: "")
    }

    /// Where the first tag at or behind a position begins; nil when there is none.
    package func nextTag(_ text: Span<UInt8>, from start: Int) -> Int? {
        messages.lineReader.scanner.next(text, from: start)?.range.lowerBound
    }

    /// How many lines there are that say something; a carriage return at the end of a line says nothing.
    ///
    /// - Parameter range: begins at the beginning of a line and ends behind a line feed, or is empty.
    package static func count(_ text: Span<UInt8>, _ range: Range<Int>) -> Int {
        ByteText.with(text) { $0.linesWithText(range) }
    }

    /// Where the line ends that a position is in: its line feed, or the end of the text.
    package static func end(_ text: Span<UInt8>, from start: Int) -> Int {
        ByteText.with(text) { $0.lineFeed(from: start) ?? $0.count }
    }

    /// Reads one line and hands on what it finds.
    package func read(
        _ line: Span<UInt8>, id: String, timestamp: Int64?, accounting: inout Accounting,
        _ body: (Finding) throws -> Void
    ) rethrows {
        let origin = names.origin(eventId: id, timestamp: timestamp)
        for finding in messages.lineReader.read(line, of: origin, accounting: &accounting) { try body(finding) }
    }

    /// Whether a line is read the quick way: for tests, which want to know that they try it.
    package func isReadQuickly(_ line: Span<UInt8>) -> Bool {
        var lines = FoundLines(LineFormat(provenance: false))
        var accounting = Accounting()
        return ByteText.with(line) { text in
            let event = QuickEvent(text: text, idText: text, id: 0..<0, timestamp: RecordLimits.earliestTimeInMillis)
            return messages.readQuickly(event, names, accounting: &accounting, into: &lines)
        }
    }

    /// Reads one line and writes what it finds as lines.
    package func read(
        _ line: Span<UInt8>, id: String, timestamp: Int64?, accounting: inout Accounting, into lines: inout FoundLines
    ) {
        let isRead = ByteText.with(line) { text in
            ByteText.with(Array(id.utf8).span) { id in
                messages.readQuickly(
                    QuickEvent(text: text, idText: id, id: 0..<id.count, timestamp: timestamp), names,
                    accounting: &accounting, into: &lines)
            }
        }
        if isRead { return }
        read(line, id: id, timestamp: timestamp, accounting: &accounting) { lines.append($0) }
    }
}

extension MessageReader {
    /// Reads a text that is a message itself, if it can be read the quick way.
    fileprivate func readQuickly(
        _ event: QuickEvent, _ names: EventNames, accounting: inout Accounting, into lines: inout FoundLines
    ) -> Bool {
        let range = 0..<event.text.count
        var tags = NextTag()
        let message = QuickReader.Message(range: range, isEscaped: false, timestamp: event.timestamp)
        var record = QuickRecord()
        guard let tag = tags.first(in: range, of: event.text, lineReader.scanner),
            let end = quickReader.read(event.text, tag: tag.range, of: message, into: &record),
            tags.first(in: end..<event.text.count, of: event.text, lineReader.scanner) == nil
        else { return false }
        accounting.countQuickRecord()
        lines.append(record, of: event, names)
        return true
    }
}

extension ByteText {
    /// The first line feed at or behind a position.
    func lineFeed(from start: Int) -> Int? {
        first(.equal(UInt8(ascii: "\n")), from: start)
    }

    fileprivate func linesWithText(_ range: Range<Int>) -> Int {
        let text = part(range)
        var lines = 0
        // Before the first line there is as good as a line feed.
        var feedsBefore = UInt64.max
        for position in stride(from: 0, to: text.count, by: Self.blockBytes) {
            let feeds = text.mask(.equal(UInt8(ascii: "\n")), at: position)
            if feeds != 0 {
                let returns = text.mask(.equal(UInt8(ascii: "\r")), at: position) &<< 1
                let returnBefore: UInt64 = position > 0 && text[position - 1] == UInt8(ascii: "\r") ? 1 : 0
                let empty =
                    (feeds &<< 1 | feedsBefore &>> 63)
                    | ((returns | returnBefore) & (feeds &<< 2 | feedsBefore &>> 62))
                lines += (feeds & ~empty).nonzeroBitCount
            }
            feedsBefore = feeds
        }
        return lines
    }

    /// The first quotation mark or backslash at or behind a position.
    func quoteOrBackslash(from start: Int) -> Int? {
        first(.equal(UInt8(ascii: "\"")), or: .equal(UInt8(ascii: "\\")), from: start)
    }
}
