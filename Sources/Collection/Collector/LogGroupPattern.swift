/// Which log groups a connection reads: a name, or a pattern in which `*` stands for any text and `?` for one character.
public struct LogGroupPattern: Sendable, CustomStringConvertible {
    /// The name or pattern as it was written.
    public let description: String
    /// What every name that matches begins with.
    let prefix: String
    private let bytes: [UInt8]

    /// Takes a name or a pattern.
    public init(_ text: String) {
        description = text
        bytes = Array(text.utf8)
        prefix = String(text.prefix { $0 != "*" && $0 != "?" })
    }

    /// Whether it is a name, which only one log group can have.
    var isName: Bool { prefix.utf8.count == bytes.count }

    /// Whether a log group's name matches.
    public func matches(_ name: String) -> Bool {
        let name = Array(name.utf8)
        var (at, position) = (0, 0)
        // Where the last star stands, and up to where it reaches so far.
        var star: (at: Int, position: Int)?
        while position < name.count {
            if at < bytes.count, bytes[at] == UInt8(ascii: "*") {
                star = (at, position)
                at += 1
            } else if at < bytes.count, bytes[at] == UInt8(ascii: "?") || bytes[at] == name[position] {
                (at, position) = (at + 1, position + 1)
            } else if let last = star {
                star = (last.at, last.position + 1)
                (at, position) = (last.at + 1, last.position + 1)
            } else {
                return false
            }
        }
        return bytes[at...].allSatisfy { $0 == UInt8(ascii: "*") }
    }
}
