/// On which escape level a tag stands: 0 in plain text, 1 inside a JSON string, 2 in a string that such a string holds.
///
/// The text before a tag may be anything, so the level is told by the first quotation mark behind the tag: a record
/// on level 1 writes its quotes as `\"`, one on level 2 as `\\\"`. Some writers have `\u0022` for `\"`.
enum EscapeLevel {
    /// The deepest level that is read.
    static let maximum = 3

    /// The level of the quotation mark that starts at a position, with its backslashes.
    ///
    /// Returns nil when no quotation mark starts there; `level` is nil when the backslashes before it fit no level.
    static func ofQuote(_ bytes: Span<UInt8>, at position: Int) -> (level: Int?, end: Int)? {
        var end = position
        while end < bytes.count, bytes[end] == UInt8(ascii: "\\") { end += 1 }
        guard end < bytes.count else { return nil }
        let backslashes = end - position
        if bytes[end] == UInt8(ascii: "\"") {
            return (level(backslashes: backslashes, isUnicodeEscape: false), end + 1)
        }
        guard backslashes > 0, unicodeEscape(bytes, at: end) == UInt32(UInt8(ascii: "\"")) else { return nil }
        return (level(backslashes: backslashes, isUnicodeEscape: true), end + 5)
    }

    /// The code unit of the `uXXXX` at a position.
    private static func unicodeEscape(_ bytes: Span<UInt8>, at position: Int) -> UInt32? {
        guard position >= 0, position + 5 <= bytes.count, bytes[position] == UInt8(ascii: "u") else { return nil }
        var unit: UInt32 = 0
        for index in position + 1..<position + 5 {
            guard let digit = hexDigit(bytes[index]) else { return nil }
            unit = unit << 4 | UInt32(digit)
        }
        return unit
    }

    /// The white space, colon, equals sign or apostrophe at a position, escaped or not, and where it ends.
    ///
    /// Some writers have `\u003d` for `=` in their strings. White space comes back as a space.
    static func separator(_ bytes: Span<UInt8>, at position: Int) -> (byte: UInt8, end: Int)? {
        var end = position
        while end < bytes.count, bytes[end] == UInt8(ascii: "\\") { end += 1 }
        guard end < bytes.count else { return nil }
        var byte = bytes[end]
        if end > position {
            switch byte {
            case UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
                byte = 0x20
            default:
                guard let unit = unicodeEscape(bytes, at: end), let escaped = UInt8(exactly: unit) else { return nil }
                byte = escaped
                end += 4
            }
        }
        if JSON.isWhitespace(byte) { return (0x20, end + 1) }
        switch byte {
        case UInt8(ascii: ":"), UInt8(ascii: "="), UInt8(ascii: "'"): return (byte, end + 1)
        default: return nil
        }
    }

    /// Behind the `\uXXXX` at a position, however many backslashes it has.
    static func endOfUnicodeEscape(_ bytes: Span<UInt8>, at position: Int) -> Int? {
        var end = position
        while end < bytes.count, bytes[end] == UInt8(ascii: "\\") { end += 1 }
        return end > position && unicodeEscape(bytes, at: end) != nil ? end + 5 : nil
    }

    /// How often a string decoder must be applied until nothing is left but the quotation mark.
    private static func level(backslashes: Int, isUnicodeEscape: Bool) -> Int? {
        var backslashes = backslashes
        var isUnicodeEscape = isUnicodeEscape
        var level = 0
        while backslashes > 0 || isUnicodeEscape {
            if backslashes % 2 == 1 {
                isUnicodeEscape = false
            } else if !isUnicodeEscape || backslashes == 0 {
                return nil
            }
            backslashes /= 2
            level += 1
        }
        return level
    }

    /// Whether the byte before a tag, seen on the tag's level, ends a word: `\namberflo_meter` inside a JSON string is
    /// a line feed and the tag.
    static func endsWord(_ bytes: Span<UInt8>, before position: Int, level: Int) -> Bool {
        guard position > 0, isWordByte(bytes[position - 1]) else { return true }
        if TerminalCode.ends(bytes, before: position) { return true }
        guard var text = escapeSequence(bytes, before: position) else { return false }
        for _ in 0..<level {
            let decoded = UnescapedText(text.span, from: 0, level: 1, prefix: text.count)
            guard decoded.isWhole, let last = decoded.text.last else { return false }
            if !isWordByte(last) { return true }
            text = decoded.text
        }
        return false
    }

    /// The backslashes that may make an escape of the letter, or of the `uXXXX`, before a position, with that letter.
    private static func escapeSequence(_ bytes: Span<UInt8>, before position: Int) -> [UInt8]? {
        var letter = position - 1
        var ending = [bytes[letter]]
        if let unit = unicodeEscape(bytes, at: position - 5) {
            letter = position - 5
            // Half of a surrogate pair says nothing alone; like any letter beyond ASCII it is no part of a word.
            let isSurrogate = unit >= 0xd800 && unit <= 0xdfff
            ending = isSurrogate ? Array("u00e9".utf8) : MeterLine.bytes(of: bytes.extracting(letter..<position))
        }
        var start = letter
        while start > 0, bytes[start - 1] == UInt8(ascii: "\\") { start -= 1 }
        return start < letter ? MeterLine.bytes(of: bytes.extracting(start..<letter)) + ending : nil
    }
}

