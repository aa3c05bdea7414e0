/// A reader of JSON (RFC 8259) over bytes, which keeps positions and copies nothing.
///
/// It is strict: what is no JSON, text that is no UTF-8, and escapes of lone surrogates are faults. A position is an
/// offset into the bytes given; each function starts at a position and moves it behind what it read.
package enum JSON {
    /// How deep objects and arrays may be nested in a record's value; the value's own braces are one level.
    static let maximumDepth = 16

    enum Fault: Error, Equatable {
        /// Something else than JSON stands at this offset.
        case malformed(at: Int)
        /// The bytes end inside the value.
        case unexpectedEnd
        /// The value is nested deeper than allowed.
        case tooDeep
    }

    /// The content of a string, its quotes not included.
    struct StringToken {
        var range: Range<Int>
        /// Whether the content holds a backslash, so that it must be decoded to be read.
        var hasEscapes: Bool
        /// Whether one of the escapes is, or may be, a `\u`; told by `LooseJSON` alone.
        var mayHaveUnicodeEscapes = true
    }

    /// One value and where it stands.
    ///
    /// Containers are validated, not interpreted.
    enum Value {
        case string(StringToken)
        case number(Range<Int>)
        case bool(Bool)
        case null
        case object(Range<Int>)
        case array(Range<Int>)
    }

    /// Whether the bytes are one JSON value with nothing but white space around it.
    package static func isDocument(_ bytes: Span<UInt8>) -> Bool {
        var position = 0
        skipWhitespace(bytes, &position)
        guard (try? value(bytes, &position)) != nil else { return false }
        skipWhitespace(bytes, &position)
        return position == bytes.count
    }

    // MARK: - White space and literals

    static func isWhitespace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0a || byte == 0x0d || byte == 0x09
    }

    static func skipWhitespace(_ bytes: Span<UInt8>, _ position: inout Int) {
        while position < bytes.count, isWhitespace(bytes[position]) { position += 1 }
    }

    /// The byte at a position; an end of the bytes there is a fault.
    static func peek(_ bytes: Span<UInt8>, _ position: Int) throws(Fault) -> UInt8 {
        guard position < bytes.count else { throw .unexpectedEnd }
        return bytes[position]
    }

    private static func literal(
        _ word: StaticString, _ bytes: Span<UInt8>, _ position: inout Int
    ) throws(Fault) {
        for index in 0..<word.utf8CodeUnitCount {
            guard position < bytes.count else { throw .unexpectedEnd }
            let expected = unsafe word.utf8Start[index]
            guard bytes[position] == expected else { throw .malformed(at: position) }
            position += 1
        }
    }

    // MARK: - Values

    /// Reads one value that starts right at the position.
    ///
    /// - Parameter depth: how many containers are open around the value.
    static func value(_ bytes: Span<UInt8>, _ position: inout Int, depth: Int = 0) throws(Fault) -> Value {
        let start = position
        switch try peek(bytes, position) {
        case UInt8(ascii: "\""):
            return .string(try string(bytes, &position))
        case UInt8(ascii: "{"):
            try members(bytes, &position, depth: depth) { _, bytes, position, depth throws(Fault) in
                _ = try value(bytes, &position, depth: depth)
            }
            return .object(start..<position)
        case UInt8(ascii: "["):
            try elements(bytes, &position, depth: depth) { bytes, position, depth throws(Fault) in
                _ = try value(bytes, &position, depth: depth)
            }
            return .array(start..<position)
        case UInt8(ascii: "t"):
            try literal("true", bytes, &position)
            return .bool(true)
        case UInt8(ascii: "f"):
            try literal("false", bytes, &position)
            return .bool(false)
        case UInt8(ascii: "n"):
            try literal("null", bytes, &position)
            return .null
        default:
            try number(bytes, &position)
            return .number(start..<position)
        }
    }

    /// Reads an object and hands on each key; `body` must read the key's value, which starts right at its position.
    static func members(
        _ bytes: Span<UInt8>, _ position: inout Int, depth: Int = 0,
        _ body: (StringToken, Span<UInt8>, inout Int, _ depth: Int) throws(Fault) -> Void
    ) throws(Fault) {
        guard depth < maximumDepth else { throw .tooDeep }
        position += 1
        skipWhitespace(bytes, &position)
        if try peek(bytes, position) == UInt8(ascii: "}") {
            position += 1
            return
        }
        while true {
            guard try peek(bytes, position) == UInt8(ascii: "\"") else { throw .malformed(at: position) }
            let key = try string(bytes, &position)
            skipWhitespace(bytes, &position)
            guard try peek(bytes, position) == UInt8(ascii: ":") else { throw .malformed(at: position) }
            position += 1
            skipWhitespace(bytes, &position)
            try body(key, bytes, &position, depth + 1)
            skipWhitespace(bytes, &position)
            if try endsContainer(bytes, &position, with: UInt8(ascii: "}")) { return }
            skipWhitespace(bytes, &position)
        }
    }

    /// Reads an array; `body` must read each element, which starts right at its position.
    static func elements(
        _ bytes: Span<UInt8>, _ position: inout Int, depth: Int = 0,
        _ body: (Span<UInt8>, inout Int, _ depth: Int) throws(Fault) -> Void
    ) throws(Fault) {
        guard depth < maximumDepth else { throw .tooDeep }
        position += 1
        skipWhitespace(bytes, &position)
        if try peek(bytes, position) == UInt8(ascii: "]") {
            position += 1
            return
        }
        while true {
            try body(bytes, &position, depth + 1)
            skipWhitespace(bytes, &position)
            if try endsContainer(bytes, &position, with: UInt8(ascii: "]")) { return }
            skipWhitespace(bytes, &position)
        }
    }

    /// Reads the comma or the closing bracket behind a member or an element.
    private static func endsContainer(
        _ bytes: Span<UInt8>, _ position: inout Int, with bracket: UInt8
    ) throws(Fault) -> Bool {
        let byte = try peek(bytes, position)
        guard byte == bracket || byte == UInt8(ascii: ",") else { throw .malformed(at: position) }
        position += 1
        return byte == bracket
    }

    // MARK: - Numbers

    /// Reads a number by the grammar of RFC 8259, section 6.
    static func number(_ bytes: Span<UInt8>, _ position: inout Int) throws(Fault) {
        if try peek(bytes, position) == UInt8(ascii: "-") { position += 1 }
        if try peek(bytes, position) == UInt8(ascii: "0") {
            position += 1
        } else {
            try digits(bytes, &position)
        }
        if position < bytes.count, bytes[position] == UInt8(ascii: ".") {
            position += 1
            try digits(bytes, &position)
        }
        if position < bytes.count, bytes[position] | 0x20 == UInt8(ascii: "e") {
            position += 1
            let sign = try peek(bytes, position)
            if sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { position += 1 }
            try digits(bytes, &position)
        }
    }

    private static func digits(_ bytes: Span<UInt8>, _ position: inout Int) throws(Fault) {
        guard isDigit(try peek(bytes, position)) else { throw .malformed(at: position) }
        while position < bytes.count, isDigit(bytes[position]) { position += 1 }
    }

    // MARK: - Strings

    /// Reads a string whose opening quote stands at the position.
    static func string(_ bytes: Span<UInt8>, _ position: inout Int) throws(Fault) -> StringToken {
        position += 1
        return try stringContent(bytes, &position)
    }

    /// Reads the rest of a string whose content starts at the position, its closing quote included.
    ///
    /// - Parameter isText: whether the content must be UTF-8.
    static func stringContent(
        _ bytes: Span<UInt8>, _ position: inout Int, isText: Bool = true
    ) throws(Fault) -> StringToken {
        let start = position
        var hasEscapes = false
        var isASCII = true
        while true {
            let byte = try peek(bytes, position)
            if byte == UInt8(ascii: "\"") { break }
            if byte == UInt8(ascii: "\\") {
                hasEscapes = true
                try skipEscape(bytes, &position)
                continue
            }
            guard byte >= 0x20 else { throw .malformed(at: position) }
            if byte >= 0x80 { isASCII = false }
            position += 1
        }
        let content = start..<position
        guard isASCII || !isText || (try? UTF8Span(validating: bytes.extracting(content))) != nil else {
            throw .malformed(at: start)
        }
        position += 1
        return StringToken(range: content, hasEscapes: hasEscapes)
    }

    private static func skipEscape(_ bytes: Span<UInt8>, _ position: inout Int) throws(Fault) {
        switch Escape(bytes, at: position) {
        case .scalar(_, let length): position += length
        case .invalid: throw .malformed(at: position)
        case .incomplete: throw .unexpectedEnd
        }
    }

    /// The content of a string, its escapes decoded.
    static func decoded(_ token: StringToken, in bytes: Span<UInt8>) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(token.range.count)
        var position = token.range.lowerBound
        while position < token.range.upperBound {
            if bytes[position] == UInt8(ascii: "\\"),
                case .scalar(let scalar, let length) = Escape(bytes, at: position)
            {
                output.append(contentsOf: Unicode.UTF8.encode(scalar) ?? .init())
                position += length
            } else {
                output.append(bytes[position])
                position += 1
            }
        }
        return output
    }

    /// The content of a string as text.
    static func text(_ token: StringToken, in bytes: Span<UInt8>) -> String {
        token.hasEscapes
            ? String(decoding: decoded(token, in: bytes), as: UTF8.self) : text(token.range, in: bytes)
    }

    /// Bytes as text; each part that is no UTF-8 becomes U+FFFD.
    static func text(_ range: Range<Int>, in bytes: Span<UInt8>) -> String {
        unsafe bytes.extracting(range).withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
    }
}

