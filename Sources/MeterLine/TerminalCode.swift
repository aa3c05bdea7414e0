/// What a terminal or syslog wrote into a line that is not part of any word: colour codes and escaped control characters.
///
/// A colour code is `ESC [`, parameters, and a letter (ECMA-48, 5.4). The ESC reaches a log in many spellings, or is lost.
enum TerminalCode {
    private static let escape: UInt8 = 0x1b

    /// Behind the colour code, or the control character in syslog's spelling, at a position; nil when there is none.
    @inline(__always)
    static func end(_ text: Span<UInt8>, at position: Int) -> Int? {
        guard position < text.count, mayBegin(text[position]) else { return nil }
        return endOfColour(text, at: position) ?? endOfSyslogControl(text, at: position)
    }

    /// Whether a byte begins one of them in some spelling.
    @inline(__always)
    private static func mayBegin(_ byte: UInt8) -> Bool {
        byte == escape || byte == UInt8(ascii: "[") || byte == UInt8(ascii: "\\") || byte == UInt8(ascii: "#")
            || byte == UInt8(ascii: "^")
    }

    /// Whether a colour code, or a control character in syslog's spelling, ends right before a position.
    static func ends(_ text: Span<UInt8>, before position: Int) -> Bool {
        colourEnds(text, before: position)
            || position >= 4 && endOfSyslogControl(text, at: position - 4) == position
    }

    // MARK: - Colour codes

    /// Behind the colour codes that begin at a position.
    @inline(__always)
    static func endOfColours(_ text: Span<UInt8>, from start: Int) -> Int {
        var position = start
        while position < text.count, mayBegin(text[position]), let end = endOfColour(text, at: position) {
            position = end
        }
        return position
    }

    @inline(never)
    private static func endOfColour(_ text: Span<UInt8>, at position: Int) -> Int? {
        if let bracket = endOfEscape(text, at: position), byte(text, bracket) == UInt8(ascii: "["),
            let letter = letterBehindParameters(text, from: bracket + 1)
        {
            return letter + 1
        }
        // The ESC was lost: only what can hardly be anything else.
        guard byte(text, position) == UInt8(ascii: "["), isDigit(byte(text, position + 1)),
            let letter = letterBehindParameters(text, from: position + 1), isColourOrErasure(text[letter])
        else { return nil }
        return letter + 1
    }

    private static func colourEnds(_ text: Span<UInt8>, before position: Int) -> Bool {
        guard position > 1, isLetter(text[position - 1]) else { return false }
        var bracket = position - 2
        while bracket > 0, isParameter(text[bracket]) { bracket -= 1 }
        guard text[bracket] == UInt8(ascii: "[") else { return false }
        if isDigit(text[bracket + 1]), isColourOrErasure(text[position - 1]) { return true }
        return escapeEnds(text, before: bracket)
    }

    /// `m` sets colours, `K` erases a line.
    private static func isColourOrErasure(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "m") || byte == UInt8(ascii: "K")
    }

    private static func letterBehindParameters(_ text: Span<UInt8>, from start: Int) -> Int? {
        var position = start
        while isParameter(byte(text, position)) { position += 1 }
        return isLetter(byte(text, position)) ? position : nil
    }

    private static func isParameter(_ byte: UInt8) -> Bool { (0x30...0x3f).contains(byte) }

    private static func isLetter(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte | 0x20)
    }

    // MARK: - The spellings of ESC

    /// What follows the backslashes in a spelling of ESC: JSON's, then those of C, Go, Python and shells.
    private static let spellings: [StaticString] = ["u001b", "x1b", "033", "e"]

    /// Behind the ESC at a position, however it is spelled; nil when there is none.
    private static func endOfEscape(_ text: Span<UInt8>, at position: Int) -> Int? {
        switch byte(text, position) {
        case escape: return position + 1
        case UInt8(ascii: "^"): return byte(text, position + 1) == UInt8(ascii: "[") ? position + 2 : nil
        case UInt8(ascii: "#"): return has("033", text, at: position + 1) ? position + 4 : nil
        case UInt8(ascii: "\\"):
            var end = position + 1
            while byte(text, end) == UInt8(ascii: "\\") { end += 1 }
            return spellings.first { has($0, text, at: end) }.map { end + $0.utf8CodeUnitCount }
        default: return nil
        }
    }

    private static func escapeEnds(_ text: Span<UInt8>, before end: Int) -> Bool {
        guard end > 0 else { return false }
        if text[end - 1] == escape || end > 1 && endOfEscape(text, at: end - 2) == end { return true }
        return end > 3 && text[end - 4] == UInt8(ascii: "#") && has("033", text, at: end - 3)
            || spellings.contains { spelling in
                let start = end - spelling.utf8CodeUnitCount
                return start > 0 && text[start - 1] == UInt8(ascii: "\\") && has(spelling, text, at: start)
            }
    }

    /// How many bytes an ESC takes that a writer other than one of JSON spelled with a backslash: `\x1b`, `\033`, `\e`.
    ///
    /// `isCutOff` when the bytes end where one may begin.
    static func foreignEscape(_ text: Span<UInt8>, at position: Int) -> (length: Int?, isCutOff: Bool) {
        for spelling in spellings.dropFirst() where has(spelling, text, at: position + 1) {
            return (1 + spelling.utf8CodeUnitCount, false)
        }
        let rest = text.count - position - 1
        let isCutOff = spellings.dropFirst().contains { spelling in
            rest < spelling.utf8CodeUnitCount && has(spelling, text, at: position + 1, count: rest)
        }
        return (nil, isCutOff)
    }

    // MARK: - Syslog

    /// Behind `#` and the three octal digits of a control character, as rsyslog writes one (`$EscapeControlCharactersOnReceive`).
    private static func endOfSyslogControl(_ text: Span<UInt8>, at position: Int) -> Int? {
        guard byte(text, position) == UInt8(ascii: "#") else { return nil }
        let digits = (byte(text, position + 1), byte(text, position + 2), byte(text, position + 3))
        let isControl =
            digits.0 == UInt8(ascii: "0") && (UInt8(ascii: "0")...UInt8(ascii: "3")).contains(digits.1)
            && (UInt8(ascii: "0")...UInt8(ascii: "7")).contains(digits.2)
        return isControl || has("177", text, at: position + 1) ? position + 4 : nil
    }

    // MARK: - Bytes

    /// The byte at a position; 0 behind the end.
    private static func byte(_ text: Span<UInt8>, _ position: Int) -> UInt8 {
        position < text.count ? text[position] : 0
    }

    /// Whether a text stands at a position, the hexadecimal digit in either case.
    private static func has(_ word: StaticString, _ text: Span<UInt8>, at position: Int, count: Int? = nil) -> Bool {
        let count = count ?? word.utf8CodeUnitCount
        guard position + count <= text.count else { return false }
        for offset in 0..<count {
            let byte = text[position + offset]
            let expected = unsafe word.utf8Start[offset]
            let isDigit = expected == UInt8(ascii: "b") && byte == UInt8(ascii: "B")
            guard byte == expected || isDigit else { return false }
        }
        return true
    }
}
