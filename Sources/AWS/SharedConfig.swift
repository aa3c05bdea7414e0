/// The profiles of the files that the AWS CLI keeps, `~/.aws/config` and `~/.aws/credentials`.
///
/// https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
struct SharedConfig: Sendable {
    /// Settings by profile name and by lower-case key.
    private(set) var profiles: [String: [String: String]] = [:]

    /// Reads both files; what the credentials file says goes before what the config file says.
    init(config: [UInt8]?, credentials: [UInt8]?) {
        for (section, settings) in Self.sections(config ?? []) {
            guard section == "default" || section.hasPrefix("profile ") else { continue }
            let name = section == "default" ? section : Self.unquoted(section.dropFirst("profile ".count))
            profiles[name, default: [:]].merge(settings) { $1 }
        }
        for (section, settings) in Self.sections(credentials ?? []) {
            profiles[section, default: [:]].merge(settings) { $1 }
        }
    }

    private static func sections(_ bytes: [UInt8]) -> [(String, [String: String])] {
        var sections: [(name: String, settings: [String: String])] = []
        for line in String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline) {
            // An indented line belongs to a nested setting, such as `s3 =`; we need none of those.
            guard let first = line.first, !first.isWhitespace, first != "#", first != ";" else { continue }
            if first == "[" {
                guard let end = line.firstIndex(of: "]") else { continue }
                let words = line[line.index(after: line.startIndex)..<end].split(whereSeparator: \.isWhitespace)
                sections.append((words.joined(separator: " "), [:]))
            } else if let equals = line.firstIndex(of: "="), !sections.isEmpty {
                let key = trimmed(line[..<equals]).lowercased()
                sections[sections.count - 1].settings[key] = value(line[line.index(after: equals)...])
            }
        }
        return sections.map { ($0.name, $0.settings) }
    }

    /// A value without the comment that a space and `#` or `;` begin.
    private static func value(_ text: Substring) -> String {
        var previous: Character = " "
        for index in text.indices {
            if previous.isWhitespace, text[index] == "#" || text[index] == ";" { return trimmed(text[..<index]) }
            previous = text[index]
        }
        return trimmed(text)
    }

    private static func unquoted(_ text: Substring) -> String {
        let text = trimmed(text)
        guard text.count >= 2, let first = text.first, first == "\"" || first == "'", text.last == first else {
            return text
        }
        return String(text.dropFirst().dropLast())
    }

    static func trimmed(_ text: Substring) -> String {
        guard let start = text.firstIndex(where: { !$0.isWhitespace }),
            let end = text.lastIndex(where: { !$0.isWhitespace })
        else { return "" }
        return String(text[start...end])
    }
}