/// One escape sequence of a JSON string (RFC 8259, section 7).
enum Escape {
    /// A character and the length of its sequence in bytes: 2, 6, or 12 for a surrogate pair.
    case scalar(Unicode.Scalar, length: Int)
    /// No escape sequence of JSON, or half of a surrogate pair.
    case invalid
    /// The bytes end within the sequence.
    case incomplete

    /// Reads the sequence whose backslash stands at `position`.
    init(_ bytes: Span<UInt8>, at position: Int) {
        guard position + 1 < bytes.count else {
            self = .incomplete
            return
        }
        let plain: Unicode.Scalar
        switch bytes[position + 1] {
        case UInt8(ascii: "u"):
            self = Self.unicode(bytes, at: position)
            return
        case UInt8(ascii: "\""): plain = "\""
        case UInt8(ascii: "\\"): plain = "\\"
        case UInt8(ascii: "/"): plain = "/"
        case UInt8(ascii: "b"): plain = "\u{8}"
        case UInt8(ascii: "f"): plain = "\u{c}"
        case UInt8(ascii: "n"): plain = "\n"
        case UInt8(ascii: "r"): plain = "\r"
        case UInt8(ascii: "t"): plain = "\t"
        default:
            self = .invalid
            return
        }
        self = .scalar(plain, length: 2)
    }

