import Meter

/// What stands behind a tag.
enum TaggedValue {
    /// No value, null, or an empty array; the search goes on at this position.
    case mention(end: Int)
    /// A value that cannot be read, so that the search goes on right behind the tag.
    case unreadable(Rejection)
    /// A value that was read but is no object, no array and no string that holds one; it ends at this position.
    case notARecord(Rejection, end: Int)
    /// An object, or an array of values.
    case records(TaggedRecords, end: Int)
}

/// The elements of a value that was read, on the escape level on which their JSON is written.
struct TaggedRecords {
    var level: Int
    /// The text on that level that the fields' positions refer to; nil when it is the message from `offset` on.
    var text: [UInt8]?
    /// Where the text begins in the message; meaningful when `text` is nil.
    var offset: Int
    /// The fields of each element; nil for one that is no object.
    var elements: [RecordFields?]
}

/// Reads the one JSON value that follows a tag, on the escape level on which the tag stands.
struct TaggedValueReader {
    /// How much of a message is unescaped at first; more when the value turns out longer.
    private static let firstPrefix = 512

    /// The position of the next quotation mark from an earlier call.
    ///
    /// Positions only grow, so the search for quotation marks passes each byte once.
    private var nextQuote = 0

    /// The level of a tag that ends at `end`.
    ///
    /// It may be deeper than what is read.
    ///
    /// `isCertain` is false when no quotation mark of the value itself tells the level.
    mutating func level(_ message: Span<UInt8>, behind end: Int) -> (level: Int, isCertain: Bool) {
        let quote: (level: Int?, end: Int)?
        var isCertain = true
        if let direct = EscapeLevel.ofQuote(message, at: end) {
            quote = direct
        } else {
            let start = Self.valueStart(message, from: end)
            guard start < message.count else { return (0, false) }
            switch message[start] {
            case UInt8(ascii: "{"), UInt8(ascii: "["):
                quote = firstQuote(message, from: start)
                isCertain = Self.isOpening(message, start..<nextQuote)
            default: quote = EscapeLevel.ofQuote(message, at: start)
            }
        }
        guard let level = quote?.level else { return (0, false) }
        return (level, isCertain)
    }

    /// Whether a range holds opening brackets and white space alone.
    private static func isOpening(_ message: Span<UInt8>, _ range: Range<Int>) -> Bool {
        var position = range.lowerBound
        while position < range.upperBound {
            if message[position] == UInt8(ascii: "{") || message[position] == UInt8(ascii: "[") {
                position += 1
            } else if let (byte, end) = EscapeLevel.separator(message, at: position), byte == 0x20 {
                position = end
            } else {
                return false
            }
        }
        return true
    }

    /// Behind an apostrophe, white space, and one colon or equals sign, each of which may be escaped.
    private static func valueStart(_ message: Span<UInt8>, from end: Int) -> Int {
        var position = end
        var hasSeparator = false
        while let (byte, next) = EscapeLevel.separator(message, at: position) {
            switch byte {
            case UInt8(ascii: "'"):
                guard position == end else { return position }
            case UInt8(ascii: ":"), UInt8(ascii: "="):
                if hasSeparator { return position }
                hasSeparator = true
            default: break
            }
            position = next
        }
        return position
    }

    private mutating func firstQuote(_ message: Span<UInt8>, from start: Int) -> (level: Int?, end: Int)? {
        var position = max(start, nextQuote)
        while position < message.count {
            let byte = message[position]
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\"),
                let quote = EscapeLevel.ofQuote(message, at: position)
            {
                nextQuote = position
                return quote
            }
            if byte == UInt8(ascii: "\\") {
                while position + 1 < message.count, message[position + 1] == UInt8(ascii: "\\") { position += 1 }
            }
            position += 1
        }
        nextQuote = position
        return nil
    }

    // MARK: - Reading on a level

    /// What a text on one escape level begins with.
    private enum Outcome {
        /// Null or an empty array, or no value where none need be.
        case mention
        /// No value where one must be.
        case missing
        /// The content of a string that is no document.
        case noDocument
        case scalar
        case elements([RecordFields?])
        /// A string; the outcome's position is where its content begins.
        case string
    }

    /// Reads what follows a tag that ends at `end` and stands on `level`.
    func read(_ message: Span<UInt8>, behind end: Int, level: Int) -> TaggedValue {
        guard level <= EscapeLevel.maximum else { return .unreadable(.escapedTooOften) }
        return read(message, from: end, level: level) { text, isWhole throws(JSON.Fault) in
            try Self.behindTag(text, isWhole: isWhole)
        }
    }

