/// A regular expression in the syntax that CloudWatch Logs supports, found in time that grows with the message alone.
///
/// There are no groups, so that an expression is a choice of branches, and a branch a row of steps. All places in a branch
/// that are reached so far go over the message together; nothing is tried twice.
struct RegularExpression: Sendable {
    /// The most that a step may be repeated.
    static let maximumRepetitions = 1_000
    private static let symbols = Set(":_#=@/;,-".unicodeScalars)
    private static let operators = Set("^$?[]{}|\\*+.".unicodeScalars)

    /// Whether a character stands for itself, without a backslash.
    static func isPlain(_ character: Unicode.Scalar) -> Bool {
        PatternReader.isWord(character) || symbols.contains(character) || character == " "
    }

    /// Whether a backslash makes a character stand for itself.
    static func isOperator(_ character: Unicode.Scalar) -> Bool { operators.contains(character) }

    private enum Step: Sendable {
        case one(CharacterSet)
        case zeroOrOne(CharacterSet)
        case zeroOrMore(CharacterSet)
        case start
        case end
    }

    private let branches: [[Step]]

    /// Reads what stands between the percent signs; the slice's indices are those of the pattern.
    init(_ characters: ArraySlice<Unicode.Scalar>) throws(FilterPatternError) {
        var parser = Parser(characters: characters, position: characters.startIndex)
        branches = try parser.branches()
    }

    /// Whether some part of a text fits.
    func isFound(in text: [Unicode.Scalar]) -> Bool {
        branches.contains { Self.isFound($0, in: text) }
    }

    private static func isFound(_ branch: [Step], in text: [Unicode.Scalar]) -> Bool {
        var reached = [Bool](repeating: false, count: branch.count + 1)
        for position in 0...text.count {
            // A match may begin anywhere.
            reached[0] = true
            for index in branch.indices where reached[index] {
                switch branch[index] {
                case .zeroOrOne, .zeroOrMore: reached[index + 1] = true
                case .start where position == 0: reached[index + 1] = true
                case .end where position == text.count: reached[index + 1] = true
                case .start, .end, .one: break
                }
            }
            if reached[branch.count] { return true }
            guard position < text.count else { break }
            let character = text[position]
            for index in branch.indices.reversed() {
                let isHere = reached[index]
                reached[index] = false
                guard isHere else { continue }
                switch branch[index] {
                case .one(let set), .zeroOrOne(let set): if set.contains(character) { reached[index + 1] = true }
                case .zeroOrMore(let set): if set.contains(character) { reached[index] = true }
                case .start, .end: break
                }
            }
        }
        return false
    }

    // MARK: - Reading

    private struct Parser {
        let characters: ArraySlice<Unicode.Scalar>
        var position: Int

        private var next: Unicode.Scalar? { position < characters.endIndex ? characters[position] : nil }

        private mutating func take(_ character: Unicode.Scalar) -> Bool {
            guard next == character else { return false }
            position += 1
            return true
        }

        private func error(_ problem: String, at position: Int? = nil, remedy: String) -> FilterPatternError {
            FilterPatternError(
                position: position ?? self.position, problem: "has a regular expression \(problem)", remedy: remedy)
        }

        mutating func branches() throws(FilterPatternError) -> [[Step]] {
            var all = [try branch()]
            while take("|") { all.append(try branch()) }
            return all
        }

        private mutating func branch() throws(FilterPatternError) -> [Step] {
            let start = position
            var steps: [Step] = []
            while let character = next, character != "|" {
                if take("^") {
                    steps.append(.start)
                    try refuseQuantifier()
                } else if take("$") {
                    steps.append(.end)
                    try refuseQuantifier()
                } else {
                    let set = try set()
                    steps += try repeated(set)
                }
            }
            guard position > start else {
                throw error("with nothing in it", remedy: "Write something on both sides of | and between the %.")
            }
            return steps
        }

        private mutating func set() throws(FilterPatternError) -> CharacterSet {
            guard let character = next else { return CharacterSet() }
            position += 1
            switch character {
            case ".": return .any
            case "[": return try characterClass()
            case "\\": return try escape()
            case "?", "*", "+", "{":
                throw error(
                    "in which nothing stands before \(character)", at: position - 1,
                    remedy: "Write \\\(character) for the character itself.")
            case "]", "}":
                throw error(
                    "with a \(character) that closes nothing", at: position - 1,
                    remedy: "Write \\\(character) for the character itself.")
            default:
                try check(character)
                return CharacterSet(character)
            }
        }

        /// A character that may stand for itself.
        private func check(_ character: Unicode.Scalar) throws(FilterPatternError) {
            if RegularExpression.isPlain(character) { return }
            guard character.isASCII else {
                throw error(
                    "with a character of several bytes", at: position - 1,
                    remedy: "Use characters of ASCII alone; a point stands for any character.")
            }
            let digits = String(character.value, radix: 16, uppercase: true)
            let code = digits.count < 2 ? "0\(digits)" : digits
            throw error(
                "with a character that is not supported", at: position - 1,
                remedy: "Write it as \\x\(code). There are no groups in parentheses.")
        }

