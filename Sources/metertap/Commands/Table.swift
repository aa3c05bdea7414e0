/// Rows whose columns line up.
struct Table {
    /// How a column stands.
    enum Alignment {
        case left
        case right
    }

    private let header: [String]
    private let alignments: [Alignment]
    private var rows: [[String]] = []

    /// Makes a table; a title that begins with `>` stands at the right, as its figures do.
    init(_ header: String...) {
        self.init(header)
    }

    init(_ header: [String]) {
        alignments = header.map { $0.hasPrefix(">") ? .right : .left }
        self.header = header.map { $0.hasPrefix(">") ? String($0.dropFirst()) : $0 }
    }

    mutating func add(_ row: [String]) {
        rows.append(row.map(Self.printable))
    }

    /// Prints the table, or a sentence where it has no rows.
    func print(orElse sentence: String) {
        guard !rows.isEmpty else { return Terminal.output(sentence) }
        for line in lines { Terminal.output(line) }
    }

    /// The header and the rows.
    var lines: [String] {
        let widths = header.indices.map { column in
            ([header] + rows).map { $0[column].count }.max() ?? 0
        }
        return ([header] + rows).map { line($0, widths) }
    }

    private func line(_ row: [String], _ widths: [Int]) -> String {
        let cells = row.indices.map { column in
            let space = String(repeating: " ", count: widths[column] - row[column].count)
            return alignments[column] == .right ? space + row[column] : row[column] + space
        }
        let line = cells.joined(separator: "  ")
        return String(line.reversed().drop { $0 == " " }.reversed())
    }

    /// Names come from outside: what would move a terminal's cursor is shown as a point.
    static func printable(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7f ? "·" : $0 }))
    }
}

/// A small picture of a series: one bar a value.
enum Sparkline {
    private static let bars = Array(" ▁▂▃▄▅▆▇█")

    static func text(_ values: [Double]) -> String {
        let top = values.max() ?? 0
        guard top > 0 else { return String(repeating: " ", count: values.count) }
        return String(
            values.map { value in
                value <= 0 ? bars[0] : bars[max(1, Int((value / top * Double(bars.count - 1)).rounded()))]
            })
    }
}
