import Meter

/// Where the log events of an envelope stand, so that each byte of an envelope is parsed once.
///
/// An index keeps its memory for the next envelope.
struct EventIndex {
    /// One log event.
    struct Entry {
        /// Where its object begins.
        var start: Int
        /// How it is written.
        var shape = Shape.other
        /// The digits of the id; meaningful unless `shape` is `other`.
        var id = 0..<0
        /// The time in milliseconds since 1970.
        var timestamp: Int64?
        /// The content of the message's string.
        var message = 0..<0
    }

    /// How a log event is written.
    enum Shape: UInt8 {
        /// An id of digits, a time, a message, in any order and with anything between and beside them.
        case plain
        /// The same, with characters in the message that may hide a tag.
        case hidden
        /// Otherwise, if it is a log event at all.
        case other
    }

    /// How many log events an index holds: what a subscription delivers has 10,000 at most.
    private static let maximum = 1 << 16
    private static let beginning: StaticString = "{\"id\":\""
    private static let middle: StaticString = "\",\"timestamp\":"
    private static let ending: StaticString = ",\"message\":\""

    private(set) var entries: [Entry] = []
    /// Whether the entries are those of the last array that was read.
    private(set) var isComplete = false

    /// Passes over an array of log events and keeps where each one stands.
    mutating func read(_ bytes: Span<UInt8>, _ position: inout Int) throws(LooseJSON.Fault) {
        let start = position
        entries.removeAll(keepingCapacity: true)
        isComplete = (try? readElements(bytes, &position)) != nil
        if isComplete { return }
        position = start
        try LooseJSON.skip(bytes, &position)
    }

    /// Forgets what was read.
    mutating func clear() {
        entries.removeAll(keepingCapacity: true)
        isComplete = false
    }

    private mutating func readElements(_ bytes: Span<UInt8>, _ position: inout Int) throws(LooseJSON.Fault) {
        var entries = entries
        self.entries = []
        defer { self.entries = entries }
        try LooseJSON.elements(bytes, &position) { bytes, position throws(LooseJSON.Fault) in
            guard entries.count < Self.maximum else { throw LooseJSON.Fault(position: position) }
            let start = position
            let found = ByteText.with(bytes) { Self.compactEntry($0, at: start) ?? Self.entry($0, at: start) }
            if let (entry, end) = found {
                entries.append(entry)
                position = end
            } else {
                try LooseJSON.skip(bytes, &position)
                entries.append(Entry(start: start))
            }
        }
    }

    /// The log event at a position, if it is written as CloudWatch Logs does, and where it ends.
    private static func compactEntry(_ text: ByteText, at start: Int) -> (Entry, end: Int)? {
        var entry = Entry(start: start, shape: .plain)
        guard var position = text.end(of: beginning, at: start) else { return nil }
        entry.id = position..<(text.first(.noDigit, from: position) ?? text.count)
        guard !entry.id.isEmpty, let number = text.end(of: middle, at: entry.id.upperBound) else { return nil }
        let digits = number..<text.endOfDigits(from: number)
        guard let time = text.number(digits) else { return nil }
        entry.timestamp = RecordLimits.timeInMillis(time)
        guard let message = text.end(of: ending, at: digits.upperBound),
            let end = text.endOfString(from: message), text.byte(at: end.position + 1) == UInt8(ascii: "}")
        else { return nil }
        position = end.position + 2
        entry.message = message..<end.position
        if end.hasUnicodeEscapes { entry.shape = .hidden }
        return (entry, position)
    }

    /// The log event at a position, its members in any order, and where it ends; nil when it is written in an unusual way.
    @inline(never)
    private static func entry(_ text: ByteText, at start: Int) -> (Entry, end: Int)? {
        guard let event = EventMembers(text, at: start, in: .envelope) else { return nil }
        var entry = Entry(start: start, shape: event.hasUnicodeEscapes ? .hidden : .plain)
        (entry.id, entry.timestamp, entry.message) = (event.id, event.timestamp, event.message)
        return (entry, event.end)
    }
}