        /// What stands behind a backslash.
        private mutating func escape() throws(FilterPatternError) -> CharacterSet {
            let start = position - 1
            guard let character = next else {
                throw error("that ends with a backslash", at: start, remedy: "Write \\\\ for a backslash.")
            }
            position += 1
            switch character {
            case "d": return .digits
            case "D": return !.digits
            case "s": return .whitespace
            case "S": return !.whitespace
            case "w": return .word
            case "W": return !.word
            case "x": return CharacterSet(try hexadecimal(start))
            default:
                let isKnown =
                    RegularExpression.operators.contains(character) || RegularExpression.symbols.contains(character)
                guard isKnown else {
                    throw error(
                        "with an escape that is not supported", at: start,
                        remedy:
                            "There are \\d \\D \\s \\S \\w \\W, \\x with two hexadecimal digits, and a backslash before "
                            + "an operator.")
                }
                return CharacterSet(character)
            }
        }

        private mutating func hexadecimal(_ start: Int) throws(FilterPatternError) -> Unicode.Scalar {
            let digits = characters[position...].prefix(2)
            guard digits.count == 2,
                let value = UInt8(String(String.UnicodeScalarView(digits)), radix: 16), value < 0x80
            else {
                throw error(
                    "with \\x that two hexadecimal digits of an ASCII character do not follow", at: start,
                    remedy: "Write for example \\x28 for an opening parenthesis.")
            }
            position += 2
            return Unicode.Scalar(value)
        }

        private mutating func characterClass() throws(FilterPatternError) -> CharacterSet {
            let start = position - 1
            let isInverse = take("^")
            var set = CharacterSet()
            var isEmpty = true
            while let character = next, character != "]" {
                position += 1
                isEmpty = false
                if character == "\\", let kind = next, "dDsSwW".unicodeScalars.contains(kind) {
                    set = set.union(try escape())
                    continue
                }
                let first = try single(character)
                // A hyphen at either end of the class is itself.
                guard next == "-", position + 1 < characters.endIndex, characters[position + 1] != "]" else {
                    set.insert(first)
                    continue
                }
                position += 2
                let last = try single(characters[position - 1])
                guard first <= last else {
                    throw error(
                        "with a range of characters that runs backwards", at: start, remedy: "Write it as [a-z].")
                }
                set = set.union(CharacterSet(first...last))
            }
            guard take("]") else {
                throw error("with a [ that is never closed", at: start, remedy: "Write \\[ for the character itself.")
            }
            guard !isEmpty else {
                throw error("with an empty class", at: start, remedy: "Write \\[\\] for the characters themselves.")
            }
            return isInverse ? !set : set
        }

        /// One character of a class, of which `first` was read.
        private mutating func single(_ first: Unicode.Scalar) throws(FilterPatternError) -> Unicode.Scalar {
            if first == "\\" {
                guard let escaped = next else {
                    throw error("that ends with a backslash", remedy: "Write \\\\ for a backslash.")
                }
                position += 1
                if escaped == "x" { return try hexadecimal(position - 2) }
                let isKnown =
                    RegularExpression.operators.contains(escaped) || RegularExpression.symbols.contains(escaped)
                guard isKnown else {
                    throw error(
                        "with an escape that is not supported in this place", at: position - 2,
                        remedy: "A backslash stands before an operator, or before x and two hexadecimal digits.")
                }
                return escaped
            }
            guard first != "[" else {
                throw error("with a [ in a class", at: position - 1, remedy: "Write \\[ for the character itself.")
            }
            if RegularExpression.operators.contains(first) { return first }
            try check(first)
            return first
        }

        /// The steps for a set and the quantifier behind it.
        private mutating func repeated(_ set: CharacterSet) throws(FilterPatternError) -> [Step] {
            let steps: [Step]
            if take("?") {
                steps = [.zeroOrOne(set)]
            } else if take("*") {
                steps = [.zeroOrMore(set)]
            } else if take("+") {
                steps = [.one(set), .zeroOrMore(set)]
            } else if next == "{" {
                let (least, most) = try bounds()
                let rest: [Step] =
                    most.map { [Step](repeating: .zeroOrOne(set), count: $0 - least) } ?? [.zeroOrMore(set)]
                steps = [Step](repeating: .one(set), count: least) + rest
            } else {
                return [.one(set)]
            }
            try refuseQuantifier()
            return steps
        }

        /// Reads `{m}`, `{m,}`, `{,n}` or `{m,n}`.
        private mutating func bounds() throws(FilterPatternError) -> (least: Int, most: Int?) {
            let start = position
            position += 1
            let least = number()
            let hasComma = take(",")
            let most = hasComma ? number() : least
            let limit = RegularExpression.maximumRepetitions
            guard take("}"), least != nil || most != nil, (least ?? 0) <= (most ?? limit), (least ?? 0) <= limit,
                (most ?? 0) <= limit
            else {
                throw error(
                    "with a repetition that makes no sense", at: start,
                    remedy:
                        "Write {m}, {m,}, {,n} or {m,n} with numbers up to \(limit), without spaces, or \\{ for the "
                        + "character itself.")
            }
            return (least ?? 0, most)
        }

        /// A number; nil where no digit stands.
        private mutating func number() -> Int? {
            var value: Int?
            while let digit = next, ("0"..."9").contains(digit), (value ?? 0) < 1_000_000 {
                value = (value ?? 0) * 10 + Int(digit.value - 0x30)
                position += 1
            }
            return value
        }

        private func refuseQuantifier() throws(FilterPatternError) {
            guard let character = next, "?*+{".unicodeScalars.contains(character) else { return }
            throw error(
                "in which \(character) repeats nothing that can be repeated",
                remedy: "Write one quantifier behind a character, a class or a point; write \\\(character) for the "
                    + "character itself.")
        }
    }
}
