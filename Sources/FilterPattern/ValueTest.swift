/// A condition on one value: `= "x*"`, `!= %x%`, `> 3`.
struct ValueTest: Sendable {
    /// A value of a message: its text, and whether that is a number.
    struct Value {
        var text: [Unicode.Scalar]
        var isNumber: Bool
    }

    private enum Comparison: Sendable {
        case equal
        case less
        case greater
    }

    /// A text with or without an asterisk at its ends; one within is a character like any other.
    private struct Wildcard: Sendable {
        let core: [Unicode.Scalar]
        let isOpenInFront: Bool
        let isOpenBehind: Bool

        init(_ text: [Unicode.Scalar]) {
            var core = text[...]
            isOpenInFront = core.first == "*"
            if isOpenInFront { core = core.dropFirst() }
            // A lone asterisk is open on both sides.
            isOpenBehind = core.last == "*" || isOpenInFront && core.isEmpty
            if core.last == "*" { core = core.dropLast() }
            self.core = Array(core)
        }

        func matches(_ text: [Unicode.Scalar]) -> Bool {
            switch (isOpenInFront, isOpenBehind) {
            case (false, false): text == core
            case (true, false): text.count >= core.count && text.suffix(core.count).elementsEqual(core)
            case (false, true): text.starts(with: core)
            case (true, true): text.holds(core)
            }
        }
    }

    private enum Operand: Sendable {
        case text(Wildcard)
        /// A number without quotation marks; a value that is none is compared with its text.
        case number(ExactNumber, Wildcard)
        case regularExpression(RegularExpression)
    }

    private let comparison: Comparison
    /// Whether the condition holds where the comparison does not: `!=`, `<=` and `>=`.
    private let isInverse: Bool
    private let operand: Operand

    /// Reads an operator and what stands behind it; nil when no operator stands here.
    init?(_ reader: inout PatternReader) throws(FilterPatternError) {
        if reader.take("!=") {
            (comparison, isInverse) = (.equal, true)
        } else if reader.take("<=") {
            (comparison, isInverse) = (.greater, true)
        } else if reader.take(">=") {
            (comparison, isInverse) = (.less, true)
        } else if reader.take("=") {
            (comparison, isInverse) = (.equal, false)
        } else if reader.take("<") {
            (comparison, isInverse) = (.less, false)
        } else if reader.take(">") {
            (comparison, isInverse) = (.greater, false)
        } else {
            return nil
        }
        reader.skipWhitespace()
        let start = reader.position
        operand = try Self.operand(&reader)
        if case .number = operand { return }
        guard comparison == .equal else {
            throw reader.error(
                "compares the size of something that is no number", at: start,
                remedy: "Behind <, <=, > and >= stands a number without quotation marks.")
        }
    }

    private static func operand(_ reader: inout PatternReader) throws(FilterPatternError) -> Operand {
        if reader.next == "\"" { return .text(Wildcard(try reader.quoted())) }
        if reader.next == "%" { return .regularExpression(try reader.regularExpression()) }
        let text = reader.run { PatternReader.isWord($0) || ".*+-".unicodeScalars.contains($0) }
        guard !text.isEmpty else {
            throw reader.error(
                "has \(reader.shown(reader.position)) where a value must stand",
                remedy: "Put a text that is not made of letters, digits, _ and * in quotation marks.")
        }
        guard let number = ExactNumber(text) else { return .text(Wildcard(text)) }
        return .number(number, Wildcard(text))
    }

    func holds(_ value: Value) -> Bool {
        switch operand {
        case .text(let wildcard): return wildcard.matches(value.text) != isInverse
        case .regularExpression(let expression): return expression.isFound(in: value.text) != isInverse
        case .number(let number, let wildcard):
            guard value.isNumber, let found = ExactNumber(value.text) else {
                return comparison == .equal && wildcard.matches(value.text) != isInverse
            }
            switch comparison {
            case .equal: return (found == number) != isInverse
            case .less: return (found < number) != isInverse
            case .greater: return (found > number) != isInverse
            }
        }
    }
}
