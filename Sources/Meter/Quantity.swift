/// An exact decimal number: how much of something was used.
///
/// A quantity keeps every digit from the log line to the invoice; no binary floating point is in between. Its magnitude
/// is below 10^36 and it has at most 30 decimal places. Two quantities are equal when they are the same number, however
/// they were written: `1`, `1.0` and `1e0` are one quantity. What a binary float prints is rounded half to even at the last
/// place, unless that makes it 0.
public struct Quantity: Hashable, Sendable, CustomStringConvertible {
    /// The most digits in front of the decimal point.
    public static let maximumIntegerDigits = 36
    /// The most digits behind the decimal point, trailing zeros not counted.
    public static let maximumDecimalPlaces = 30
    /// A number of at most so many significant digits, as a binary float prints, is rounded to `maximumDecimalPlaces`.
    public static let roundedDigits = 17

    /// The canonical text, which is also a JSON number: no exponent, no plus sign, no trailing zeros behind the point,
    /// no negative zero.
    public let text: String

    /// The canonical text.
    public var description: String { text }

    /// Reads a quantity from the bytes of one JSON number (RFC 8259, section 6), with nothing before or after it.
    ///
    /// Returns nil when the bytes are no JSON number or the number is outside the range of a quantity.
    public init?(jsonNumber bytes: Span<UInt8>) {
        guard let shape = NumberShape(bytes) else { return nil }
        guard let canonical = shape.canonicalText(of: bytes) else { return nil }
        text = canonical
    }

    /// Reads a quantity from text that is one JSON number.
    public init?(_ text: String) {
        let bytes = Array(text.utf8)
        self.init(jsonNumber: bytes.span)
    }

    /// A quantity whose canonical text is known already.
    package init(canonical text: String) {
        self.text = text
    }

    /// The whole number of this quantity, its fraction cut off; nil when it does not fit 64 bits.
    public var truncated: Int64? {
        Int64(text.prefix { $0 != "." })
    }
}

/// Where the parts of a JSON number stand in its bytes.
private struct NumberShape {
    private let isNegative: Bool
    private let integer: Range<Int>
    private let fraction: Range<Int>
    private let exponent: Int

    /// Nil when the bytes are not exactly one JSON number.
    init?(_ bytes: Span<UInt8>) {
        var position = 0
        isNegative = bytes.count > 0 && bytes[0] == UInt8(ascii: "-")
        if isNegative { position = 1 }
        integer = Self.digits(bytes, from: position)
        guard !integer.isEmpty, integer.count == 1 || bytes[integer.lowerBound] != UInt8(ascii: "0") else { return nil }
        position = integer.upperBound
        if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
            fraction = Self.digits(bytes, from: position + 1)
            guard !fraction.isEmpty else { return nil }
            position = fraction.upperBound
        } else {
            fraction = position..<position
        }
        if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
            guard let (value, end) = Self.exponent(bytes, from: position + 1) else { return nil }
            exponent = value
            position = end
        } else {
            exponent = 0
        }
        guard position == bytes.count else { return nil }
    }

    private static func digits(_ bytes: Span<UInt8>, from start: Int) -> Range<Int> {
        var end = start
        while end < bytes.count, isDigit(bytes[end]) { end += 1 }
        return start..<end
    }

    /// The exponent, held at a bound far outside every quantity so that it cannot overflow.
    private static func exponent(_ bytes: Span<UInt8>, from start: Int) -> (value: Int, end: Int)? {
        var start = start
        var isNegative = false
        if start < bytes.count, bytes[start] == UInt8(ascii: "-") || bytes[start] == UInt8(ascii: "+") {
            isNegative = bytes[start] == UInt8(ascii: "-")
            start += 1
        }
        let range = digits(bytes, from: start)
        guard !range.isEmpty else { return nil }
        var value = 0
        for index in range {
            value = min(value * 10 + Int(bytes[index] - UInt8(ascii: "0")), 1_000_000_000)
        }
        return (isNegative ? -value : value, range.upperBound)
    }

    /// The number in plain decimal notation; nil when it is out of a quantity's range.
    func canonicalText(of bytes: Span<UInt8>) -> String? {
        // The significant digits, and how many of all digits stand in front of the point once the exponent is applied.
        var digits: [UInt8] = []
        digits.reserveCapacity(min(integer.count + fraction.count, 2 * Quantity.maximumIntegerDigits))
        var pointPosition = integer.count + exponent
        var zeros = 0
        for range in [integer, fraction] {
            for index in range {
                let digit = bytes[index]
                if digit == UInt8(ascii: "0") {
                    if digits.isEmpty { pointPosition -= 1 } else { zeros += 1 }
                    continue
                }
                guard digits.count + zeros < Quantity.maximumIntegerDigits + Quantity.maximumDecimalPlaces else {
                    return nil
                }
                digits.append(contentsOf: repeatElement(UInt8(ascii: "0"), count: zeros))
                zeros = 0
                digits.append(digit)
            }
        }
        guard !digits.isEmpty else { return "0" }
        guard pointPosition <= Quantity.maximumIntegerDigits else { return nil }
        let surplus = digits.count - pointPosition - Quantity.maximumDecimalPlaces
        if surplus > 0 {
            guard digits.count <= Quantity.roundedDigits, Self.round(&digits, &pointPosition, dropping: surplus) else {
                return nil
            }
        }
        return Self.plain(digits, pointPosition: pointPosition, isNegative: isNegative)
    }

    /// Takes digits away, and rounds what is left half to even; false when nothing is left but 0.
    private static func round(_ digits: inout [UInt8], _ pointPosition: inout Int, dropping surplus: Int) -> Bool {
        guard surplus <= digits.count else { return false }
        let dropped = digits.suffix(surplus)
        digits.removeLast(surplus)
        let half = [UInt8(ascii: "5")] + repeatElement(UInt8(ascii: "0"), count: surplus - 1)
        let isOdd = (digits.last ?? 0) % 2 == 1
        if half.lexicographicallyPrecedes(dropped) || isOdd && dropped.elementsEqual(half) {
            var index = digits.count - 1
            while index >= 0, digits[index] == UInt8(ascii: "9") { index -= 1 }
            digits.removeLast(digits.count - 1 - index)
            if index >= 0 {
                digits[index] += 1
            } else {
                digits = [UInt8(ascii: "1")]
                pointPosition += 1
            }
        }
        while digits.last == UInt8(ascii: "0") { digits.removeLast() }
        return !digits.isEmpty
    }

    private static func plain(_ digits: [UInt8], pointPosition: Int, isNegative: Bool) -> String {
        let zero = UInt8(ascii: "0")
        var text: [UInt8] = isNegative ? [UInt8(ascii: "-")] : []
        if pointPosition <= 0 {
            text.append(zero)
        } else {
            text.append(contentsOf: digits.prefix(pointPosition))
            text.append(contentsOf: repeatElement(zero, count: max(0, pointPosition - digits.count)))
        }
        if digits.count > pointPosition {
            text.append(UInt8(ascii: "."))
            text.append(contentsOf: repeatElement(zero, count: max(0, -pointPosition)))
            text.append(contentsOf: digits.dropFirst(max(0, pointPosition)))
        }
        return String(decoding: text, as: UTF8.self)
    }
}

private func isDigit(_ byte: UInt8) -> Bool {
    byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
}