/// Whether a byte can be a part of a tag's word.
func isWordByte(_ byte: UInt8) -> Bool {
    isDigit(byte) || (byte | 0x20 >= UInt8(ascii: "a") && byte | 0x20 <= UInt8(ascii: "z")) || byte == UInt8(ascii: "_")
}

/// The text behind a tag as it reads on the tag's escape level, and the way back to positions in the message.
struct UnescapedText {
    /// The text after each decoding; the last layer is the text on the level asked for.
    private var layers: [[UInt8]] = []
    /// Whether a longer prefix of the message could give more text.
    let mayGrow: Bool
    /// Whether the text holds all that was given.
    let isWhole: Bool
    private let start: Int

    /// Decodes what begins at `start`, `level` times.
    ///
    /// - Parameters:
    ///   - level: 1 or more.
    ///   - prefix: how many bytes of the message to look at, at most.
    init(_ message: Span<UInt8>, from start: Int, level: Int, prefix: Int) {
        self.start = start
        let end = min(message.count, start + prefix)
        var mayGrow = end < message.count
        var isWhole = true
        var layer = EscapedLayer(message.extracting(start..<end))
        layers.append(layer.output)
        mayGrow = mayGrow && layer.stop == .inputEnd
        isWhole = layer.consumed == end - start
        for _ in 1..<level {
            guard let below = layers.last else { break }
            layer = EscapedLayer(below.span)
            layers.append(layer.output)
            mayGrow = mayGrow && layer.stop == .inputEnd
            isWhole = isWhole && layer.consumed == below.count
        }
        self.mayGrow = mayGrow
        self.isWhole = isWhole
    }

    /// The text on the level asked for.
    var text: [UInt8] { layers.last ?? [] }

    /// The position in the message behind the first `count` bytes of the text.
    func messagePosition(_ message: Span<UInt8>, behind count: Int) -> Int {
        var count = count
        for below in layers.dropLast().reversed() {
            count = EscapedLayer(below.span, limit: count).consumed
        }
        return start + EscapedLayer(message.extracting(start...), limit: count).consumed
    }
}

/// One decoding of the inside of a string.
struct EscapedLayer {
    /// Who wrote the string.
    enum Style {
        /// A writer of JSON, or one like it that spells an ESC otherwise; between quotation marks.
        case json
        /// Python's `repr`, Node's `inspect` and their like; between apostrophes.
        case apostrophes
    }

    enum Stop { case inputEnd, stringEnd, limit }

    private(set) var output: [UInt8] = []
    private(set) var consumed = 0
    private(set) var stop = Stop.inputEnd

    /// Decodes until the string ends, an escape or a byte is no part of a string, `limit` bytes have come out, or the
    /// input ends.
    init(_ input: Span<UInt8>, _ style: Style = .json, limit: Int = .max) {
        let delimiter = style == .json ? UInt8(ascii: "\"") : UInt8(ascii: "'")
        output.reserveCapacity(min(input.count, limit))
        while consumed < input.count {
            guard output.count < limit else {
                stop = .limit
                return
            }
            let byte = input[consumed]
            // No JSON has an ESC as it is, but a line in a terminal's colours may.
            guard byte >= 0x20 || byte == 0x1b && style == .json, byte != delimiter else {
                stop = .stringEnd
                return
            }
            guard byte == UInt8(ascii: "\\") else {
                output.append(byte)
                consumed += 1
                continue
            }
            guard passEscape(input, style) else { return }
        }
    }

    /// Decodes the escape at the position; false when there is none, or none yet.
    private mutating func passEscape(_ input: Span<UInt8>, _ style: Style) -> Bool {
        switch Escape(input, at: consumed) {
        case .scalar(let scalar, let length):
            output.append(contentsOf: Unicode.UTF8.encode(scalar) ?? .init())
            consumed += length
            return true
        case .incomplete: return false
        case .invalid:
            let (byte, length, isCutOff) =
                style == .json ? Self.escapedESC(input, at: consumed) : Self.foreignEscape(input, at: consumed)
            if let byte {
                output.append(byte)
                consumed += length
                return true
            }
            if !isCutOff { stop = .stringEnd }
            return false
        }
    }

    /// An ESC that a writer other than one of JSON spelled.
    private static func escapedESC(
        _ input: Span<UInt8>, at position: Int
    ) -> (byte: UInt8?, length: Int, isCutOff: Bool) {
        let (length, isCutOff) = TerminalCode.foreignEscape(input, at: position)
        return (length == nil ? nil : 0x1b, length ?? 0, isCutOff)
    }

    /// `\'`, or the `\xNN` of an ASCII character.
    private static func foreignEscape(
        _ input: Span<UInt8>, at position: Int
    ) -> (byte: UInt8?, length: Int, isCutOff: Bool) {
        let letter = input[position + 1]
        if letter == UInt8(ascii: "'") { return (letter, 2, false) }
        guard letter == UInt8(ascii: "x") else { return (nil, 0, false) }
        guard position + 3 < input.count else { return (nil, 0, true) }
        guard let high = hexDigit(input[position + 2]), high < 8, let low = hexDigit(input[position + 3]) else {
            return (nil, 0, false)
        }
        return (high << 4 | low, 4, false)
    }
}
