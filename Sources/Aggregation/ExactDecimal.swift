public import Meter

/// An exact decimal number: a sum of quantities.
///
/// It is a whole number of units of 10^-30 whose magnitude is below 10^76 units, which is below 10^46. Every valid
/// quantity fits, and so does the sum of 10^10 of the greatest. Nothing is ever rounded; what leaves the range is an
/// error.
public struct ExactDecimal: Hashable, Sendable {
    /// The number of decimal places that are kept.
    public static let decimalPlaces = 30
    /// Nothing.
    public static let zero = ExactDecimal(high: 0, low: 0)

    /// The units in one: 10^30.
    static let unitsInOne: UInt128 = 1_000_000_000_000_000_000_000_000_000_000
    /// 10^76, which no magnitude reaches.
    private static let limit: (high: UInt128, low: UInt128) = (
        29_387_358_770_557_187_699_218_413_430_556_141_945, 158_788_995_957_577_343_786_214_718_011_688_878_080
    )

    /// The units in two's complement.
    private let high: Int128
    private let low: UInt128

    private init(high: Int128, low: UInt128) {
        self.high = high
        self.low = low
    }

    /// A number from its magnitude in units and its sign; nil when it is out of range.
    init?(magnitude: (high: UInt128, low: UInt128), isNegative: Bool) {
        guard (magnitude.high, magnitude.low) < Self.limit else { return nil }
        let negated = Self.negated(magnitude)
        high = Int128(bitPattern: isNegative ? negated.high : magnitude.high)
        low = isNegative ? negated.low : magnitude.low
    }

    /// A whole number of something that is itself a number of units: no 64-bit multiple of 10^30 leaves the range.
    init(_ value: Int128, units: UInt128) {
        let (high, low) = value.magnitude.multipliedFullWidth(by: units)
        let negated = Self.negated((high, low))
        self.high = Int128(bitPattern: value < 0 ? negated.high : high)
        self.low = value < 0 ? negated.low : low
    }

    private static func negated(_ number: (high: UInt128, low: UInt128)) -> (high: UInt128, low: UInt128) {
        let low = ~number.low &+ 1
        return (~number.high &+ (low == 0 ? 1 : 0), low)
    }

    /// Whether the number is below zero.
    public var isNegative: Bool { high < 0 }

    /// The units without their sign.
    var magnitude: (high: UInt128, low: UInt128) {
        let bits = (high: UInt128(bitPattern: high), low: low)
        return isNegative ? Self.negated(bits) : bits
    }
}

extension ExactDecimal {
    /// The same number as a quantity.
    public init(_ quantity: Quantity) {
        var isNegative = false
        var integer: UInt128 = 0
        var fraction: UInt128 = 0
        var places: Int?
        for byte in quantity.text.utf8 {
            switch byte {
            case UInt8(ascii: "-"): isNegative = true
            case UInt8(ascii: "."): places = 0
            default:
                let digit = UInt128(byte & 0x0F)
                if let known = places {
                    fraction = fraction * 10 + digit
                    places = known + 1
                } else {
                    integer = integer * 10 + digit
                }
            }
        }
        for _ in (places ?? 0)..<Self.decimalPlaces { fraction *= 10 }
        // A quantity is below 10^36, so the units are below 10^66 and a carry cannot go unnoticed.
        let (high, low) = integer.multipliedFullWidth(by: Self.unitsInOne)
        let (sum, carry) = low.addingReportingOverflow(fraction)
        let units = (high: high + (carry ? 1 : 0), low: sum)
        let signed = isNegative ? Self.negated(units) : units
        self.init(high: Int128(bitPattern: signed.high), low: signed.low)
    }

    /// A whole number.
    public init(_ value: Int) {
        self.init(Int128(value), units: Self.unitsInOne)
    }

    /// Milliseconds as a number of seconds.
    ///
    /// - Parameter milliseconds: Any number of them, also below zero.
    public static func seconds(milliseconds: Int64) -> ExactDecimal {
        ExactDecimal(Int128(milliseconds), units: unitsInOne / 1_000)
    }
}

extension ExactDecimal {
    /// The exact sum.
    ///
    /// - Throws: `ArithmeticOverflow` when the magnitude would reach 10^46.
    public func adding(_ other: ExactDecimal) throws(ArithmeticOverflow) -> ExactDecimal {
        // Two magnitudes below 10^76 add up to less than 2^255, so that the 256 bits hold every result.
        let (low, carry) = low.addingReportingOverflow(other.low)
        return try ExactDecimal(high: high &+ other.high &+ (carry ? 1 : 0), low: low).checked()
    }

    private func checked() throws(ArithmeticOverflow) -> ExactDecimal {
        let magnitude = magnitude
        guard (magnitude.high, magnitude.low) < Self.limit else { throw ArithmeticOverflow() }
        return self
    }
}

extension ExactDecimal: Comparable {
    /// Whether the left number is smaller.
    public static func < (left: ExactDecimal, right: ExactDecimal) -> Bool {
        (left.high, left.low) < (right.high, right.low)
    }
}
