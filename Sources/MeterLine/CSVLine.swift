/// A line of CSV (RFC 4180).
package enum CSVLine {
    /// The line, without its line break; a text that a spreadsheet would take for a formula gets an apostrophe.
    package static func text(_ fields: [String]) -> String {
        fields.map(quoted).joined(separator: ",")
    }

    private static func quoted(_ field: String) -> String {
        // A spreadsheet would take such a text for a formula.
        let isFormula = field.first.map { "=+@\t\r".contains($0) || ($0 == "-" && Double(field) == nil) } ?? false
        let text = isFormula ? "'" + field : field
        guard text.contains(where: { ",\"\n\r".contains($0) }) else { return text }
        return "\"" + text.split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"") + "\""
    }
}
