/// A signed integer of up to 448 bits.
struct WideInt {
    var magnitude: WideUInt
    /// False for zero.
    let isNegative: Bool

    init(_ magnitude: WideUInt, isNegative: Bool) {
        self.magnitude = magnitude
        self.isNegative = isNegative && !magnitude.isZero
    }

    func subtracting(_ other: WideInt) -> WideInt {
        var result = magnitude
        if isNegative != other.isNegative {
            result.add(other.magnitude)
            return WideInt(result, isNegative: isNegative)
        }
        if other.magnitude <= magnitude {
            result.subtract(other.magnitude)
            return WideInt(result, isNegative: isNegative)
        }
        result = other.magnitude
        result.subtract(magnitude)
        return WideInt(result, isNegative: !isNegative)
    }

    static func < (left: WideInt, right: WideInt) -> Bool {
        guard left.isNegative == right.isNegative else { return left.isNegative }
        return left.isNegative ? right.magnitude < left.magnitude : left.magnitude < right.magnitude
    }
}

extension ExactDecimal {
    /// The units times a factor that is not negative.
    func scaled(by factor: Int) -> WideInt {
        var product = WideUInt(high: magnitude.high, low: magnitude.low)
        product.multiply(by: UInt64(factor))
        return WideInt(product, isNegative: isNegative)
    }
}
