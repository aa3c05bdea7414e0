/// Reads a part of a message as it is on an escape level, byte by byte, without decoding it as a whole.
///
/// An escape that is none of JSON is taken as it stands. The text ends where a string does that holds it.
struct LevelCursor {
    /// Where in the message the next byte begins.
    private(set) var position: Int
    private let end: Int
    private let level: Int

    init(_ range: Range<Int>, level: Int) {
        position = range.lowerBound
        end = range.upperBound
        self.level = level
    }

    /// The next byte, ASCII or a part of a character that is not; nil at the end of the text.
    mutating func next(_ message: Span<UInt8>) -> UInt8? {
        next(message, level)
    }

    private mutating func next(_ message: Span<UInt8>, _ level: Int) -> UInt8? {
        guard level > 0 else {
            guard position < end else { return nil }
            position += 1
            return message[position - 1]
        }
        let start = position
        guard let byte = next(message, level - 1) else { return nil }
        if byte == UInt8(ascii: "\"") {
            // On the level below a string ends here.
            position = start
            return nil
        }
        guard byte == UInt8(ascii: "\\") else { return byte }
        let behindBackslash = position
        if let escaped = escaped(message, level - 1) { return escaped }
        position = behindBackslash
        return byte
    }

    /// What the escape means whose backslash was read; 0x80 stands for all characters beyond ASCII.
    private mutating func escaped(_ message: Span<UInt8>, _ level: Int) -> UInt8? {
        switch next(message, level) {
        case UInt8(ascii: "\""): return UInt8(ascii: "\"")
        case UInt8(ascii: "\\"): return UInt8(ascii: "\\")
        case UInt8(ascii: "/"): return UInt8(ascii: "/")
        case UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"), UInt8(ascii: "b"), UInt8(ascii: "f"): return 0x20
        case UInt8(ascii: "u"):
            var unit = 0
            for _ in 0..<4 {
                guard let byte = next(message, level), let digit = hexDigit(byte) else { return nil }
                unit = unit << 4 | Int(digit)
            }
            return unit < 0x80 ? UInt8(unit) : 0x80
        default: return nil
        }
    }
}
