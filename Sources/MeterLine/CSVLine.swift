/// A line of CSV (RFC 4180).
package enum CSVLine {
    /// The line, without its line break: whoever reads it gets the fields byte by byte.
    package static func text(_ fields: [String]) -> String {
        fields.map(quoted).joined(separator: ",")
    }

    /// A text for a cell that no spreadsheet takes for a formula: it gets an apostrophe when a formula could begin like it.
    ///
    /// So does a text that begins with an apostrophe, so that different texts stay different: a program gets the text back
    /// when it takes off one apostrophe from the beginning.
    package static func spreadsheetText(_ text: String) -> String {
        isSpecial(text) ? "'" + text : text
    }

    /// Whether a text begins as a formula does, with the wide forms that some spreadsheets take too, or with an apostrophe.
    private static func isSpecial(_ text: String) -> Bool {
        guard let first = text.unicodeScalars.first else { return false }
        return "'=+-@\t\r\n\u{ff1d}\u{ff0b}\u{ff0d}\u{ff20}".unicodeScalars.contains(first)
    }

    /// By bytes: to Swift a carriage return and a line feed are one character, and a quotation mark with an accent another.
    private static func quoted(_ field: String) -> String {
        let quote = UInt8(ascii: "\"")
        let special: [UInt8] = [quote, UInt8(ascii: ","), UInt8(ascii: "\r"), UInt8(ascii: "\n")]
        guard field.utf8.contains(where: { special.contains($0) }) else { return field }
        var bytes = [quote]
        for byte in field.utf8 {
            if byte == quote { bytes.append(quote) }
            bytes.append(byte)
        }
        bytes.append(quote)
        return String(decoding: bytes, as: UTF8.self)
    }
}
