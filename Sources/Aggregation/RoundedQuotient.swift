/// A quotient of two whole numbers, rounded to 34 significant digits, half to even.
enum RoundedQuotient {
    private static let significantDigits = 34
    /// 10^34.
    private static let bound: UInt128 = 10_000_000_000_000_000_000_000_000_000_000_000

    /// The coefficient, at most 10^34, and the exponent of ten that it is multiplied with; the divisor is not zero.
    static func of(_ dividend: WideUInt, dividedBy divisor: WideUInt) -> (coefficient: WideUInt, exponent: Int) {
        guard !dividend.isZero else { return (dividend, 0) }
        // Scaled by this power of ten the quotient has 35 to 38 digits, see `digitsBelow(_:)`: at least one to drop.
        let scale = significantDigits + 2 - digitsBelow(dividend) + digitsBelow(divisor)
        var (dividend, divisor) = (dividend, divisor)
        dividend.multiply(byPowerOfTen: max(0, scale))
        divisor.multiply(byPowerOfTen: max(0, -scale))
        let (quotient, remainder) = dividend.quotientAndRemainder(dividingBy: divisor)
        let (coefficient, dropped) = round(quotient.halves.low, isInexact: !remainder.isZero)
        return (WideUInt(coefficient), dropped - scale)
    }

    /// The logarithm to base ten, too small by at most 1.31.
    ///
    /// So the quotient of two numbers whose results differ by d is above 10^(d − 1.31) and below 10^(d + 1.31).
    private static func digitsBelow(_ number: WideUInt) -> Int {
        ((number.bitWidth - 1) * 1_233) >> 12
    }

    /// Rounds to 34 digits a number that has more, and says how many were dropped.
    private static func round(_ number: UInt128, isInexact: Bool) -> (coefficient: UInt128, dropped: Int) {
        var (power, dropped): (UInt128, Int) = (1, 0)
        while number / power >= bound {
            power *= 10
            dropped += 1
        }
        let (quotient, rest) = number.quotientAndRemainder(dividingBy: power)
        let isAboveHalf = rest * 2 > power || (rest * 2 == power && isInexact)
        let isHalf = rest * 2 == power && !isInexact
        return (quotient + (isAboveHalf || (isHalf && quotient % 2 == 1) ? 1 : 0), dropped)
    }
}
