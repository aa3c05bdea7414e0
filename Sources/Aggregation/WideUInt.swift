/// An unsigned integer of up to 448 bits, for what stands between exact numbers and their results.
///
/// That is wide enough for every use in this module: nothing exceeds 10^133, and 2^448 is above 10^134.
struct WideUInt: Sendable {
    /// The digits in base 2^64, the least significant first; those from `count` on are zero.
    ///
    /// The eighth is there for the shifted dividend of a division.
    var limbs = InlineArray<8, UInt64>(repeating: 0)
    /// How many limbs there are up to the most significant that is not zero.
    private(set) var count = 0

    init(_ value: UInt128) {
        self.init(high: 0, low: value)
    }

    init(high: UInt128, low: UInt128) {
        limbs[0] = UInt64(truncatingIfNeeded: low)
        limbs[1] = UInt64(truncatingIfNeeded: low >> 64)
        limbs[2] = UInt64(truncatingIfNeeded: high)
        limbs[3] = UInt64(truncatingIfNeeded: high >> 64)
        trim(from: 4)
    }

    var isZero: Bool { count == 0 }

    /// The place of the most significant bit, counted from 1; 0 for zero.
    var bitWidth: Int {
        count == 0 ? 0 : count * 64 - limbs[count - 1].leadingZeroBitCount
    }

    /// How many of the lowest bits are zero; for zero it is 0.
    var trailingZeroBits: Int {
        for index in 0..<count where limbs[index] != 0 {
            return index * 64 + limbs[index].trailingZeroBitCount
        }
        return 0
    }

    /// The lowest 256 bits.
    var halves: (high: UInt128, low: UInt128) {
        (UInt128(limbs[3]) << 64 | UInt128(limbs[2]), UInt128(limbs[1]) << 64 | UInt128(limbs[0]))
    }

    /// Whether the number is below 2^256.
    var fitsHalves: Bool { count <= 4 }

    /// The byte of a place, the least significant at 0.
    func byte(at place: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: limbs[place / 8] >> UInt64(place % 8 * 8))
    }

    /// Finds the count again; there is nothing but zeros from `top` on.
    mutating func trim(from top: Int) {
        count = top
        while count > 0, limbs[count - 1] == 0 { count -= 1 }
    }
}

extension WideUInt: Comparable {
    static func == (left: WideUInt, right: WideUInt) -> Bool {
        guard left.count == right.count else { return false }
        for index in 0..<left.count where left.limbs[index] != right.limbs[index] { return false }
        return true
    }

    static func < (left: WideUInt, right: WideUInt) -> Bool {
        guard left.count == right.count else { return left.count < right.count }
        for index in stride(from: left.count - 1, through: 0, by: -1) where left.limbs[index] != right.limbs[index] {
            return left.limbs[index] < right.limbs[index]
        }
        return false
    }
}

extension WideUInt {
    mutating func add(_ other: WideUInt) {
        var carry = false
        let length = max(count, other.count) + 1
        for index in 0..<length {
            let (partial, first) = limbs[index].addingReportingOverflow(other.limbs[index])
            let (sum, second) = partial.addingReportingOverflow(carry ? 1 : 0)
            limbs[index] = sum
            carry = first || second
        }
        trim(from: length)
    }

    /// Subtracts a number that is not greater.
    mutating func subtract(_ other: WideUInt) {
        var borrow = false
        for index in 0..<count {
            let (partial, first) = limbs[index].subtractingReportingOverflow(other.limbs[index])
            let (difference, second) = partial.subtractingReportingOverflow(borrow ? 1 : 0)
            limbs[index] = difference
            borrow = first || second
        }
        trim(from: count)
    }

    mutating func multiply(by factor: UInt64) {
        var carry: UInt64 = 0
        for index in 0..<count {
            let product = limbs[index].multipliedFullWidth(by: factor)
            let (low, overflow) = product.low.addingReportingOverflow(carry)
            limbs[index] = low
            carry = product.high &+ (overflow ? 1 : 0)
        }
        limbs[count] = carry
        trim(from: count + 1)
    }

    /// Multiplies by a power of ten; the exponent is not negative.
    mutating func multiply(byPowerOfTen exponent: Int) {
        var left = exponent
        while left >= PowersOfTen.largestExponent {
            multiply(by: PowersOfTen.largest)
            left -= PowersOfTen.largestExponent
        }
        if left > 0 { multiply(by: PowersOfTen.small[left]) }
    }

    /// Divides by a number that is not zero, and returns the remainder.
    mutating func divide(by divisor: UInt64) -> UInt64 {
        var remainder: UInt64 = 0
        for index in stride(from: count - 1, through: 0, by: -1) {
            (limbs[index], remainder) = divisor.dividingFullWidth((remainder, limbs[index]))
        }
        trim(from: count)
        return remainder
    }
}
