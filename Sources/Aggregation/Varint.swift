/// Whole numbers in as few bytes as they need: seven bits in each, the lowest first, the top bit set on all but the last.
enum Varint {
    static func encode(_ value: UInt64, into bytes: inout [UInt8]) {
        var rest = value
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    /// Encodes a number with sign so that it is short when its magnitude is small.
    static func encode(signed value: Int64, into bytes: inout [UInt8]) {
        encode(UInt64(bitPattern: value << 1 ^ value >> 63), into: &bytes)
    }

    /// Nil when the bytes end early, hold more than 64 bits, or are more than the number needs.
    static func decode(_ bytes: Span<UInt8>, at position: inout Int) -> UInt64? {
        var value: UInt64 = 0
        for shift in stride(from: UInt64(0), through: 63, by: 7) {
            guard let byte = bytes.next(at: &position) else { return nil }
            guard shift < 63 || byte <= 1 else { return nil }
            value |= UInt64(byte & 0x7F) << shift
            if byte < 0x80 { return byte == 0 && shift > 0 ? nil : value }
        }
        return nil
    }

    static func decodeSigned(_ bytes: Span<UInt8>, at position: inout Int) -> Int64? {
        decode(bytes, at: &position).map { Int64(bitPattern: $0 >> 1) ^ -Int64(bitPattern: $0 & 1) }
    }
}

extension Span where Element == UInt8 {
    /// The byte at a position, which is moved on; nil when it is not within the bytes.
    func next(at position: inout Int) -> UInt8? {
        guard position >= 0, position < count else { return nil }
        position += 1
        return self[position - 1]
    }
}
