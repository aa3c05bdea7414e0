import ArgumentParser
import FoundationEssentials
import MeterLine

/// What several commands show alike.
enum Describe {
    /// An object's members, one a line.
    static func show(_ object: JSONTree) {
        guard case .object(let members) = object else { return Terminal.output(object.text) }
        let width = members.map(\.name.count).max() ?? 0
        for member in members {
            let value =
                member.name.hasSuffix("Time") || member.name.hasSuffix("InMillis")
                ? time(member.value) : member.value.text
            let space = String(repeating: " ", count: width - member.name.count)
            Terminal.output("\(member.name)\(space)  \(Table.printable(value))")
        }
    }

    /// Milliseconds since 1970 as people read them.
    static func time(_ value: JSONTree?) -> String {
        guard let milliseconds = value.flatMap({ Int64($0.text) }) else { return "never" }
        return CommandTime.text(milliseconds)
    }
}

/// A question on the terminal.
enum Question {
    /// Whether somebody says yes; nobody does where no terminal is.
    static func ask(_ text: String) -> Bool {
        guard Terminal.isInteractive else { return false }
        Terminal.error("\(text) [y/N]")
        return ["y", "yes"].contains(readLine()?.lowercased() ?? "")
    }
}

/// A file that is read whole.
enum InputFile {
    static func read(_ path: String) throws -> [UInt8] {
        do {
            let data = path == "-" ? try readToEnd() : Array(try Data(contentsOf: URL(filePath: path)))
            return data
        } catch {
            throw Failure(message: "\(path) cannot be read", code: .inputOutput)
        }
    }

    private static func readToEnd() throws -> [UInt8] {
        var bytes: [UInt8] = []
        while let line = readLine(strippingNewline: false) { bytes.append(contentsOf: line.utf8) }
        return bytes
    }
}
