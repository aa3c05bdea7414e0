/// The patterns that are made of a list of tags.
extension FilterPattern {
    /// The most filters with a regular expression that a log group takes, metric filters and subscription filters together.
    ///
    /// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
    public static let maximumFiltersWithExpressions = 5

    /// The pattern that takes every message in which one of the tags appears, anywhere: `%a|b%`.
    ///
    /// It is a regular expression because AWS documents partial matches for these alone: a tag may follow a colour code or an
    /// escaped line break, without a space between. The message is searched as it was logged, with its escapes.
    ///
    /// A tag that has a character outside ASCII cannot be in a regular expression; then the pattern is that of `terms(ofAny:)`.
    /// - Parameter tags: not empty.
    public static func text(ofAny tags: [String]) -> String {
        guard tags.allSatisfy({ !$0.isEmpty && $0.unicodeScalars.allSatisfy(\.isASCII) }) else {
            return terms(ofAny: tags)
        }
        return "%" + tags.map(expression(of:)).joined(separator: "|") + "%"
    }

    /// The same as terms, `?a ?b`, for a log group that takes no further filter with a regular expression.
    ///
    /// AWS documents terms as words, so that a tag within a longer word, or right after a colour code, may be missed. A term
    /// that isn't a word of letters, digits and `_` is put in quotation marks, as the language asks.
    /// - Parameter tags: not empty.
    public static func terms(ofAny tags: [String]) -> String {
        let words = tags.map { tag in
            let isWord = !tag.isEmpty && tag.unicodeScalars.allSatisfy(PatternReader.isWord)
            guard !isWord else { return tag }
            return "\"" + tag.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"") + "\""
        }
        // A term alone needs no question mark.
        return words.count == 1 ? words[0] : words.map { "?\($0)" }.joined(separator: " ")
    }

    /// Whether a filter with this pattern counts as one with a regular expression.
    ///
    /// A pattern that cannot be read is taken for one when it has two percent signs, so that nothing is tried in vain.
    public static func holdsExpression(_ text: String) -> Bool {
        if let pattern = try? FilterPattern(text) { return pattern.regularExpressions > 0 }
        return text.unicodeScalars.count { $0 == "%" } > 1
    }

    /// A text as a regular expression that fits it alone.
    private static func expression(of text: String) -> String {
        text.unicodeScalars.reduce(into: "") { expression, character in
            if RegularExpression.isPlain(character) {
                expression.unicodeScalars.append(character)
            } else if RegularExpression.isOperator(character) {
                expression += "\\\(character)"
            } else {
                let digits = String(character.value, radix: 16, uppercase: true)
                expression += "\\x" + (digits.count < 2 ? "0\(digits)" : digits)
            }
        }
    }
}
