import Meter

/// What stands behind a tag.
struct TaggedValue {
    enum Content {
        /// No value, null, an empty array, or something set apart that names no meter.
        case mention
        /// A value that cannot be read.
        case unreadable(Rejection)
        /// A value that was read but is no object, no array and no string that holds one.
        case notARecord(Rejection)
        /// An object, or an array of values.
        case records(TaggedRecords)
    }

    var content: Content
    /// Where the value begins: so many bytes behind the tag, in a text on the tag's level.
    var start: Int
    /// Where the search for tags goes on: behind the value, or right behind the tag where none was taken.
    var end: Int
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

    /// Whether an element names a meter, so that it is meant as a record.
    var nameMeter: Bool { elements.contains { $0?.namesMeter ?? false } }
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
        let start = TerminalCode.endOfColours(message, from: end)
        var isCertain = true
        let quote: (level: Int?, end: Int)?
        if let closing = EscapeLevel.ofQuote(message, at: start) {
            quote = closing
        } else if let opener = RawGap.opener(message, behind: start) {
            if isBracket(message[opener]) {
                quote = firstQuote(message, from: opener)
                isCertain = Self.isOpening(message, opener..<nextQuote)
            } else {
                quote = EscapeLevel.ofQuote(message, at: opener)
            }
        } else {
            quote = nil
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
    private struct Found {
        enum Content {
            case mention
            case unreadable(Rejection)
            case scalar
            /// The elements, and the text that they are in if it is another than the one that was read.
            case elements([RecordFields?], between: [UInt8]? = nil)
            /// A string, whose content begins at `end`.
            case string
            /// The content of a string that is no document.
            case noDocument
        }

        var content: Content
        var start = 0
        var end: Int
        var isSetApart = false
        /// Whether a colon or an equals sign follows the tag.
        var hasSeparator = false
        /// Whether the value begins with the brace of an object.
        var isObject = false

        /// A tag without a value; the search goes on right behind it.
        static var mention: Found { Found(content: .mention, end: 0) }
    }

    /// Reads what follows a tag that ends at `end` and stands on `level`.
    func read(_ message: Span<UInt8>, behind end: Int, level: Int) -> TaggedValue {
        guard level <= EscapeLevel.maximum else {
            return TaggedValue(content: .unreadable(.escapedTooOften), start: 0, end: end)
        }
        guard
            let (found, position, text) = try? onLevel(
                message, from: end, level: level,
                { text, isWhole throws(JSON.Fault) in
                    let found = try Self.behindTag(text, isWhole: isWhole)
                    return (found, found.end)
                })
        else { return TaggedValue(content: .unreadable(JSON.Fault.unexpectedEnd.rejection), start: 0, end: end) }
        let value = value(found, message, from: end, to: position, level: level, text)
        return found.isSetApart ? whatIsMeant(by: value, found, behind: end) : value
    }

    /// Of what is set apart from its tag only a value that names a meter is meant.
    private func whatIsMeant(by value: TaggedValue, _ found: Found, behind end: Int) -> TaggedValue {
        switch value.content {
        case .records(let records) where records.nameMeter: return value
        case .unreadable where found.isObject: return value
        case .unreadable, .notARecord:
            guard found.hasSeparator else { break }
            let rejection = JSON.Fault.malformed(at: found.start).rejection
            return TaggedValue(content: .unreadable(rejection), start: found.start, end: end)
        case .mention, .records: break
        }
        return TaggedValue(content: .mention, start: found.start, end: end)
    }

    private func value(
        _ found: Found, _ message: Span<UInt8>, from start: Int, to end: Int, level: Int, _ text: [UInt8]?
    ) -> TaggedValue {
        let content: TaggedValue.Content
        switch found.content {
        case .mention: content = .mention
        case .unreadable(let rejection):
            return TaggedValue(content: .unreadable(rejection), start: found.start, end: start)
        case .noDocument: return noDocument(message, from: start, level: level)
        case .scalar:
            content = .notARecord(Rejection(.notARecord, "the value is neither an object nor an array"))
        case .elements(let elements, let between):
            content = .records(
                TaggedRecords(level: level, text: between ?? text, offset: start, elements: elements))
        case .string:
            var value = readDocument(message, from: end, level: level + 1)
            value.start = found.start
            if case .unreadable = value.content { value.end = start }
            return value
        }
        return TaggedValue(content: content, start: found.start, end: end)
    }

    /// Reads the content of a string that begins at `start`, as a document of its own.
    ///
    /// The string may be cut off as long as the document in it is whole.
    private func readDocument(_ message: Span<UInt8>, from start: Int, level: Int) -> TaggedValue {
        guard level <= EscapeLevel.maximum else {
            return TaggedValue(content: .unreadable(.escapedTooOften), start: 0, end: start)
        }
        guard
            let (found, end, text) = try? onLevel(
                message, from: start, level: level,
                { text, isWhole throws(JSON.Fault) in
                    let found = try Self.document(text, isWhole: isWhole)
                    return (found, found.end)
                })
        else { return TaggedValue(content: .unreadable(JSON.Fault.unexpectedEnd.rejection), start: 0, end: start) }
        var value = value(found, message, from: start, to: end, level: level, text)
        if case .unreadable = value.content { return value }
        if let stringEnd = endOfString(message, from: start, level: level - 1, isText: false) {
            value.end = max(value.end, stringEnd)
        }
        return value
    }

    /// The content of a string, from `start` on at `level`, that holds neither an object nor an array.
    private func noDocument(_ message: Span<UInt8>, from start: Int, level: Int) -> TaggedValue {
        guard let end = endOfString(message, from: start, level: level - 1, isText: true) else {
            let rejection = Rejection(.malformedJSON, "the value is a string that is cut off or malformed")
            return TaggedValue(content: .unreadable(rejection), start: 0, end: start)
        }
        let rejection = Rejection(.notARecord, "the value is a string that holds no record")
        return TaggedValue(content: .notARecord(rejection), start: 0, end: end)
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

    private static func behindTag(_ text: Span<UInt8>, isWhole: Bool) throws(JSON.Fault) -> Found {
        let gap = try TagGap(text, isWhole: isWhole)
        guard let opener = gap.opener else { return try withoutOpener(text, gap, isWhole: isWhole) }
        var found: Found
        do throws(JSON.Fault) {
            switch text[opener] {
            case UInt8(ascii: "\""): found = Found(content: .string, end: opener + 1)
            case UInt8(ascii: "'"): found = try betweenApostrophes(text, gap, opener, isWhole: isWhole)
            default: found = try elements(text, opener)
            }
        } catch {
            guard isWhole || error != .unexpectedEnd else { throw error }
            found = Found(content: .unreadable(error.rejection), end: opener)
        }
        (found.start, found.isSetApart, found.hasSeparator) = (opener, gap.isSetApart, gap.hasSeparator)
        found.isObject = text[opener] == UInt8(ascii: "{")
        return found
    }

    /// A gap behind which no value begins that has brackets or quotation marks.
    private static func withoutOpener(_ text: Span<UInt8>, _ gap: TagGap, isWhole: Bool) throws(JSON.Fault) -> Found {
        let start = gap.plainEnd
        do throws(JSON.Fault) {
            if start == text.count, gap.hasSeparator {
                let missing = Rejection(.malformedJSON, "no value follows the tag")
                return Found(content: .unreadable(missing), start: start, end: start)
            }
            guard start < text.count, gap.hasSeparator || gap.hasSpace && !gap.hasQuote else { return .mention }
            if isBracket(text[start]) || text[start] == UInt8(ascii: "\"") { throw .malformed(at: start) }
            return try scalar(text, start, isWhole: isWhole)
        } catch {
            guard isWhole || error != .unexpectedEnd else { throw error }
            // Without a separator it is just a word.
            return gap.hasSeparator ? Found(content: .unreadable(error.rejection), start: start, end: start) : .mention
        }
    }

    /// A document between apostrophes: as a language's own notation of strings has it, else as it stands.
    private static func betweenApostrophes(
        _ text: Span<UInt8>, _ gap: TagGap, _ opener: Int, isWhole: Bool
    ) throws(JSON.Fault) -> Found {
        var start = opener + 1
        try skipSpace(text, &start, isWhole: isWhole)
        guard start < text.count, isBracket(text[start]) else {
            guard gap.hasSeparator else { return .mention }
            throw .malformed(at: opener)
        }
        let rest = text.extracting(start...)
        let content = EscapedLayer(rest, .apostrophes)
        var found: Found
        do throws(JSON.Fault) {
            found = try elements(content.output.span, 0)
            if case .elements(let elements, _) = found.content {
                found.content = .elements(elements, between: content.output)
            }
            found.end = start + EscapedLayer(rest, .apostrophes, limit: found.end).consumed
        } catch {
            guard isWhole || error != .unexpectedEnd || content.stop != .inputEnd else { throw error }
            found = try elements(text, start)
        }
        if found.end < text.count, text[found.end] == UInt8(ascii: "'") { found.end += 1 }
        return found
    }

    private static func document(_ text: Span<UInt8>, isWhole: Bool) throws(JSON.Fault) -> Found {
        var position = 0
        do throws(JSON.Fault) {
            try skipSpace(text, &position, isWhole: isWhole)
            guard position < text.count else { return Found(content: .noDocument, end: position) }
            if isBracket(text[position]) { return try elements(text, position) }
            guard text[position] == UInt8(ascii: "\"") else { return Found(content: .noDocument, end: position) }
            return Found(content: .string, end: position + 1)
        } catch {
            guard isWhole || error != .unexpectedEnd else { throw error }
            return Found(content: .unreadable(error.rejection), end: position)
        }
    }

    private static func skipSpace(
        _ text: Span<UInt8>, _ position: inout Int, isWhole: Bool
    ) throws(JSON.Fault) {
        JSON.skipWhitespace(text, &position)
        if position == text.count, !isWhole { throw .unexpectedEnd }
    }

    /// An object, or the elements of an array.
    private static func elements(_ text: Span<UInt8>, _ start: Int) throws(JSON.Fault) -> Found {
        var position = start
        guard text[start] == UInt8(ascii: "[") else {
            let fields = try RecordFields(text, &position, depth: 0)
            return Found(content: .elements([fields]), end: position)
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
        return Found(content: elements.isEmpty ? .mention : .elements(elements), end: position)
    }

    /// A number, true, false or null that ends where its word ends.
    private static func scalar(_ text: Span<UInt8>, _ start: Int, isWhole: Bool) throws(JSON.Fault) -> Found {
        var position = start
        let value = try JSON.value(text, &position)
        if position == text.count, !isWhole { throw .unexpectedEnd }
        if position < text.count {
            let byte = text[position]
            guard !isWordByte(byte), byte != UInt8(ascii: "."), byte != UInt8(ascii: "+"), byte != UInt8(ascii: "-")
            else { throw .malformed(at: position) }
        }
        if case .null = value { return Found(content: .mention, start: start, end: position) }
        return Found(content: .scalar, start: start, end: position)
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
