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
