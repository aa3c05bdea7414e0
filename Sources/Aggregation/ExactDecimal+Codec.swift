// A header byte and a mantissa, the least significant byte first. The header holds the sign (0x80), the scale (0x60)
// and the length of the mantissa (0x1F). Zero is the header 0x00 alone. A mantissa of 32 bytes has the length 0: it
// occurs with the finest scale only. Each number has one encoding.

/// The decimal places of a mantissa; numbers that people bill have few.
private enum Scale: UInt8 {
    case whole, milli, nano, full

    /// How many zeros the mantissa lacks to be units of 10^-30.
    var missingZeros: Int {
        switch self {
        case .whole: 30
        case .milli: 27
        case .nano: 21
        case .full: 0
        }
    }

    /// What a mantissa of one is in units of 10^-30.
    var units: UInt128 {
        switch self {
        case .whole: ExactDecimal.unitsInOne
        case .milli: ExactDecimal.unitsInOne / 1_000
        case .nano: ExactDecimal.unitsInOne / 1_000_000_000
        case .full: 1
        }
    }

    /// How many zeros at the end of a mantissa would allow the next coarser scale.
    private var zerosToCoarser: Int {
        switch self {
        case .whole: 0
        case .milli: 3
        case .nano: 6
        case .full: 21
        }
    }

    /// The mantissa with the next coarser scale; nil when that would lose digits.
    func coarser(_ mantissa: WideUInt) -> (scale: Scale, mantissa: WideUInt)? {
        guard let scale = Scale(rawValue: rawValue &- 1) else { return nil }
        var result = mantissa
        guard result.trailingZeroBits >= zerosToCoarser else { return nil }
        var zeros = zerosToCoarser
        while zeros > 0 {
            let step = min(zeros, 18)
            guard result.divide(by: PowersOfTen.small[step]) == 0 else { return nil }
            zeros -= step
        }
        return (scale, result)
    }
}

extension ExactDecimal {
    private static let signBit: UInt8 = 0x80
    private static let lengthBits: UInt8 = 0x1F

    /// Appends the number in a few bytes that tell where they end: 1 for zero, 2 for a whole number up to 255, at most
    /// 33; equal numbers have equal bytes.
    public func encode(into bytes: inout [UInt8]) {
        guard self != .zero else { return bytes.append(0) }
        let magnitude = magnitude
        var scale = Scale.full
        var mantissa = WideUInt(high: magnitude.high, low: magnitude.low)
        while let coarser = scale.coarser(mantissa) { (scale, mantissa) = coarser }
        let length = (mantissa.bitWidth + 7) / 8
        let sign = isNegative ? Self.signBit : 0
        bytes.append(sign | scale.rawValue << 5 | UInt8(truncatingIfNeeded: length) & Self.lengthBits)
        for place in 0..<length { bytes.append(mantissa.byte(at: place)) }
    }

    /// Reads what `encode(into:)` wrote, beginning at a position, which is moved behind it.
    ///
    /// Returns nil, and leaves the position, when the bytes there are nothing that `encode(into:)` writes.
    public init?(decoding bytes: Span<UInt8>, at position: inout Int) {
        var next = position
        guard let header = bytes.next(at: &next) else { return nil }
        if header == 0 {
            self = .zero
        } else {
            guard let scale = Scale(rawValue: header >> 5 & 3) else { return nil }
            let length = Int(header & Self.lengthBits)
            if scale != .full, (1...8).contains(length) {
                guard let mantissa = Self.small(bytes, at: &next, length: length, scale: scale) else { return nil }
                let signed = header & Self.signBit == 0 ? Int128(mantissa) : -Int128(mantissa)
                self.init(signed, units: scale.units)
                position = next
                return
            }
            guard let mantissa = Self.mantissa(bytes, at: &next, length: length, scale: scale),
                let value = Self.value(mantissa, scale: scale, isNegative: header & Self.signBit != 0)
            else { return nil }
            self = value
        }
        position = next
    }

    /// A mantissa of up to 64 bits, which nearly all have: it needs no wide arithmetic.
    private static func small(
        _ bytes: Span<UInt8>, at position: inout Int, length: Int, scale: Scale
    ) -> UInt64? {
        guard bytes.count - position >= length, bytes[position + length - 1] != 0 else { return nil }
        var mantissa: UInt64 = 0
        for place in 0..<length { mantissa |= UInt64(bytes[position + place]) << UInt64(place * 8) }
        // What a coarser scale could hold has another encoding.
        guard scale == .whole || !mantissa.isMultiple(of: scale == .milli ? 1_000 : 1_000_000) else { return nil }
        position += length
        return mantissa
    }

    private static func mantissa(
        _ bytes: Span<UInt8>, at position: inout Int, length: Int, scale: Scale
    ) -> WideUInt? {
        guard length > 0 || scale == .full else { return nil }
        let length = length == 0 ? 32 : length
        guard bytes.count - position >= length, bytes[position + length - 1] != 0 else { return nil }
        var limbs = InlineArray<4, UInt64>(repeating: 0)
        for place in 0..<length {
            limbs[place / 8] |= UInt64(bytes[position + place]) << UInt64(place % 8 * 8)
        }
        position += length
        return WideUInt(
            high: UInt128(limbs[3]) << 64 | UInt128(limbs[2]), low: UInt128(limbs[1]) << 64 | UInt128(limbs[0]))
    }

    private static func value(_ mantissa: WideUInt, scale: Scale, isNegative: Bool) -> ExactDecimal? {
        guard scale.coarser(mantissa) == nil else { return nil }
        var units = mantissa
        units.multiply(byPowerOfTen: scale.missingZeros)
        guard units.fitsHalves else { return nil }
        return ExactDecimal(magnitude: units.halves, isNegative: isNegative)
    }
}
