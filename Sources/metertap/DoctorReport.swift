import Doctor
import FoundationEssentials

/// A diagnosis, for people and for programs.
enum DoctorReport {
    /// One object on one line.
    static func json(_ report: DiagnosisReport) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(report), as: UTF8.self)
    }

    static func print(_ report: DiagnosisReport) {
        for finding in report.findings { print(finding) }
        Terminal.output(summary(report))
    }

    private static func print(_ finding: Finding) {
        Terminal.output(
            Table.printable("\(finding.severity.rawValue.uppercased())  \(finding.check.rawValue)  \(finding.subject)"))
        let rows = [("", finding.finding), ("bill", finding.consequence), ("do", finding.remedy)]
        for (title, text) in rows + finding.evidence.map({ ("seen", $0) }) {
            for (index, line) in wrapped(Table.printable(text)).enumerated() {
                let title = index == 0 ? title : ""
                Terminal.output("  \(title)\(String(repeating: " ", count: 6 - title.count))\(line)")
            }
        }
        Terminal.output("")
    }

    private static func summary(_ report: DiagnosisReport) -> String {
        let looked = report.looked
        let place = report.account.isEmpty ? "" : " in \(report.region) of account \(report.account)"
        let things =
            "\(count(looked.logGroups, "log group")), \(count(looked.streams, "stream")) and "
            + "\(count(looked.functions, "agent")) looked at\(place)"
        let words: [(Finding.Severity, one: String, many: String)] = [
            (.loss, "loss", "losses"), (.risk, "risk", "risks"), (.unknown, "not looked at", "not looked at"),
            (.note, "note", "notes"),
        ]
        let counts = words.compactMap { severity, one, many -> String? in
            let count = report.findings.count { $0.severity == severity }
            return count == 0 ? nil : "\(Display.count(count)) \(count == 1 ? one : many)"
        }
        let outcome = counts.isEmpty ? "Nothing is wrong." : "Found: \(counts.joined(separator: ", "))."
        return "\(things) with \(looked.checks) checks. \(outcome)"
    }

    private static func count(_ number: Int, _ word: String) -> String {
        "\(Display.count(number)) \(word)\(number == 1 ? "" : "s")"
    }

    /// Lines of at most 100 characters, broken between words.
    private static func wrapped(_ text: String) -> [String] {
        var lines: [String] = []
        for word in text.split(separator: " ") {
            if let last = lines.last, last.count + word.count < 100 {
                lines[lines.count - 1] += " \(word)"
            } else {
                lines.append(String(word))
            }
        }
        return lines
    }
}
