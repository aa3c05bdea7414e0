// Knuth, The Art of Computer Programming, volume 2, section 4.3.1, algorithm D; its steps are named in the comments.
extension WideUInt {
    /// Divides by a number that is not zero.
    func quotientAndRemainder(dividingBy divisor: WideUInt) -> (quotient: WideUInt, remainder: WideUInt) {
        guard self >= divisor else { return (WideUInt(0), self) }
        if divisor.count == 1 {
            var quotient = self
            let remainder = quotient.divide(by: divisor.limbs[0])
            return (quotient, WideUInt(UInt128(remainder)))
        }
        // D1: scale both, so that the divisor's top bit is set.
        let shift = UInt64(divisor.limbs[divisor.count - 1].leadingZeroBitCount)
        let scaled = divisor.shiftedLeft(by: shift)
        var rest = shiftedLeft(by: shift)
        var quotient = WideUInt(0)
        for place in stride(from: count - divisor.count, through: 0, by: -1) {
            quotient.limbs[place] = rest.removeMultiple(of: scaled, at: place)
        }
        quotient.trim(from: count - divisor.count + 1)
        // D8: scale back.
        rest.trim(from: divisor.count)
        return (quotient, rest.shiftedRight(by: shift))
    }

    /// Takes as many times the divisor as possible out of the limbs from `place` on, and returns how many times.
    private mutating func removeMultiple(of divisor: WideUInt, at place: Int) -> UInt64 {
        var digit = estimatedDigit(of: divisor, at: place)
        // D4 to D6: the estimate may still be too great by one.
        var isNegative = subtract(divisor, times: digit, at: place)
        while isNegative {
            digit -= 1
            isNegative = !addBack(divisor, at: place)
        }
        return digit
    }

    /// D3: the digit of the quotient, or one more than it.
    private func estimatedDigit(of divisor: WideUInt, at place: Int) -> UInt64 {
        let high = place + divisor.count
        let (first, second) = (divisor.limbs[divisor.count - 1], divisor.limbs[divisor.count - 2])
        // It cannot be above the divisor's first limb: then the last digit was too small.
        guard limbs[high] < first else { return .max }
        var (digit, rest) = first.dividingFullWidth((limbs[high], limbs[high - 1]))
        while true {
            let product = digit.multipliedFullWidth(by: second)
            guard (product.high, product.low) > (rest, limbs[high - 2]) else { return digit }
            digit -= 1
            let (sum, overflow) = rest.addingReportingOverflow(first)
            guard !overflow else { return digit }
            rest = sum
        }
    }

    /// Subtracts a multiple; says whether the result is negative.
    private mutating func subtract(_ divisor: WideUInt, times digit: UInt64, at place: Int) -> Bool {
        var carry: UInt64 = 0
        for index in 0..<divisor.count {
            let product = digit.multipliedFullWidth(by: divisor.limbs[index])
            let (low, overflow) = product.low.addingReportingOverflow(carry)
            let (difference, borrow) = limbs[place + index].subtractingReportingOverflow(low)
            limbs[place + index] = difference
            carry = product.high &+ (overflow ? 1 : 0) &+ (borrow ? 1 : 0)
        }
        let (difference, borrow) = limbs[place + divisor.count].subtractingReportingOverflow(carry)
        limbs[place + divisor.count] = difference
        return borrow
    }

    /// Adds the divisor to a negative result; says whether that made it positive.
    private mutating func addBack(_ divisor: WideUInt, at place: Int) -> Bool {
        var carry = false
        for index in 0...divisor.count {
            let (partial, first) = limbs[place + index].addingReportingOverflow(divisor.limbs[index])
            let (sum, second) = partial.addingReportingOverflow(carry ? 1 : 0)
            limbs[place + index] = sum
            carry = first || second
        }
        return carry
    }

    /// The number times 2^shift, for a shift below 64; the count may have one limb too few.
    private func shiftedLeft(by shift: UInt64) -> WideUInt {
        guard shift > 0 else { return self }
        var result = self
        for index in stride(from: count, to: 0, by: -1) {
            result.limbs[index] = limbs[index] << shift | limbs[index - 1] >> (64 - shift)
        }
        result.limbs[0] = limbs[0] << shift
        return result
    }

    private func shiftedRight(by shift: UInt64) -> WideUInt {
        guard shift > 0 else { return self }
        var result = self
        for index in 0..<count {
            result.limbs[index] = limbs[index] >> shift | limbs[index + 1] << (64 - shift)
        }
        result.trim(from: count)
        return result
    }
}
