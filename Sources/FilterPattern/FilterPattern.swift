/// A filter pattern of CloudWatch Logs: what metric filters, subscription filters and `FilterLogEvents` look for.
///
/// The language is that of the page "Filter pattern syntax for metric filters, subscription filters, filter log events,
/// and Live Tail" of the CloudWatch Logs User Guide. Where the page is silent, docs/filter-patterns.md says what is done
/// here. What the page does not allow is an error, never a guess.
///
/// ```swift
/// let pattern = try FilterPattern("?amberflo_meter ?meter_record_for_cw")
/// pattern.matches("INFO amberflo_meter: {}")  // true
/// ```
public struct FilterPattern: Sendable {
    /// The longest pattern that CloudWatch Logs takes, in characters.
    public static let maximumLength = 1_024

    /// Which of its four forms a pattern has.
    public enum Form: String, Sendable {
        /// Nothing but white space: every log event matches.
        case everything
        /// Words and phrases: `ERROR -"time out"`.
        case terms
        /// One regular expression: `%user-[0-9]+%`.
        case regularExpression
        /// Conditions on the members of a JSON object: `{ $.status = 500 }`.
        case json
        /// Conditions on the words of a line: `[ip, ..., status = 5*]`.
        case spaceDelimited
    }

    private enum Content: Sendable {
        case everything
        case terms(TermPattern)
        case regularExpression(RegularExpression)
        case json(JSONPattern)
        case spaceDelimited(DelimitedPattern)
    }

    /// The pattern as it was given.
    public let text: String
    /// How many regular expressions it holds.
    ///
    /// A log group has at most five filters with any.
    public let regularExpressions: Int
    private let content: Content

    /// Reads a pattern.
    ///
    /// - Throws: what is wrong with it, where, and what to write instead.
    public init(_ text: String) throws(FilterPatternError) {
        self.text = text
        var reader = PatternReader(text)
        guard text.unicodeScalars.count <= Self.maximumLength else {
            throw reader.error(
                "is longer than the \(Self.maximumLength) characters that CloudWatch Logs takes",
                at: Self.maximumLength,
                remedy: "Leave out terms, or use a second filter.")
        }
        reader.skipWhitespace()
        switch reader.next {
        case nil: content = .everything
        case "{": content = .json(try JSONPattern(&reader))
        case "[": content = .spaceDelimited(try DelimitedPattern(&reader))
        case "%": content = .regularExpression(try Self.standalone(&reader))
        default: content = .terms(try TermPattern(&reader))
        }
        regularExpressions = reader.regularExpressions
    }

    private static func standalone(_ reader: inout PatternReader) throws(FilterPatternError) -> RegularExpression {
        let expression = try reader.regularExpression()
        try reader.finish(
            "A regular expression stands alone, or is a value in a JSON or space-delimited pattern.")
        return expression
    }

    /// Which form the pattern has.
    public var form: Form {
        switch content {
        case .everything: .everything
        case .terms: .terms
        case .regularExpression: .regularExpression
        case .json: .json
        case .spaceDelimited: .spaceDelimited
        }
    }

    /// Whether a log event with this message is taken.
    ///
    /// A term is also found within a longer word, as the service has been seen to do. AWS documents terms as words, so ask
    /// `matchesWholeWords` where a miss would cost something.
    public func matches(_ message: String) -> Bool {
        matches(message, inWords: true)
    }

    /// Whether a log event is taken even where terms are found as whole words only, which is all that AWS documents.
    ///
    /// It differs from `matches` only for patterns of terms. Letters, digits and `_` are parts of a word here, so that a tag
    /// after a colour code (`ESC[32mamberflo_meter`) or an escaped line break (`\namberflo_meter`) is none by itself.
    public func matchesWholeWords(_ message: String) -> Bool {
        matches(message, inWords: false)
    }

    private func matches(_ message: String, inWords: Bool) -> Bool {
        switch content {
        case .everything: true
        case .terms(let terms): terms.matches(Array(message.utf8), inWords: inWords)
        case .regularExpression(let expression): expression.isFound(in: Array(message.unicodeScalars))
        case .json(let json): json.matches(message)
        case .spaceDelimited(let delimited): delimited.matches(Array(message.unicodeScalars))
        }
    }
}
