import AWS
import HTTP
import MeterLine

/// How values are written for people.
enum Show {
    /// A text from outside as one word of a command, as a shell takes it.
    static func word(_ text: String) -> String {
        "'" + Self.text(text).replacing("'", with: "'\\''") + "'"
    }

    /// A text from outside: characters that are not seen, or that change the order of others, are named instead.
    static func text(_ text: String) -> String {
        guard text.unicodeScalars.contains(where: isInvisible) else { return text }
        var shown = ""
        for scalar in text.unicodeScalars {
            if isInvisible(scalar) {
                let code = String(scalar.value, radix: 16, uppercase: true)
                shown += "⟨U+" + String(repeating: "0", count: max(0, 4 - code.count)) + code + "⟩"
            } else {
                shown.unicodeScalars.append(scalar)
            }
        }
        return shown
    }

    /// A name that may be empty.
    static func name(_ name: String) -> String {
        name.isEmpty ? "(empty)" : text(name)
    }

    private static func isInvisible(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.properties.generalCategory {
        case .control, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: true
        // Joiners are parts of emoji and of scripts; all others of this kind steer the direction or are not seen.
        case .format: scalar.value != 0x200D && scalar.value != 0x200C
        default: false
        }
    }

    /// A whole number with its thousands apart.
    static func count(_ number: Int) -> String {
        self.number(String(number))
    }

    /// A number of bytes with a unit that makes it short.
    static func bytes(_ count: Int) -> String {
        var (value, units) = (count, ["B", "kB", "MB", "GB", "TB"][...])
        while value >= 10_000, units.count > 1 { (value, units) = (value / 1_000, units.dropFirst()) }
        return "\(self.count(value)) \(units.first ?? "")"
    }

    /// An exact number with its thousands apart; no digit is left out.
    static func number(_ exact: String) -> String {
        let isNegative = exact.hasPrefix("-")
        let parts = exact.drop { $0 == "-" }.split(separator: ".", maxSplits: 1)
        guard let whole = parts.first, whole.allSatisfy(\.isNumber) else { return exact }
        var grouped = ""
        for (index, digit) in whole.enumerated() {
            if index > 0, (whole.count - index) % 3 == 0 { grouped += "," }
            grouped.append(digit)
        }
        return (isNegative ? "−" : "") + grouped + (parts.count == 2 ? ".\(parts[1])" : "")
    }

    /// How long something took or was ago.
    static func duration(milliseconds: Int64) -> String {
        switch milliseconds {
        case ..<1_000: "\(max(0, milliseconds)) ms"
        case ..<60_000: "\(milliseconds / 1_000) s"
        case ..<3_600_000: "\(milliseconds / 60_000) min"
        case ..<172_800_000: "\(milliseconds / 3_600_000) h"
        default: "\(milliseconds / 86_400_000) days"
        }
    }

    /// A ratio that is only for the eye: shares and changes are rounded, figures never are.
    static func percent(_ ratio: Double) -> String {
        guard ratio.isFinite else { return "" }
        let tenths = (ratio * 1_000).rounded()
        guard abs(tenths) < 1e12 else { return "" }
        return abs(tenths) >= 1_000 ? "\(Int(tenths / 10)) %" : "\(tenths / 10) %"
    }

    /// A message of the API as a sentence.
    static func sentence(_ message: String) -> String {
        guard let first = message.first else { return message }
        // A name such as invalidValue keeps its letters.
        let isName = message.prefix { $0.isLetter }.contains { $0.isUppercase }
        let end = message.last.map { ".!?".contains($0) } ?? false
        return (isName ? String(first) : first.uppercased()) + text(String(message.dropFirst())) + (end ? "" : ".")
    }

    /// A text within HTML or SVG that no template writes.
    static func escaped(_ text: String) -> String {
        var escaped = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "&": escaped += "&amp;"
            case "\"": escaped += "&quot;"
            case "'": escaped += "&#39;"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }
}

/// A time as pages show it: in UTC, and by the script in the viewer's zone.
struct Time: Sendable {
    /// For machines.
    let iso: String
    /// For people, in UTC.
    let text: String

    init(_ milliseconds: Int64) {
        iso = Self.iso(milliseconds)
        let day = iso.prefix(10)
        let clock = iso.dropFirst(11).prefix(8)
        text = "\(day) \(clock) UTC"
    }

    /// RFC 3339 with milliseconds.
    static func iso(_ milliseconds: Int64) -> String {
        UnixTime(milliseconds: milliseconds).iso8601Milliseconds
    }

    /// The day in UTC, `2026-11-24`.
    static func day(_ milliseconds: Int64) -> String { String(iso(milliseconds).prefix(10)) }

    /// The start of a bucket, as short as it can be told.
    static func bucket(_ start: Int64, _ interval: String) -> String {
        let iso = iso(start)
        switch interval {
        case "month": return String(iso.prefix(7))
        case "day", "week": return String(iso.prefix(10))
        default: return "\(iso.prefix(10)) \(iso.dropFirst(11).prefix(5))"
        }
    }

    /// Reads a day, or a day and a time, of a form: both in UTC.
    static func milliseconds(_ text: String) -> Int64? {
        let rest =
            switch text.utf8.count {
            case 10: "T00:00:00Z"
            case 16: ":00Z"
            case 19: "Z"
            default: ""
            }
        let bytes = Array("\(text)\(rest)".utf8)
        return Timestamp.rfc3339(bytes.span)
    }
}

/// The address of a page with its parameters.
struct Link {
    let path: String
    private(set) var parameters: [(name: String, value: String)]

    init(_ path: String, _ parameters: [(String, String?)] = []) {
        self.path = Console.root + path
        self.parameters = parameters.compactMap { name, value in value.map { (name: name, value: $0) } }
    }

    /// The same with one parameter set, or without it.
    func with(_ name: String, _ value: String?) -> Link {
        var link = self
        link.parameters.removeAll { $0.name == name }
        if let value { link.parameters.append((name, value)) }
        return link
    }

    /// The same without one parameter of this value.
    func without(_ name: String, _ value: String) -> Link {
        var link = self
        link.parameters.removeAll { $0.name == name && isSame($0.value, value) }
        return link
    }

    /// The same with one parameter more.
    func adding(_ name: String, _ value: String) -> Link {
        var link = without(name, value)
        link.parameters.append((name, value))
        return link
    }

    /// As an attribute holds it, before it is escaped.
    var text: String {
        parameters.isEmpty ? path : "\(path)?\(PercentEncoding.query(parameters.map { ($0.name, $0.value) }))"
    }
}

/// A name and a value as people write them.
enum Pair {
    /// Splits at the first equals sign, whatever combines with it; nil without a name or a sign.
    static func split(_ text: String) -> (name: String, value: String)? {
        let scalars = text.unicodeScalars
        guard let sign = scalars.firstIndex(of: "="), sign > scalars.startIndex else { return nil }
        return (String(scalars[..<sign]), String(scalars[scalars.index(after: sign)...]))
    }
}

extension String {
    /// The text of a field that was filled in.
    var filled: String? { isEmpty ? nil : self }
}

/// A choice of a form's list.
struct Choice {
    let value: String
    let title: String
    let isChosen: Bool
}