    private func read(
        _ message: Span<UInt8>, from start: Int, level: Int,
        _ grammar: (Span<UInt8>, _ isWhole: Bool) throws(JSON.Fault) -> (Outcome, end: Int)
    ) -> TaggedValue {
        do throws(JSON.Fault) {
            let (outcome, end, text) = try onLevel(message, from: start, level: level, grammar)
            switch outcome {
            case .mention: return .mention(end: end)
            case .missing: return .unreadable(Rejection(.malformedJSON, "no value follows the tag"))
            case .noDocument: return noDocument(message, from: start, level: level)
            case .scalar:
                return .notARecord(Rejection(.notARecord, "the value is neither an object nor an array"), end: end)
            case .elements(let elements):
                return .records(TaggedRecords(level: level, text: text, offset: start, elements: elements), end: end)
            case .string: return readDocument(message, from: end, level: level + 1)
            }
        } catch {
            return .unreadable(error.rejection)
        }
    }

    /// Reads the content of a string that begins at `start`, as a document of its own.
    ///
    /// The string may be cut off as long as the document in it is whole.
    private func readDocument(_ message: Span<UInt8>, from start: Int, level: Int) -> TaggedValue {
        guard level <= EscapeLevel.maximum else { return .unreadable(.escapedTooOften) }
        let value = read(message, from: start, level: level) { text, isWhole throws(JSON.Fault) in
            try Self.document(text, isWhole: isWhole)
        }
        let stringEnd = endOfString(message, from: start, level: level - 1, isText: false)
        switch value {
        case .records(let records, let end): return .records(records, end: max(end, stringEnd ?? end))
        case .notARecord(let rejection, let end): return .notARecord(rejection, end: max(end, stringEnd ?? end))
        case .mention(let end): return .mention(end: max(end, stringEnd ?? end))
        case .unreadable: return value
        }
    }

    /// The content of a string, from `start` on at `level`, that holds neither an object nor an array.
    private func noDocument(_ message: Span<UInt8>, from start: Int, level: Int) -> TaggedValue {
        guard let end = endOfString(message, from: start, level: level - 1, isText: true) else {
            return .unreadable(Rejection(.malformedJSON, "the value is a string that is cut off or malformed"))
        }
        return .notARecord(Rejection(.notARecord, "the value is a string that holds no record"), end: end)
    }

    /// Behind the closing quotation mark of a string of `level` whose content begins at `start`; nil when it is cut
    /// off or no JSON string.
    ///
    /// - Parameter isText: whether the content must be UTF-8.
    private func endOfString(_ message: Span<UInt8>, from start: Int, level: Int, isText: Bool) -> Int? {
        let found = try? onLevel(message, from: start, level: level) { text, _ throws(JSON.Fault) in
            var position = 0
            _ = try JSON.stringContent(text, &position, isText: isText)
            return ((), end: position)
        }
        return found?.end
    }

    /// Takes the text from `start` on to its escape level, lets `body` look at as much of it as it needs, and brings
    /// the end of what it read back to a position in the message.
    ///
    /// `body` throws `unexpectedEnd` when it wants more of a text that is not whole. The text comes back too when it
    /// is another than the message's own.
    private func onLevel<Found>(
        _ message: Span<UInt8>, from start: Int, level: Int,
        _ body: (Span<UInt8>, _ isWhole: Bool) throws(JSON.Fault) -> (Found, end: Int)
    ) throws(JSON.Fault) -> (Found, end: Int, text: [UInt8]?) {
        guard level > 0 else {
            let (found, end) = try body(message.extracting(start...), true)
            return (found, start + end, nil)
        }
        var prefix = Self.firstPrefix
        while true {
            let unescaped = UnescapedText(message, from: start, level: level, prefix: prefix)
            do throws(JSON.Fault) {
                let text = unescaped.text
                let (found, end) = try body(text.span, !unescaped.mayGrow)
                return (found, unescaped.messagePosition(message, behind: end), text)
            } catch {
                guard error == .unexpectedEnd, unescaped.mayGrow else { throw error }
                prefix *= 4
            }
        }
    }

    // MARK: - The grammar behind a tag

