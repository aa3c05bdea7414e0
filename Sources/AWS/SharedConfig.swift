/// The profiles of the files that the AWS CLI keeps, `~/.aws/config` and `~/.aws/credentials`.
///
/// https://docs.aws.amazon.com/sdkref/latest/guide/file-format.html
struct SharedConfig: Sendable {
    /// Settings by profile name and by lower-case key.
    private(set) var profiles: [String: [String: String]] = [:]
    /// The endpoints of `[services name]` sections, by the section's name and the service's, such as `secrets_manager`.
    private(set) var services: [String: [String: String]] = [:]

    /// Reads both files; what the credentials file says goes before what the config file says.
    init(config: [UInt8]?, credentials: [UInt8]?) {
        for (section, settings) in Self.sections(config ?? []) {
            if section.hasPrefix("services ") {
                let endpoints = settings.compactMap { key, url in
                    key.hasSuffix(Self.endpoint) ? (String(key.dropLast(Self.endpoint.count)), url) : nil
                }
                services[Self.unquoted(section.dropFirst("services ".count)), default: [:]].merge(endpoints) { $1 }
            }
            guard section == "default" || section.hasPrefix("profile ") else { continue }
            let name = section == "default" ? section : Self.unquoted(section.dropFirst("profile ".count))
            profiles[name, default: [:]].merge(settings) { $1 }
        }
        for (section, settings) in Self.sections(credentials ?? []) {
            profiles[section, default: [:]].merge(settings) { $1 }
        }
    }

    private static let endpoint = ".endpoint_url"

    /// The sections with their settings; one that is nested in another is named `outer.inner`.
    private static func sections(_ bytes: [UInt8]) -> [(String, [String: String])] {
        var sections: [(name: String, settings: [String: String])] = []
        var outer = ""
        for line in String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline) {
            guard let first = line.first, first != "#", first != ";" else { continue }
            if first.isWhitespace {
                // An indented line belongs to the setting before it, such as `s3 =`.
                guard let equals = line.firstIndex(of: "="), !sections.isEmpty else { continue }
                let key = "\(outer).\(trimmed(line[..<equals]).lowercased())"
                sections[sections.count - 1].settings[key] = value(line[line.index(after: equals)...])
            } else if first == "[" {
                guard let end = line.firstIndex(of: "]") else { continue }
                let words = line[line.index(after: line.startIndex)..<end].split(whereSeparator: \.isWhitespace)
                sections.append((words.joined(separator: " "), [:]))
            } else if let equals = line.firstIndex(of: "="), !sections.isEmpty {
                let key = trimmed(line[..<equals]).lowercased()
                sections[sections.count - 1].settings[key] = value(line[line.index(after: equals)...])
                outer = key
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
