import ArgumentParser
import FilterPattern
import FoundationEssentials
import MeterLine

/// Which lines a filter pattern hands on, beside what the agent reads in them.
struct Explanation {
    private let pattern: FilterPattern
    private let reader: LineReader

    /// - Parameter text: a pattern in place of the one that is made of the tags.
    init(tags: [String], _ text: String?) throws {
        do throws(FilterPatternError) { pattern = try FilterPattern(text ?? FilterPattern.text(ofAny: tags)) } catch {
            throw Failure(message: error.description, code: ExitCode(64))
        }
        reader = try LineReader(tags: tags)
    }

    /// Shows the lines of a file, of stdin (`-`), or one line that is given itself; whether no record is left behind.
    func show(_ given: String?) throws -> Bool {
        let given = given ?? "-"
        let isFile = given == "-" || FileManager.default.fileExists(atPath: given)
        let bytes = isFile ? try InputFile.read(given) : Array(given.utf8)
        var (total, taken, lost, unsure) = (0, 0, 0, 0)
        Terminal.output("  pattern  \(pattern.text)")
        for line in bytes.split(separator: UInt8(ascii: "\n")) {
            let found = found(in: Array(line))
            let text = String(decoding: line, as: UTF8.self)
            let isTaken = pattern.matches(text)
            let isUnsure = isTaken && found.values > 0 && !pattern.matchesWholeWords(text)
            total += 1
            taken += isTaken ? 1 : 0
            lost += isTaken ? 0 : found.values
            unsure += isUnsure ? found.values : 0
            let sign = isUnsure ? "?" : isTaken ? "+" : found.values > 0 ? "!" : " "
            Terminal.output(Table.printable("\(sign) \(found.text)  \(text)"))
        }
        Terminal.output("\(Display.count(taken)) of \(Display.count(total)) lines are handed on.")
        if lost > 0 {
            Terminal.error(
                "metertap: this pattern leaves out the lines marked !, with \(Self.values(lost)) in them. Use the pattern "
                    + "that metertap attach makes of the tags.")
        }
        if unsure > 0 {
            Terminal.error(
                "metertap: in the lines marked ? a tag is part of a longer word, as after a colour code, with "
                    + "\(Self.values(unsure)). AWS documents terms as whole words, so this pattern may miss these lines. Use "
                    + "the pattern that metertap attach makes of the tags.")
        }
        return lost == 0 && unsure == 0
    }

    private static func values(_ count: Int) -> String {
        "\(Display.count(count)) \(count == 1 ? "record or reject" : "records or rejects")"
    }

    private func found(in line: [UInt8]) -> (values: Int, text: String) {
        var accounting = Accounting()
        let origin = EventOrigin(account: "", logGroup: "", logStream: "", eventId: "", timestamp: 0)
        _ = reader.read(line.span, of: origin, accounting: &accounting)
        let parts = [
            (accounting.records, "record"), (accounting.rejected, "reject"), (accounting.mentions, "mention"),
        ]
        let told = parts.filter { $0.0 > 0 }.map { "\($0.0) \($0.1)\($0.0 == 1 ? "" : "s")" }
        return (
            accounting.records + accounting.rejected, told.isEmpty ? "nothing" : told.joined(separator: ", ")
        )
    }
}
