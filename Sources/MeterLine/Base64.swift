/// Base64 with the standard alphabet and padding (RFC 4648, section 4), as Kinesis events carry their data.
package enum Base64 {
    private static let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    /// What each byte adds to a group of three, by its place among the four: the first of the three bytes lowest, 1 in the
    /// highest of the four when it is no digit.
    private static let parts: [UInt32] = {
        var parts = [UInt32](repeating: 1 << 24, count: 4 * 256)
        for (value, byte) in alphabet.enumerated() {
            for place in 0..<4 {
                parts[place * 256 + Int(byte)] = (UInt32(value) << (26 - 6 * UInt32(place))).byteSwapped
            }
        }
        return parts
    }()

    /// Decodes; nil when the text is no base64.
    ///
    /// Missing padding is accepted.
    package static func decode(_ text: Span<UInt8>) -> [UInt8]? {
        var output: [UInt8] = []
        return decode(text, into: &output) ? output : nil
    }

    /// Decodes into an array in place of what is in it; false when the text is no base64.
    ///
    /// Missing padding is accepted.
    package static func decode(_ text: Span<UInt8>, into output: inout [UInt8]) -> Bool {
        var end = text.count
        while end > 0, text.count - end < 2, text[end - 1] == UInt8(ascii: "=") { end -= 1 }
        output.removeAll(keepingCapacity: true)
        guard end % 4 != 1, end == text.count || text.count % 4 == 0 else { return false }
        let parts = parts.span
        var isValid = false
        // A group of three is written as four bytes, of which the last is none.
        output.append(addingCapacity: end / 4 * 3 + 4) { span in
            isValid = ByteText.with(text) { bytes in decodeGroups(bytes, to: end, parts, &span) }
        }
        return isValid
    }

    private static func decodeGroups(
        _ text: ByteText, to end: Int, _ parts: Span<UInt32>, _ output: inout OutputSpan<UInt8>
    ) -> Bool {
        var faults: UInt32 = 0
        unsafe output.withUnsafeMutableBufferPointer { buffer, count in
            guard let base = buffer.baseAddress else { return }
            let start = UnsafeMutableRawPointer(base)
            precondition(buffer.count - count >= end / 4 * 3 + 4)
            var position = 0
            while position <= end - 8 {
                let digits = text.word(at: position)
                let (four, next) = (decoded(digits, parts), decoded(digits >> 32, parts))
                faults |= four | next
                unsafe start.storeBytes(of: four.littleEndian, toByteOffset: count, as: UInt32.self)
                unsafe start.storeBytes(of: next.littleEndian, toByteOffset: count &+ 3, as: UInt32.self)
                (position, count) = (position &+ 8, count &+ 6)
            }
            if position <= end - 4 {
                let four = decoded(text.word(at: position), parts)
                faults |= four
                unsafe start.storeBytes(of: four.littleEndian, toByteOffset: count, as: UInt32.self)
                count += 3
            }
            let rest = end % 4
            guard rest > 0 else { return }
            // The digits that are missing count as zeros.
            let digits = text.word(at: end - rest) & (1 << UInt64(8 * rest) - 1)
            let four = decoded(digits | 0x4141_4141 << UInt64(8 * rest), parts)
            faults |= four
            for byte in 0..<rest - 1 {
                unsafe start.storeBytes(
                    of: UInt8(truncatingIfNeeded: four >> UInt32(8 * byte)), toByteOffset: count, as: UInt8.self)
                count += 1
            }
        }
        return faults >> 24 == 0
    }

    /// Four digits, the first one lowest, as three bytes.
    @inline(__always)
    private static func decoded(_ digits: UInt64, _ parts: Span<UInt32>) -> UInt32 {
        parts[Int(digits & 255)] | parts[256 + Int(digits >> 8 & 255)] | parts[512 + Int(digits >> 16 & 255)]
            | parts[768 + Int(digits >> 24 & 255)]
    }

    /// Encodes with padding.
    package static func encode(_ bytes: [UInt8]) -> String {
        var output: [UInt8] = []
        output.reserveCapacity((bytes.count + 2) / 3 * 4)
        var position = 0
        while position < bytes.count {
            let count = min(3, bytes.count - position)
            var bits: UInt32 = 0
            for index in 0..<3 {
                bits = bits << 8 | (index < count ? UInt32(bytes[position + index]) : 0)
            }
            for index in 0..<4 {
                output.append(
                    index <= count ? alphabet[Int(bits >> (18 - 6 * UInt32(index)) & 63)] : UInt8(ascii: "="))
            }
            position += 3
        }
        return String(decoding: output, as: UTF8.self)
    }
}
