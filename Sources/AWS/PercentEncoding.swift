/// Percent-encoding as AWS signatures want it: everything but letters, digits, `-`, `.`, `_` and `~`, in capitals.
package enum PercentEncoding {
    /// Encodes a text's UTF-8, but for the bytes that `keeping` holds.
    package static func encode(_ text: String, keeping: String = "") -> String {
        encode(text.utf8, keeping: keeping)
    }

    /// Encodes bytes, but for the unreserved characters of RFC 3986 and those that `keeping` holds.
    package static func encode(_ bytes: some Sequence<UInt8>, keeping: String = "") -> String {
        let kept = keeping.utf8
        var encoded: [UInt8] = []
        for byte in bytes {
            if isUnreserved(byte) || kept.contains(byte) {
                encoded.append(byte)
            } else {
                encoded += [UInt8(ascii: "%"), Hex.capital(byte >> 4), Hex.capital(byte & 15)]
            }
        }
        return String(decoding: encoded, as: UTF8.self)
    }

    /// Decodes `%XX`; what is no valid escape stays as it is.
    package static func decode(_ text: some StringProtocol, plusIsSpace: Bool = false) -> [UInt8] {
        let bytes = Array(text.utf8)
        var decoded: [UInt8] = []
        var index = 0
        while index < bytes.count {
            if bytes[index] == UInt8(ascii: "%"), index + 2 < bytes.count, let high = Hex.value(bytes[index + 1]),
                let low = Hex.value(bytes[index + 2])
            {
                decoded.append(high << 4 | low)
                index += 3
            } else {
                decoded.append(plusIsSpace && bytes[index] == UInt8(ascii: "+") ? UInt8(ascii: " ") : bytes[index])
                index += 1
            }
        }
        return decoded
    }

    /// A form or query of names and values, in the order given.
    package static func query(_ items: [(String, String)]) -> String {
        items.map { "\(encode($0.0))=\(encode($0.1))" }.joined(separator: "&")
    }

    private static func isUnreserved(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"),
            UInt8(ascii: "~"):
            true
        default: false
        }
    }
}

/// Hexadecimal digits.
enum Hex {
    /// Bytes as lower-case digits.
    static func lower(_ bytes: some Sequence<UInt8>) -> String {
        var digits: [UInt8] = []
        for byte in bytes { digits += [capital(byte >> 4) | 0x20, capital(byte & 15) | 0x20] }
        return String(decoding: digits, as: UTF8.self)
    }

    static func capital(_ nibble: UInt8) -> UInt8 {
        nibble < 10 ? 0x30 + nibble : 0x37 + nibble
    }

    static func value(_ digit: UInt8) -> UInt8? {
        switch digit {
        case 0x30...0x39: digit - 0x30
        case 0x41...0x46: digit - 0x37
        case 0x61...0x66: digit - 0x57
        default: nil
        }
    }
}
