/// The plain text of a decimal number: as few digits as possible, and no exponent.
struct DecimalText {
    /// Room for the 77 digits of 2^256.
    private static let room = 80

    /// The significant digits as ASCII, at the end of the room.
    private var digits = InlineArray<80, UInt8>(repeating: UInt8(ascii: "0"))
    private var significant: Range<Int>
    /// How many of the digits stand in front of the point; it may be negative, or above their number.
    private let pointPosition: Int
    private let isNegative: Bool

    /// The number `coefficient` × 10^`exponent`; the coefficient is below 2^256.
    init(_ coefficient: WideUInt, exponent: Int, isNegative: Bool) {
        var start = Self.room
        var rest = coefficient
        while !rest.isZero {
            var chunk = rest.divide(by: PowersOfTen.largest)
            var place = start
            start = rest.isZero ? start : start - PowersOfTen.largestExponent
            while chunk > 0 {
                place -= 1
                digits[place] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: chunk % 10)
                chunk /= 10
            }
            start = min(start, place)
        }
        var end = Self.room
        while end > start, digits[end - 1] == UInt8(ascii: "0") { end -= 1 }
        significant = start..<end
        pointPosition = Self.room - start + exponent
        self.isNegative = isNegative
    }

    var text: String {
        var bytes: [UInt8] = []
        append(to: &bytes)
        return String(decoding: bytes, as: UTF8.self)
    }

    func append(to bytes: inout [UInt8]) {
        guard !significant.isEmpty else { return bytes.append(UInt8(ascii: "0")) }
        if isNegative { bytes.append(UInt8(ascii: "-")) }
        if pointPosition <= 0 {
            bytes.append(UInt8(ascii: "0"))
        } else {
            append(significant.prefix(pointPosition), to: &bytes)
            appendZeros(pointPosition - significant.count, to: &bytes)
        }
        guard significant.count > pointPosition else { return }
        bytes.append(UInt8(ascii: "."))
        appendZeros(-pointPosition, to: &bytes)
        append(significant.dropFirst(max(0, pointPosition)), to: &bytes)
    }

    private func append(_ places: Range<Int>, to bytes: inout [UInt8]) {
        for place in places { bytes.append(digits[place]) }
    }

    private func appendZeros(_ count: Int, to bytes: inout [UInt8]) {
        for _ in 0..<max(0, count) { bytes.append(UInt8(ascii: "0")) }
    }
}
