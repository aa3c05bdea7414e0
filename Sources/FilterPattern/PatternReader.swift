/// A place in the text of a pattern, and what all forms of patterns read alike.
struct PatternReader {
    /// The most regular expressions that one pattern may hold.
    static let maximumRegularExpressions = 2

    let characters: [Unicode.Scalar]
    var position = 0
    /// How many regular expressions were read.
    private(set) var regularExpressions = 0

    init(_ text: String) {
        characters = Array(text.unicodeScalars)
    }

    /// The character at the place; nil at the end.
    var next: Unicode.Scalar? { position < characters.count ? characters[position] : nil }

    static func isWhitespace(_ character: Unicode.Scalar) -> Bool {
        character == " " || character == "\t" || character == "\n" || character == "\r"
    }

    /// Letters, digits and the underscore, of ASCII alone.
    static func isWord(_ character: Unicode.Scalar) -> Bool {
        switch character {
        case "a"..."z", "A"..."Z", "0"..."9", "_": true
        default: false
        }
    }

    mutating func skipWhitespace() {
        while let character = next, Self.isWhitespace(character) { position += 1 }
    }

    /// Goes behind these characters, if they stand here.
    mutating func take(_ word: String) -> Bool {
        let word = Array(word.unicodeScalars)
        guard characters[position...].starts(with: word) else { return false }
        position += word.count
        return true
    }

    /// The longest run of characters of a kind.
    mutating func run(while isWanted: (Unicode.Scalar) -> Bool) -> [Unicode.Scalar] {
        let start = position
        while let character = next, isWanted(character) { position += 1 }
        return Array(characters[start..<position])
    }

    /// Nothing but white space may be left.
    mutating func finish(_ remedy: String) throws(FilterPatternError) {
        skipWhitespace()
        guard next == nil else { throw error("goes on with \(shown(position))", remedy: remedy) }
    }

    /// What stands in quotation marks; `\"` and `\\` are a mark and a backslash.
    mutating func quoted() throws(FilterPatternError) -> [Unicode.Scalar] {
        let start = position
        position += 1
        var text: [Unicode.Scalar] = []
        while let character = next {
            position += 1
            if character == "\"" { return text }
            if character == "\\", let escaped = next, escaped == "\"" || escaped == "\\" {
                position += 1
                text.append(escaped)
            } else {
                text.append(character)
            }
        }
        throw error(
            "has a quotation mark that is never closed", at: start,
            remedy: "Close it; a quotation mark within the text is written \\\".")
    }

    /// What stands between percent signs.
    mutating func regularExpression() throws(FilterPatternError) -> RegularExpression {
        let start = position
        position += 1
        let first = position
        while let character = next, character != "%" { position += 1 }
        guard next != nil else {
            throw error(
                "has a regular expression that is never closed", at: start,
                remedy: "Put a percent sign at both ends: %…%.")
        }
        regularExpressions += 1
        guard regularExpressions <= Self.maximumRegularExpressions else {
            throw error(
                "holds more than \(Self.maximumRegularExpressions) regular expressions", at: start,
                remedy: "CloudWatch Logs takes two in one pattern; join some with |, or use a second filter.")
        }
        let expression = try RegularExpression(characters[first..<position])
        position += 1
        return expression
    }

    /// A character as an error shows it.
    func shown(_ position: Int) -> String {
        guard position < characters.count else { return "its end" }
        let character = characters[position]
        return character.value < 0x20 || character.value == 0x7f ? "a control character" : "\"\(character)\""
    }

    func error(_ problem: String, at position: Int? = nil, remedy: String) -> FilterPatternError {
        FilterPatternError(position: position ?? self.position, problem: problem, remedy: remedy)
    }
}
