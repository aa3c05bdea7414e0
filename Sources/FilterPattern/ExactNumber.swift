/// A number as it is written, compared exactly: 0.1 is 0.10, and no digit is lost.
struct ExactNumber: Sendable, Equatable, Comparable {
    private let isNegative: Bool
    /// The digits from the first to the last that is not zero; none for zero.
    private let digits: [UInt8]
    /// The power of ten of the first digit's place, behind the point: 0.5 has 0, 5 has 1.
    private let magnitude: Int

    /// Reads an integer, a decimal, or one of them with an exponent; nil for anything else.
    init?(_ text: [Unicode.Scalar]) {
        var rest = text[...]
        func digit(_ scalar: Unicode.Scalar) -> Bool { ("0"..."9").contains(scalar) }
        func takeDigits() -> [UInt8] {
            let run = rest.prefix(while: digit)
            rest = rest.dropFirst(run.count)
            return run.map { UInt8($0.value - 0x30) }
        }
        func takeSign() -> Bool {
            let isMinus = rest.first == "-"
            if isMinus || rest.first == "+" { rest = rest.dropFirst() }
            return isMinus
        }
        let isMinus = takeSign()
        let whole = takeDigits()
        var fraction: [UInt8] = []
        if rest.first == "." {
            rest = rest.dropFirst()
            fraction = takeDigits()
            guard !fraction.isEmpty else { return nil }
        }
        guard !whole.isEmpty else { return nil }
        var exponent = 0
        if rest.first == "e" || rest.first == "E" {
            rest = rest.dropFirst()
            let isBelow = takeSign()
            let run = takeDigits()
            // Beyond this nothing but the order of magnitudes is compared.
            guard !run.isEmpty else { return nil }
            exponent = run.reduce(0) { min($0 * 10 + Int($1), 1_000_000_000) } * (isBelow ? -1 : 1)
        }
        guard rest.isEmpty else { return nil }
        let all = whole + fraction
        let leading = all.prefix { $0 == 0 }.count
        var significant = Array(all.dropFirst(leading))
        while significant.last == 0 { significant.removeLast() }
        digits = significant
        isNegative = isMinus && !significant.isEmpty
        magnitude = significant.isEmpty ? 0 : whole.count - leading + exponent
    }

    static func < (left: ExactNumber, right: ExactNumber) -> Bool {
        guard left.isNegative == right.isNegative else { return left.isNegative }
        guard !left.isNegative else { return right.isSmaller(than: left) }
        return left.isSmaller(than: right)
    }

    /// Compares without signs.
    private func isSmaller(than other: ExactNumber) -> Bool {
        guard !digits.isEmpty, !other.digits.isEmpty else { return digits.count < other.digits.count }
        guard magnitude == other.magnitude else { return magnitude < other.magnitude }
        return digits.lexicographicallyPrecedes(other.digits)
    }
}
