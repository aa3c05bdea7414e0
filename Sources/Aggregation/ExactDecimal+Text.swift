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
}
