/// The search for the end of one JSON document, which goes on where it stopped when more input comes.
package struct DocumentEnd {
    /// How far the search has come.
    package var position: Int
    private var depth = 0
    private var isInString = false
    private var hasStarted = false

    /// - Parameter position: where the document begins.
    package init(position: Int) {
        self.position = position
    }

    /// Behind the first whole document, or behind a line that is none; nil when more input is needed.
    package mutating func next(in text: Span<UInt8>) -> Int? {
        var search = self
        let end = ByteText.with(text) { search.next(in: $0) }
        self = search
        return end
    }

    private mutating func next(in text: ByteText) -> Int? {
        while position < text.count {
            if isInString {
                passString(text)
                continue
            }
            let byte = text[position]
            position += 1
            switch byte {
            case UInt8(ascii: "\"") where depth > 0: isInString = true
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                hasStarted = true
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                depth -= 1
                if depth <= 0 { return position }
            case UInt8(ascii: "\n") where depth == 0 && hasStarted: return position
            default:
                if depth == 0, !isSpace(byte) { hasStarted = true }
            }
        }
        return nil
    }

    /// Passes over what is there of a string.
    private mutating func passString(_ text: ByteText) {
        guard let end = text.quoteOrBackslash(from: position) else {
            position = text.count
            return
        }
        if text[end] == UInt8(ascii: "\\") {
            // What is escaped may not be there yet.
            position = end + 2
        } else {
            position = end + 1
            isInString = false
        }
    }
}

/// Whether a byte is white space between documents.
package func isSpace(_ byte: UInt8) -> Bool {
    byte == 0x20 || (0x09...0x0d).contains(byte)
}
