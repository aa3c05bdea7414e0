/// Words and phrases that a message holds or does not hold.
///
/// All of them, or, where each has a question mark, one of them. With any other kind of term beside them, CloudWatch Logs
/// takes no notice of terms with a question mark.
struct TermPattern: Sendable {
    private enum Kind: Sendable {
        case required
        case excluded
        case optional
    }

    private var required: [[UInt8]] = []
    private var excluded: [[UInt8]] = []
    private var optional: [[UInt8]] = []

    init(_ reader: inout PatternReader) throws(FilterPatternError) {
        while reader.next != nil {
            let kind: Kind = reader.take("?") ? .optional : reader.take("-") ? .excluded : .required
            let term = try Self.term(&reader)
            switch kind {
            case .required: required.append(term)
            case .excluded: excluded.append(term)
            case .optional: optional.append(term)
            }
            if let next = reader.next, !PatternReader.isWhitespace(next) { throw Self.strange(reader) }
            reader.skipWhitespace()
        }
    }

    private static func term(_ reader: inout PatternReader) throws(FilterPatternError) -> [UInt8] {
        let term: [Unicode.Scalar]
        if reader.next == "\"" {
            term = try reader.quoted()
        } else {
            term = reader.run(while: PatternReader.isWord)
            guard !term.isEmpty else { throw strange(reader) }
        }
        // A phrase of nothing but white space matches everything, says the page.
        guard !term.allSatisfy(PatternReader.isWhitespace) else { return [] }
        return Array(String(String.UnicodeScalarView(term)).utf8)
    }

    private static func strange(_ reader: PatternReader) -> FilterPatternError {
        switch reader.next {
        case nil:
            reader.error(
                "ends where a term must follow", remedy: "Write the term right behind ? or -, or leave the sign out.")
        case "*":
            reader.error(
                "has a wildcard in a term", remedy: "Leave it out: a term is found anywhere in a message.")
        case "%":
            reader.error(
                "has a regular expression among terms",
                remedy: "A regular expression stands alone, or is a value in a JSON or space-delimited pattern.")
        case "&", "|":
            reader.error(
                "has an operator among terms",
                remedy: "A space means and; for or, put a question mark in front of each term.")
        default:
            reader.error(
                "has \(reader.shown(reader.position)) in a term",
                remedy: "Put a term that is not made of letters, digits and _ in quotation marks, with a space around "
                    + "each term.")
        }
    }

    func matches(_ message: [UInt8]) -> Bool {
        guard required.isEmpty, excluded.isEmpty else {
            return required.allSatisfy { message.holds($0) } && !excluded.contains { message.holds($0) }
        }
        return optional.contains { message.holds($0) }
    }
}

extension Array where Element: Equatable {
    /// Whether the elements of another array stand in this one, in a row.
    func holds(_ other: [Element]) -> Bool {
        guard let first = other.first else { return true }
        guard count >= other.count else { return false }
        for start in 0...(count - other.count) where self[start] == first {
            if self[start..<(start + other.count)].elementsEqual(other) { return true }
        }
        return false
    }
}
