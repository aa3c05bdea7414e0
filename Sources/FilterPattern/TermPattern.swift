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

    /// - Parameter inWords: whether a term is also found within a longer word.
    func matches(_ message: [UInt8], inWords: Bool) -> Bool {
        func isThere(_ term: [UInt8]) -> Bool { inWords ? message.holds(term) : message.holdsWord(term) }
        guard required.isEmpty, excluded.isEmpty else {
            // A message is taken for certain only where no excluded term appears in any way.
            return required.allSatisfy(isThere) && !excluded.contains { message.holds($0) }
        }
        return optional.contains(where: isThere)
    }
}

extension Array where Element: Equatable {
    /// Whether the elements of another array stand in this one, in a row.
    func holds(_ other: [Element]) -> Bool {
        places(of: other) { _ in true }
    }

    /// Whether the elements of another array stand in this one, in a row, at a place that is wanted.
    fileprivate func places(of other: [Element], areWanted: (Range<Int>) -> Bool) -> Bool {
        guard let first = other.first else { return true }
        guard count >= other.count else { return false }
        for start in 0...(count - other.count) where self[start] == first {
            let range = start..<(start + other.count)
            if self[range].elementsEqual(other), areWanted(range) { return true }
        }
        return false
    }
}

extension Array where Element == UInt8 {
    /// Whether a term stands in a message with no further letter, digit or `_` on either side.
    fileprivate func holdsWord(_ term: [UInt8]) -> Bool {
        places(of: term) { range in
            let isOpen = { (index: Int) in indices.contains(index) && PatternReader.isWord(.init(self[index])) }
            let first = PatternReader.isWord(.init(self[range.lowerBound]))
            let last = PatternReader.isWord(.init(self[range.upperBound - 1]))
            return !(first && isOpen(range.lowerBound - 1)) && !(last && isOpen(range.upperBound))
        }
    }
}
