extension ExactDecimal: CustomStringConvertible {
    /// The canonical text, which is also a JSON number: every digit, no exponent, no trailing zeros behind the point,
    /// no negative zero.
    public var text: String {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    /// The canonical text.
    public var description: String { text }

    /// Appends the canonical text as UTF-8.
    public func append(to bytes: inout [UInt8]) {
        let magnitude = magnitude
        let number = DecimalText(
            WideUInt(high: magnitude.high, low: magnitude.low), exponent: -Self.decimalPlaces, isNegative: isNegative)
        number.append(to: &bytes)
    }

    /// The mean of `count` numbers whose sum this is, with 34 significant digits, rounded half to even.
    ///
    /// - Parameter count: How many numbers. The mean of none is `0`, as in a gap.
    public func average(count: Int) -> String {
        Average(sum: self, count: count)?.text ?? "0"
    }

    /// By how many percent a value differs from the one before it, with 34 significant digits, rounded half to even.
    ///
    /// From 0 to 0 it is `0`, from 0 to anything else `100`; otherwise (value − previous) / previous × 100.
    public static func percentage(from previous: ExactDecimal, to value: ExactDecimal) -> String {
        Average.percentage(from: Average(previous), to: Average(value))
    }
}
