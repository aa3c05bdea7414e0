/// A text of rows that is read piece by piece: NDJSON, or CSV, whose pieces begin with the header line.
///
/// The text may still be growing: pieces hold whole rows alone.
package struct WholeRows {
    /// About how many bytes a piece has; a longer row is a piece of its own.
    private static let pieceBytes = 1 << 20

    private let text: [UInt8]
    private let format: IngestReader.Format
    private let header: Range<Int>

    /// Makes the rows of a text.
    ///
    /// - Returns: nil when the text isn't one of rows, or not even its first row is there: a JSON array, for example.
    package init?(_ text: [UInt8], _ format: IngestReader.Format) {
        self.text = text
        self.format = format
        switch format {
        case .csv:
            var rows = CSVRows(text)
            guard let header = rows.next() else { return nil }
            self.header = header.range
        case .json:
            header = 0..<0
            var start = text.starts(with: [0xef, 0xbb, 0xbf]) ? 3 : 0
            JSON.skipWhitespace(text.span, &start)
            let end = ByteText.with(text.span) { $0.lineFeed(from: start) } ?? text.count
            guard start < end, text[start] == UInt8(ascii: "{"), JSON.isDocument(text.span.extracting(start..<end))
            else { return nil }
        }
    }

    /// Where the piece from `start` on ends, which is where a row begins.
    ///
    /// - Returns: `start` when no whole row follows. An object in the last line of NDJSON is whole without a line break.
    package func end(from start: Int) -> Int {
        switch format {
        case .csv: csvEnd(from: start)
        case .json: jsonEnd(from: start)
        }
    }

    /// The rows of a piece as a text of their own.
    package func piece(_ range: Range<Int>) -> [UInt8] {
        if format == .json || range.lowerBound < header.upperBound { return Array(text[range]) }
        return Array(text[header] + [UInt8(ascii: "\n")] + text[range])
    }

    private func csvEnd(from start: Int) -> Int {
        var rows = CSVRows(text, from: start)
        var end = start
        while end - start < Self.pieceBytes, let next = rows.skipWhole() { end = next }
        return end
    }

    private func jsonEnd(from start: Int) -> Int {
        let lineFeed = UInt8(ascii: "\n")
        let limit = min(start + Self.pieceBytes, text.count)
        if limit == text.count, Self.isObject(text.span.extracting((lastLine(in: start..<limit) ?? start)..<limit)) {
            return limit
        }
        if let last = lastLine(in: start..<limit) { return last }
        return text[limit...].firstIndex(of: lineFeed).map { $0 + 1 }
            ?? (Self.isObject(text.span.extracting(start..<text.count)) ? text.count : start)
    }

    /// Where the last line of a range begins; nil without a line break.
    private func lastLine(in range: Range<Int>) -> Int? {
        text[range].lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 }
    }

    private static func isObject(_ bytes: Span<UInt8>) -> Bool {
        var start = 0
        JSON.skipWhitespace(bytes, &start)
        return start < bytes.count && bytes[start] == UInt8(ascii: "{") && JSON.isDocument(bytes)
    }
}