    private static func unicode(_ bytes: Span<UInt8>, at position: Int) -> Escape {
        let first: UInt32
        switch codeUnit(bytes, at: position) {
        case .success(let unit): first = unit
        case .failure(let fault): return fault.escape
        }
        if let scalar = Unicode.Scalar(first) { return .scalar(scalar, length: 6) }
        guard first < 0xdc00 else { return .invalid }
        switch codeUnit(bytes, at: position + 6) {
        case .success(let second) where second >= 0xdc00 && second <= 0xdfff:
            let value = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)
            return Unicode.Scalar(value).map { .scalar($0, length: 12) } ?? .invalid
        case .success: return .invalid
        case .failure(let fault): return fault.escape
        }
    }

    private enum UnitFault: Error {
        case invalid
        case incomplete

        var escape: Escape {
            switch self {
            case .invalid: .invalid
            case .incomplete: .incomplete
            }
        }
    }

    /// The four digits of the `\uXXXX` at a position.
    private static func codeUnit(_ bytes: Span<UInt8>, at position: Int) -> Result<UInt32, UnitFault> {
        var value: UInt32 = 0
        for index in 0..<6 {
            guard position + index < bytes.count else { return .failure(.incomplete) }
            let byte = bytes[position + index]
            switch index {
            case 0: guard byte == UInt8(ascii: "\\") else { return .failure(.invalid) }
            case 1: guard byte == UInt8(ascii: "u") else { return .failure(.invalid) }
            default:
                guard let digit = hexDigit(byte) else { return .failure(.invalid) }
                value = value << 4 | UInt32(digit)
            }
        }
        return .success(value)
    }
}

func isDigit(_ byte: UInt8) -> Bool {
    byte >= UInt8(ascii: "0") && byte <= UInt8(ascii: "9")
}

/// The value of a hexadecimal digit; nil for another byte.
func hexDigit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): byte - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): byte - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): byte - UInt8(ascii: "A") + 10
    default: nil
    }
}
