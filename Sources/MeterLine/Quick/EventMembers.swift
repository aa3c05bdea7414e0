import Meter

/// Where the parts of a log event stand in an envelope or a page, whatever white space is between them, in whatever order, and
/// beside whatever other members.
///
/// Of what is written in an unusual way, such as an id that is no number, it keeps its hands off.
struct EventMembers {
    /// What holds the log event, for the names of its id differ.
    enum Holder { case envelope, page }

    /// The digits of the id.
    private(set) var id = 0..<0
    private(set) var timestamp: Int64?
    private(set) var ingestionTime: Int64?
    /// The content of the stream's name, which has no escapes; empty when there is none.
    private(set) var stream = 0..<0
    /// The content of the message's string.
    private(set) var message = 0..<0
    /// Whether the message has escapes that may hide a tag.
    private(set) var hasUnicodeEscapes = false
    /// Behind the closing brace.
    private(set) var end: Int

    private enum Name { case id, timestamp, ingestionTime, stream, message, other }

    /// The event at a position; nil when it is written otherwise, if it is one at all.
    @inline(__always)
    init?(_ text: ByteText, at start: Int, in holder: Holder) {
        guard text.byte(at: start) == UInt8(ascii: "{") else { return nil }
        end = start + 1
        repeat {
            guard readCompact(text, holder) ?? readSpaced(text, holder) else { return nil }
            if text.byte(at: end) <= 0x20 { end = text.behindWhitespace(end) }
            end += 1
        } while text.byte(at: end - 1) == UInt8(ascii: ",")
        guard text.byte(at: end - 1) == UInt8(ascii: "}"), message.upperBound > 0, !id.isEmpty else { return nil }
    }

    /// Reads a member without white space in it; nil when it is another.
    @inline(__always)
    private mutating func readCompact(_ text: ByteText, _ holder: Holder) -> Bool? {
        if let value = text.end(of: "\"message\":\"", at: end) { return takeMessage(text, value) }
        if let value = text.end(of: "\"timestamp\":", at: end) { return takeTimestamp(text, value) }
        switch holder {
        case .envelope:
            if let value = text.end(of: "\"id\":\"", at: end) { return takeId(text, value) }
        case .page:
            if let value = text.end(of: "\"ingestionTime\":", at: end) {
                return takeIngestionTime(text, value)
            }
            if let value = text.end(of: "\"eventId\":\"", at: end) { return takeId(text, value) }
            if let value = text.end(of: "\"logStreamName\":\"", at: end) { return takeStream(text, value) }
        }
        return nil
    }

    /// Reads a member with white space where it may be, or one that is not known.
    @inline(never)
    private mutating func readSpaced(_ text: ByteText, _ holder: Holder) -> Bool {
        let start = text.behindWhitespace(end)
        guard text.byte(at: start) == UInt8(ascii: "\""), let close = text.endOfString(from: start + 1) else {
            return false
        }
        let colon = text.behindWhitespace(close.position + 1)
        guard text.byte(at: colon) == UInt8(ascii: ":") else { return false }
        let value = text.behindWhitespace(colon + 1)
        let isString = text.byte(at: value) == UInt8(ascii: "\"")
        switch name(text, start..<close.position + 1, holder) {
        case .message: return isString && takeMessage(text, value + 1)
        case .stream: return isString && takeStream(text, value + 1)
        case .id: return isString && takeId(text, value + 1)
        case .timestamp: return takeTimestamp(text, value)
        case .ingestionTime: return takeIngestionTime(text, value)
        case .other:
            guard let behind = text.endOfValue(from: value) else { return false }
            end = behind
            return true
        }
    }

    private func name(_ text: ByteText, _ quoted: Range<Int>, _ holder: Holder) -> Name {
        func isName(_ name: StaticString) -> Bool { text.end(of: name, at: quoted.lowerBound) == quoted.upperBound }
        if isName("\"message\"") { return .message }
        if isName("\"timestamp\"") { return .timestamp }
        switch holder {
        case .envelope: return isName("\"id\"") ? .id : .other
        case .page:
            if isName("\"ingestionTime\"") { return .ingestionTime }
            if isName("\"eventId\"") { return .id }
            return isName("\"logStreamName\"") ? .stream : .other
        }
    }

    // MARK: - Values, of strings the content

    @inline(__always)
    private mutating func takeMessage(_ text: ByteText, _ start: Int) -> Bool {
        guard let close = text.endOfString(from: start) else { return false }
        (message, hasUnicodeEscapes) = (start..<close.position, close.hasUnicodeEscapes)
        end = close.position + 1
        return true
    }

    @inline(__always)
    private mutating func takeStream(_ text: ByteText, _ start: Int) -> Bool {
        guard let close = text.endOfString(from: start), !close.hasEscapes else { return false }
        stream = start..<close.position
        end = close.position + 1
        return true
    }

    @inline(__always)
    private mutating func takeId(_ text: ByteText, _ start: Int) -> Bool {
        id = start..<text.endOfDigits(from: start)
        end = id.upperBound + 1
        return text.byte(at: id.upperBound) == UInt8(ascii: "\"")
    }

    @inline(__always)
    private mutating func takeTimestamp(_ text: ByteText, _ start: Int) -> Bool {
        guard let time = number(text, start) else { return false }
        timestamp = RecordLimits.timeInMillis(time)
        return true
    }

    @inline(__always)
    private mutating func takeIngestionTime(_ text: ByteText, _ start: Int) -> Bool {
        guard let time = number(text, start) else { return false }
        ingestionTime = RecordLimits.timeInMillis(time)
        return true
    }

    @inline(__always)
    private mutating func number(_ text: ByteText, _ start: Int) -> Int64? {
        end = text.endOfDigits(from: start)
        return text.number(start..<end)
    }
}

extension ByteText {
    /// Behind the white space at a position.
    @inline(__always)
    fileprivate func behindWhitespace(_ start: Int) -> Int {
        var position = start
        while byte(at: position) <= 0x20, JSON.isWhitespace(byte(at: position)) { position &+= 1 }
        return position
    }

    /// Behind a value of any kind; nil when it is cut off, or none.
    ///
    /// It is what `LooseJSON.skip` passes over.
    fileprivate func endOfValue(from start: Int) -> Int? {
        var position = start
        guard (try? withSpan { span throws(LooseJSON.Fault) in try LooseJSON.skip(span, &position) }) != nil else {
            return nil
        }
        return position
    }
}
