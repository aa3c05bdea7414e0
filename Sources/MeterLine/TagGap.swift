/// What stands between a tag and its value, in a text on the tag's escape level.
///
/// White space, colons and equals signs make a plain gap. A closing quotation mark of a member's name is part of it. Loggers
/// also set a tag apart, by brackets, emphasis or a separator (`[amberflo_meter] {…}`, `amberflo_meter - {…}`); then only what
/// names a meter is taken for the value.
struct TagGap {
    /// Where the value begins: at a bracket or a quotation mark; nil when neither comes soon enough.
    private(set) var opener: Int?
    /// Whether more than a plain gap stands before the value.
    private(set) var isSetApart = false
    /// Whether there is a colon or an equals sign.
    private(set) var hasSeparator = false
    /// Whether a quotation mark ends right behind the tag.
    private(set) var hasQuote = false
    /// Whether something that is no part of a word stands behind the quotation mark, or behind the tag.
    private(set) var hasSpace = false
    /// Behind the plain part of the gap.
    private(set) var plainEnd = 0

    /// How many characters that are neither letters nor digits may stand in a gap, white space and colour codes not counted.
    private static let maximumCharacters = 16

    /// Reads the gap at the beginning of a text.
    ///
    /// - Parameter isWhole: whether the text has an end; else there may be more of it.
    /// - Throws: `unexpectedEnd` when more of the text is needed.
    init(_ text: Span<UInt8>, isWhole: Bool) throws(JSON.Fault) {
        var position = TerminalCode.endOfColours(text, from: 0)
        if position < text.count, isQuote(text[position]) {
            hasQuote = true
            position += 1
        }
        let start = position
        var characters = 0
        while position < text.count {
            if let end = Self.endOfUncounted(text, at: position) {
                position = end
            } else if isSeparator(text[position]) {
                hasSeparator = true
                characters += 1
                position += 1
            } else {
                break
            }
        }
        plainEnd = position
        hasSpace = position > start
        while position < text.count, characters <= Self.maximumCharacters {
            if let end = Self.endOfUncounted(text, at: position) {
                position = end
            } else if isOpener(text[position]) {
                opener = position
                isSetApart = position > plainEnd || isQuote(text[position]) && hasQuote && !hasSeparator
                return
            } else if let end = endOfOther(text, at: position) {
                characters += 1
                position = end
            } else {
                break
            }
        }
        // What is cut off may be a colour code, or a character of several bytes.
        if !isWhole, text.count - position <= Self.maximumTail { throw .unexpectedEnd }
    }

    /// A text that ends sooner behind a position may go on with what a gap consists of.
    private static let maximumTail = 128

    private static func endOfUncounted(_ text: Span<UInt8>, at position: Int) -> Int? {
        TerminalCode.end(text, at: position) ?? (JSON.isWhitespace(text[position]) ? position + 1 : nil)
    }
}

/// Where a value begins behind a tag in a message, told before the tag's escape level is known.
enum RawGap {
    /// How many characters of a gap are looked at, white space not counted.
    private static let maximumCharacters = 64

    /// The bracket, or the quotation mark with its backslashes, that begins the value; nil when there is none.
    ///
    /// Of a value between apostrophes it is the bracket.
    ///
    /// - Parameter start: behind the tag, or behind the colour codes that follow it.
    static func opener(_ message: Span<UInt8>, behind start: Int) -> Int? {
        var position = start
        var characters = 0
        while position < message.count, characters <= maximumCharacters {
            if let end = TerminalCode.end(message, at: position) {
                position = end
            } else if isBracket(message[position]) || EscapeLevel.ofQuote(message, at: position) != nil {
                return position
            } else if let (byte, next) = EscapeLevel.separator(message, at: position) {
                if byte == UInt8(ascii: "'"), position > start {
                    return bracket(message, behind: next)
                }
                if byte != 0x20 { characters += 1 }
                position = next
            } else if let next = EscapeLevel.endOfUnicodeEscape(message, at: position)
                ?? endOfOther(message, at: position)
            {
                characters += 1
                position = next
            } else {
                return nil
            }
        }
        return nil
    }

    private static func bracket(_ message: Span<UInt8>, behind start: Int) -> Int? {
        var position = start
        while let (byte, end) = EscapeLevel.separator(message, at: position), byte == 0x20 { position = end }
        return position < message.count && isBracket(message[position]) ? position : nil
    }
}

/// Whether a byte opens an object or an array.
func isBracket(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "{") || byte == UInt8(ascii: "[") }

/// Whether a byte is a quotation mark, single or double.
func isQuote(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "'") }
private func isOpener(_ byte: UInt8) -> Bool { isBracket(byte) || isQuote(byte) }
private func isSeparator(_ byte: UInt8) -> Bool { byte == UInt8(ascii: ":") || byte == UInt8(ascii: "=") }

/// Behind the character at a position if it is neither a letter nor a digit; nil for these, and for bytes that are no UTF-8.
private func endOfOther(_ text: Span<UInt8>, at position: Int) -> Int? {
    let first = text[position]
    if first < 0x80 { return isWordByte(first) && first != UInt8(ascii: "_") ? nil : position + 1 }
    let length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2
    guard position + length <= text.count else { return nil }
    let character = bytes(of: text.extracting(position..<position + length))
    guard let scalar = String(validating: character, as: UTF8.self)?.unicodeScalars.first else { return nil }
    return isLetterOrDigit(scalar) ? nil : position + length
}

/// Whether a character is a letter or a digit, by its general category (Unicode Standard, 4.5).
func isLetterOrDigit(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .decimalNumber,
        .letterNumber, .otherNumber:
        true
    default: false
    }
}
