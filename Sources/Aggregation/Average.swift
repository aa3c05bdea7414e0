/// The mean of some numbers, kept exactly as their sum and how many they are.
///
/// Averages compare and differ as fractions; only their texts are rounded, to 34 significant digits, half to even.
public struct Average: Sendable {
    /// What the numbers add up to.
    public let sum: ExactDecimal
    /// How many numbers there are, at least one.
    public let count: Int

    /// The mean of `count` numbers that add up to `sum`; nil when there are none.
    public init?(sum: ExactDecimal, count: Int) {
        guard count > 0 else { return nil }
        self.sum = sum
        self.count = count
    }

    /// The mean of one number.
    public init(_ value: ExactDecimal) {
        sum = value
        count = 1
    }

    /// The mean with 34 significant digits, rounded half to even, in plain notation.
    public var text: String {
        // The sum is in units of 10^-30.
        let (quotient, exponent) = RoundedQuotient.of(Self.magnitude(sum), dividedBy: WideUInt(UInt128(count)))
        return DecimalText(quotient, exponent: exponent - ExactDecimal.decimalPlaces, isNegative: sum.isNegative).text
    }

    /// By how many percent a mean differs from the one before it, with 34 significant digits, rounded half to even.
    ///
    /// From 0 to 0 it is `0`, from 0 to anything else `100`; otherwise (value − previous) / previous × 100, of the
    /// exact means and not of their rounded texts.
    public static func percentage(from previous: Average, to value: Average) -> String {
        guard previous.sum != .zero else { return value.sum == .zero ? "0" : "100" }
        guard previous.sum != value.sum || previous.count != value.count else { return "0" }
        // s2/c2 − s1/c1 over s1/c1 is (s2 × c1 − s1 × c2) over s1 × c2.
        let divisor = previous.sum.scaled(by: value.count)
        var difference = value.sum.scaled(by: previous.count).subtracting(divisor)
        difference.magnitude.multiply(by: 100)
        let (quotient, exponent) = RoundedQuotient.of(difference.magnitude, dividedBy: divisor.magnitude)
        return DecimalText(
            quotient, exponent: exponent, isNegative: difference.isNegative != divisor.isNegative
        ).text
    }

    private static func magnitude(_ number: ExactDecimal) -> WideUInt {
        WideUInt(high: number.magnitude.high, low: number.magnitude.low)
    }
}

extension Average: Comparable {
    /// Whether both are the same number, whatever their counts.
    public static func == (left: Average, right: Average) -> Bool {
        !(left < right) && !(right < left)
    }

    /// Whether the left mean is smaller.
    public static func < (left: Average, right: Average) -> Bool {
        if left.count == right.count { return left.sum < right.sum }
        return left.sum.scaled(by: right.count) < right.sum.scaled(by: left.count)
    }
}