    private static func behindTag(_ text: Span<UInt8>, isWhole: Bool) throws(JSON.Fault) -> (Outcome, end: Int) {
        var position = 0
        let hasQuote = !text.isEmpty && (text[0] == UInt8(ascii: "\"") || text[0] == UInt8(ascii: "'"))
        if hasQuote { position += 1 }
        let spaceStart = position
        try skipSpace(text, &position, isWhole: isWhole)
        var hasSeparator = false
        if position < text.count, text[position] == UInt8(ascii: ":") || text[position] == UInt8(ascii: "=") {
            hasSeparator = true
            position += 1
            try skipSpace(text, &position, isWhole: isWhole)
        }
        guard position < text.count else {
            return (hasSeparator ? .missing : .mention, position)
        }
        switch text[position] {
        case UInt8(ascii: "{"), UInt8(ascii: "["):
            return try elements(text, position)
        case UInt8(ascii: "\"") where hasSeparator || !hasQuote:
            return (.string, position + 1)
        default:
            if hasSeparator { return try scalar(text, position, isWhole: isWhole) }
            guard !hasQuote, position > spaceStart else { return (.mention, position) }
            do throws(JSON.Fault) {
                return try scalar(text, position, isWhole: isWhole)
            } catch {
                // Just a word: the tag is mentioned.
                guard isWhole || error != .unexpectedEnd else { throw error }
                return (.mention, position)
            }
        }
    }

    private static func document(_ text: Span<UInt8>, isWhole: Bool) throws(JSON.Fault) -> (Outcome, end: Int) {
        var position = 0
        try skipSpace(text, &position, isWhole: isWhole)
        guard position < text.count else { return (.noDocument, position) }
        switch text[position] {
        case UInt8(ascii: "{"), UInt8(ascii: "["): return try elements(text, position)
        case UInt8(ascii: "\""): return (.string, position + 1)
        default: return (.noDocument, position)
        }
    }

    private static func skipSpace(
        _ text: Span<UInt8>, _ position: inout Int, isWhole: Bool
    ) throws(JSON.Fault) {
        JSON.skipWhitespace(text, &position)
        if position == text.count, !isWhole { throw .unexpectedEnd }
    }

    /// An object, or the elements of an array.
    private static func elements(_ text: Span<UInt8>, _ start: Int) throws(JSON.Fault) -> (Outcome, end: Int) {
        var position = start
        guard text[start] == UInt8(ascii: "[") else {
            let fields = try RecordFields(text, &position, depth: 0)
            return (.elements([fields]), position)
        }
        var elements: [RecordFields?] = []
        try JSON.elements(text, &position) { text, position, depth throws(JSON.Fault) in
            // One more than the limit shows that there are more; the rest is only validated.
            if elements.count > LineReader.maximumValues {
                _ = try JSON.value(text, &position, depth: depth)
            } else if try JSON.peek(text, position) == UInt8(ascii: "{") {
                elements.append(try RecordFields(text, &position, depth: depth))
            } else {
                _ = try JSON.value(text, &position, depth: depth)
                elements.append(nil)
            }
        }
        return (elements.isEmpty ? .mention : .elements(elements), position)
    }

    /// A number, true, false or null that ends where its word ends.
    private static func scalar(_ text: Span<UInt8>, _ start: Int, isWhole: Bool) throws(JSON.Fault) -> (
        Outcome, end: Int
    ) {
        var position = start
        let value = try JSON.value(text, &position)
        if position == text.count, !isWhole { throw .unexpectedEnd }
        if position < text.count {
            let byte = text[position]
            guard !isWordByte(byte), byte != UInt8(ascii: "."), byte != UInt8(ascii: "+"), byte != UInt8(ascii: "-")
            else { throw .malformed(at: position) }
        }
        if case .null = value { return (.mention, position) }
        return (.scalar, position)
    }
}

extension Rejection {
    fileprivate static var escapedTooOften: Rejection {
        Rejection(.tooDeep, "the value is escaped more than \(EscapeLevel.maximum) times")
    }
}

extension JSON.Fault {
    /// What a fault in a tag's value says to people.
    fileprivate var rejection: Rejection {
        switch self {
        case .malformed(let position):
            Rejection(.malformedJSON, "the value is no JSON at byte \(position) behind the tag")
        case .unexpectedEnd:
            Rejection(.malformedJSON, "the value is cut off")
        case .tooDeep:
            Rejection(.tooDeep, "the value is nested deeper than \(JSON.maximumDepth) levels")
        }
    }
}
