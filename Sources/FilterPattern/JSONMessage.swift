/// A JSON value of a message, with its numbers as they are written.
///
/// A reader of its own, since the readers of meter records end at 16 levels, and a filter pattern looks at any log event.
indirect enum JSONMessage {
    case object([[Unicode.Scalar]: JSONMessage])
    case array([JSONMessage])
    case string([Unicode.Scalar])
    case number([Unicode.Scalar])
    case bool(Bool)
    case null

    /// How deep values may be nested; what is deeper is taken for no JSON.
    static let maximumDepth = 128

    /// Reads a message that is one JSON value, white space around it aside; nil when it is none.
    init?(_ message: String) {
        var reader = Reader(characters: Array(message.unicodeScalars))
        guard let value = reader.value(depth: 0) else { return nil }
        reader.skipWhitespace()
        guard reader.position == reader.characters.count else { return nil }
        self = value
    }

    private struct Reader {
        let characters: [Unicode.Scalar]
        var position = 0

        var next: Unicode.Scalar? { position < characters.count ? characters[position] : nil }

        mutating func skipWhitespace() {
            while let character = next, PatternReader.isWhitespace(character) { position += 1 }
        }

        private mutating func take(_ word: String) -> Bool {
            let word = Array(word.unicodeScalars)
            guard characters[position...].starts(with: word) else { return false }
            position += word.count
            return true
        }

        mutating func value(depth: Int) -> JSONMessage? {
            guard depth < JSONMessage.maximumDepth else { return nil }
            skipWhitespace()
            switch next {
            case "{": return object(depth: depth)
            case "[": return array(depth: depth)
            case "\"": return string().map { .string($0) }
            case "t": return take("true") ? .bool(true) : nil
            case "f": return take("false") ? .bool(false) : nil
            case "n": return take("null") ? .null : nil
            default: return number().map { .number($0) }
            }
        }

        private mutating func object(depth: Int) -> JSONMessage? {
            position += 1
            // Of several members of one name the last one counts.
            var members: [[Unicode.Scalar]: JSONMessage] = [:]
            skipWhitespace()
            if take("}") { return .object(members) }
            repeat {
                skipWhitespace()
                guard next == "\"", let name = string() else { return nil }
                skipWhitespace()
                guard take(":"), let value = value(depth: depth + 1) else { return nil }
                members[name] = value
                skipWhitespace()
            } while take(",")
            return take("}") ? .object(members) : nil
        }

        private mutating func array(depth: Int) -> JSONMessage? {
            position += 1
            var elements: [JSONMessage] = []
            skipWhitespace()
            if take("]") { return .array(elements) }
            repeat {
                guard let element = value(depth: depth + 1) else { return nil }
                elements.append(element)
                skipWhitespace()
            } while take(",")
            return take("]") ? .array(elements) : nil
        }

        private mutating func string() -> [Unicode.Scalar]? {
            position += 1
            var text: [Unicode.Scalar] = []
            while let character = next {
                position += 1
                switch character {
                case "\"": return text
                case "\\":
                    guard let escaped = escape() else { return nil }
                    text.append(escaped)
                case "\0"..<" ": return nil
                default: text.append(character)
                }
            }
            return nil
        }

        /// What an escape stands for; half of a pair of surrogates is the replacement character.
        private mutating func escape() -> Unicode.Scalar? {
            guard let character = next else { return nil }
            position += 1
            switch character {
            case "\"", "\\", "/": return character
            case "b": return "\u{8}"
            case "f": return "\u{c}"
            case "n": return "\n"
            case "r": return "\r"
            case "t": return "\t"
            case "u":
                guard let unit = unit() else { return nil }
                guard (0xd800...0xdbff).contains(unit), next == "\\" else { return Unicode.Scalar(unit) ?? "\u{fffd}" }
                let before = position
                if take("\\u"), let second = self.unit(), (0xdc00...0xdfff).contains(second) {
                    return Unicode.Scalar(0x10000 + (unit - 0xd800) << 10 + (second - 0xdc00))
                }
                position = before
                return "\u{fffd}"
            default: return nil
            }
        }

        private mutating func unit() -> UInt32? {
            let digits = characters[position...].prefix(4)
            let isHexadecimal = digits.allSatisfy { $0.properties.isASCIIHexDigit }
            guard digits.count == 4, isHexadecimal else { return nil }
            position += 4
            return UInt32(String(String.UnicodeScalarView(digits)), radix: 16)
        }

        private mutating func number() -> [Unicode.Scalar]? {
            let start = position
            _ = take("-")
            if !take("0") {
                guard digits() > 0 else { return nil }
            }
            if take(".") {
                guard digits() > 0 else { return nil }
            }
            if take("e") || take("E") {
                if !take("+") { _ = take("-") }
                guard digits() > 0 else { return nil }
            }
            return Array(characters[start..<position])
        }

        private mutating func digits() -> Int {
            let start = position
            while let character = next, ("0"..."9").contains(character) { position += 1 }
            return position - start
        }
    }
}
