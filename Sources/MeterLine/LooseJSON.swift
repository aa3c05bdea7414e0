/// A reader of JSON that somebody else's machine wrote around log messages: envelopes and Lambda events.
///
/// Other than `JSON` it takes strings as they come, so that a message that is not UTF-8 in places, or has raw control
/// characters in it, harms neither its neighbours nor the envelope. Nesting costs it nothing.
enum LooseJSON {
    /// The end of the bytes where more was expected, or another byte than expected.
    struct Fault: Error {
        var position: Int
    }

    static func byte(_ bytes: Span<UInt8>, _ position: Int) throws(Fault) -> UInt8 {
        guard position < bytes.count else { throw Fault(position: position) }
        return bytes[position]
    }

    static func expect(_ expected: UInt8, _ bytes: Span<UInt8>, _ position: inout Int) throws(Fault) {
        guard try byte(bytes, position) == expected else { throw Fault(position: position) }
        position += 1
    }

    /// Reads a string whose opening quote stands at the position.
    static func string(_ bytes: Span<UInt8>, _ position: inout Int) throws(Fault) -> JSON.StringToken {
        try expect(UInt8(ascii: "\""), bytes, &position)
        let start = position
        guard let end = ByteText.with(bytes, { $0.endOfString(from: start) }) else {
            throw Fault(position: bytes.count)
        }
        position = end.position + 1
        return JSON.StringToken(
            range: start..<end.position, hasEscapes: end.hasEscapes, mayHaveUnicodeEscapes: end.hasUnicodeEscapes)
    }

    /// Passes over one value of any kind.
    static func skip(_ bytes: Span<UInt8>, _ position: inout Int) throws(Fault) {
        var depth = 0
        repeat {
            JSON.skipWhitespace(bytes, &position)
            switch try byte(bytes, position) {
            case UInt8(ascii: "\""):
                _ = try string(bytes, &position)
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                depth += 1
                position += 1
            case UInt8(ascii: "}"), UInt8(ascii: "]"):
                guard depth > 0 else { throw Fault(position: position) }
                depth -= 1
                position += 1
            case UInt8(ascii: ","), UInt8(ascii: ":"):
                guard depth > 0 else { throw Fault(position: position) }
                position += 1
            default:
                position = try endOfScalar(bytes, from: position)
            }
        } while depth > 0
    }

    private static func endOfScalar(_ bytes: Span<UInt8>, from start: Int) throws(Fault) -> Int {
        var position = start
        while position < bytes.count {
            switch bytes[position] {
            case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "z"),
                UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
                position += 1
            default:
                guard position > start else { throw Fault(position: position) }
                return position
            }
        }
        guard position > start else { throw Fault(position: position) }
        return position
    }

    /// Reads an object that starts at the position; `body` must read each member's value.
    static func members(
        _ bytes: Span<UInt8>, _ position: inout Int,
        _ body: (_ name: Range<Int>, Span<UInt8>, inout Int) throws(Fault) -> Void
    ) throws(Fault) {
        try expect(UInt8(ascii: "{"), bytes, &position)
        JSON.skipWhitespace(bytes, &position)
        if try byte(bytes, position) == UInt8(ascii: "}") {
            position += 1
            return
        }
        while true {
            JSON.skipWhitespace(bytes, &position)
            let name = try string(bytes, &position).range
            JSON.skipWhitespace(bytes, &position)
            try expect(UInt8(ascii: ":"), bytes, &position)
            JSON.skipWhitespace(bytes, &position)
            try body(name, bytes, &position)
            JSON.skipWhitespace(bytes, &position)
            if try byte(bytes, position) == UInt8(ascii: "}") { break }
            try expect(UInt8(ascii: ","), bytes, &position)
        }
        position += 1
    }

    /// Reads an array that starts at the position; `body` must read each element.
    static func elements(
        _ bytes: Span<UInt8>, _ position: inout Int,
        _ body: (Span<UInt8>, inout Int) throws(Fault) -> Void
    ) throws(Fault) {
        try expect(UInt8(ascii: "["), bytes, &position)
        JSON.skipWhitespace(bytes, &position)
        if try byte(bytes, position) == UInt8(ascii: "]") {
            position += 1
            return
        }
        while true {
            JSON.skipWhitespace(bytes, &position)
            try body(bytes, &position)
            JSON.skipWhitespace(bytes, &position)
            if try byte(bytes, position) == UInt8(ascii: "]") { break }
            try expect(UInt8(ascii: ","), bytes, &position)
        }
        position += 1
    }

    /// A string's or a number's text.
    static func text(_ bytes: Span<UInt8>, _ position: inout Int) throws(Fault) -> String {
        if try byte(bytes, position) == UInt8(ascii: "\"") {
            let token = try string(bytes, &position)
            guard token.hasEscapes else { return JSON.text(token.range, in: bytes) }
            return String(decoding: decoded(token.range, in: bytes), as: UTF8.self)
        }
        let end = try endOfScalar(bytes, from: position)
        defer { position = end }
        return JSON.text(position..<end, in: bytes)
    }

    /// The content of a string with its escapes decoded.
    ///
    /// What is no escape stays as it is written; half of a surrogate pair becomes U+FFFD.
    static func decoded(_ range: Range<Int>, in bytes: Span<UInt8>) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(range.count)
        let content = bytes.extracting(range)
        var position = 0
        while position < content.count {
            let start = position
            while position < content.count, content[position] != UInt8(ascii: "\\") { position += 1 }
            append(content.extracting(start..<position), to: &output)
            guard position < content.count else { break }
            if case .scalar(let scalar, let length) = Escape(content, at: position) {
                output.append(contentsOf: Unicode.UTF8.encode(scalar) ?? .init())
                position += length
            } else if isUnicodeEscape(content, at: position) {
                output.append(contentsOf: [0xef, 0xbf, 0xbd])
                position += 6
            } else {
                output.append(content[position])
                position += 1
            }
        }
        return output
    }

    private static func isUnicodeEscape(_ bytes: Span<UInt8>, at position: Int) -> Bool {
        guard position + 6 <= bytes.count, bytes[position + 1] == UInt8(ascii: "u") else { return false }
        for index in position + 2..<position + 6 where hexDigit(bytes[index]) == nil { return false }
        return true
    }

    /// Whether the bytes of a name are these.
    static func isName(_ name: Range<Int>, _ expected: String, in bytes: Span<UInt8>) -> Bool {
        guard name.count == expected.utf8.count else { return false }
        var position = name.lowerBound
        for byte in expected.utf8 {
            if bytes[position] != byte { return false }
            position += 1
        }
        return true
    }
}
