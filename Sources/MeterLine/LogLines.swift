import Meter

/// Reads the lines of a log file, each of which is a log event of its own.
package struct LogLines: ~Copyable {
    private let messages: MessageReader
    private let names: EventNames
    private var record = QuickRecord()

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
    package mutating func isReadQuickly(_ line: Span<UInt8>) -> Bool {
        ByteText.with(line) { readQuickly($0, timestamp: RecordLimits.earliestTimeInMillis) }
    }

    /// Reads one line and writes what it finds as lines.
    ///
    /// - Parameter id: gives the log event's id; it is asked for only where something depends on it.
    package mutating func read(
        _ line: Span<UInt8>, timestamp: Int64?, accounting: inout Accounting, into lines: inout FoundLines,
        id: () throws -> String
    ) rethrows {
        guard ByteText.with(line, { readQuickly($0, timestamp: timestamp) }) else {
            return read(line, id: try id(), timestamp: timestamp, accounting: &accounting) { lines.append($0) }
        }
        let id = lines.format.tellsEvents || record.ownId.isMissing ? Array(try id().utf8) : []
        accounting.countQuickRecord()
        ByteText.with(line) { text in
            ByteText.with(id.span) { idText in
                let event = QuickEvent(text: text, idText: idText, id: 0..<id.count, timestamp: timestamp)
                lines.append(record, of: event, names)
            }
        }
    }

    /// Reads a text that is a message itself, if it can be read the quick way.
    private mutating func readQuickly(_ text: ByteText, timestamp: Int64?) -> Bool {
        var tags = NextTag()
        let message = QuickReader.Message(range: 0..<text.count, isEscaped: false, timestamp: timestamp)
        let scanner = messages.lineReader.scanner
        return messages.quickReader.read(message, of: text, &tags, scanner, into: &record) == .record
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
