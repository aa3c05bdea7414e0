/// Where tags stand in the documents of a message: in which objects and arrays, and in which of their members.
///
/// A message is a text, and so is each string in a document. In a text documents may stand anywhere, complete or cut off; the
/// text around them need make no sense. Reading is lenient: a document that breaks ends where it does.
struct MessageStructure {
    /// A container around a tag, and where in it the tag stands.
    struct Step: Equatable {
        /// Tells the containers of a message apart.
        var container: Int
        var isObject: Bool
        /// Which of the members or elements, from 0.
        var slot: Int
    }

    /// The place of a tag.
    struct Place {
        /// The containers around it, the outermost first.
        var path: [Step]
        /// Where the string that it is in, or else the message, ends.
        var textEnd: Int
        /// The same; for a tag in the name of a member it is the end of what the value is in.
        var memberEnd: Int
    }

    /// The places of the tags that were asked for, in their order.
    private(set) var places: [Place] = []
    /// Whether an object has a meter's name and a value, or a customer and several values.
    private(set) var holdsRecord = false

    /// The most containers around a tag; a bracket that would open one more ends the document, as what does not fit does.
    private static let maximumDepth = 64

    private let tags: [Int]
    private let wantsRecord: Bool
    private var open: [Container] = []
    private var containers = 0
    /// Between which positions there are brackets and white space alone, and the level of the quotation mark behind them.
    private var opening: (range: Range<Int>, level: Int?) = (0..<0, nil)

    private struct Container {
        var step: Step
        var state: State
        /// What the name of the member says that is read.
        var field: RecordFields.Field?
        var fields: Set<RecordFields.Field> = []
    }

    /// What may come next in a container.
    private enum State {
        /// At the beginning: a name or an element, or the end.
        case first
        /// Behind a comma.
        case next
        case colon, value
        /// Behind a value: a comma, or the end.
        case comma
    }

    /// Finds the places of tags.
    ///
    /// - Parameter tags: where each of them begins, ascending.
    init(_ message: Span<UInt8>, tags: [Int]) {
        self.init(message, tags, wantsRecord: false)
    }

    /// Whether a message looks as if it was meant to hold a record: an object in it has the fields of one, or they are named in
    /// another notation than JSON.
    static func holdsRecord(_ message: Span<UInt8>) -> Bool {
        MessageStructure(message, [], wantsRecord: true).holdsRecord || namesFields(message)
    }

    /// Whether a meter's name and its value are both named as a language prints its own objects, or in a line of keys and values.
    private static func namesFields(_ message: Span<UInt8>) -> Bool {
        var hasMeter = false
        var hasValue = false
        var position = 0
        while position < message.count {
            guard has("meter", message, at: position) else {
                position += 1
                continue
            }
            let isName = !isQuotedOnce(message, at: position)
            position += 5
            func isFollowed(by word: StaticString) -> Bool { has(word, message, at: position) }
            let isMeter = isFollowed(by: "apiname") || isFollowed(by: "_api_name") || isFollowed(by: "name")
            hasMeter = hasMeter || isName && (isMeter || isFollowed(by: "_name"))
            hasValue = hasValue || isName && (isFollowed(by: "value") || isFollowed(by: "_value"))
            if hasMeter, hasValue { return true }
        }
        return false
    }

    /// Whether a quotation mark begins a name of JSON at a position; two of them begin one of JSON in CSV.
    private static func isQuotedOnce(_ message: Span<UInt8>, at position: Int) -> Bool {
        func isQuote(_ index: Int) -> Bool { index >= 0 && message[index] == UInt8(ascii: "\"") }
        return isQuote(position - 1) && !isQuote(position - 2)
    }

    /// Whether a word stands at a position, its letters in either case.
    @inline(__always)
    private static func has(_ word: StaticString, _ message: Span<UInt8>, at position: Int) -> Bool {
        guard position + word.utf8CodeUnitCount <= message.count else { return false }
        for offset in 0..<word.utf8CodeUnitCount {
            let expected = unsafe word.utf8Start[offset]
            let byte = message[position + offset]
            guard byte == expected || byte | 0x20 == expected && expected != UInt8(ascii: "_") else { return false }
        }
        return true
    }

    private init(_ message: Span<UInt8>, _ tags: [Int], wantsRecord: Bool) {
        self.tags = tags
        self.wantsRecord = wantsRecord
        readText(message, 0..<message.count, level: 0)
    }

    private var isDone: Bool { wantsRecord ? holdsRecord : places.count == tags.count }

    /// Gives the tags before a position the place that the containers tell which are open now.
    private mutating func place(upTo position: Int, textEnd: Int) {
        while places.count < tags.count, tags[places.count] < position {
            places.append(Place(path: open.map(\.step), textEnd: textEnd, memberEnd: textEnd))
        }
    }

    // MARK: - Texts

    private mutating func readText(_ message: Span<UInt8>, _ range: Range<Int>, level: Int) {
        var position = range.lowerBound
        while !isDone, position < range.upperBound {
            guard isBracket(message[position]), open.count < Self.maximumDepth,
                let level = documentLevel(message, position, in: range, textLevel: level)
            else {
                position += 1
                continue
            }
            place(upTo: position, textEnd: range.upperBound)
            position = readDocument(message, position..<range.upperBound, level: level)
        }
        place(upTo: range.upperBound, textEnd: range.upperBound)
    }

    /// The level of the document that a bracket opens; nil when it is too deep.
    private mutating func documentLevel(
        _ message: Span<UInt8>, _ start: Int, in range: Range<Int>, textLevel: Int
    ) -> Int? {
        if !opening.range.contains(start) {
            var position = start
            while position < range.upperBound {
                if isBracket(message[position]) {
                    position += 1
                } else if let (byte, end) = EscapeLevel.separator(message, at: position), byte == 0x20 {
                    position = end
                } else {
                    break
                }
            }
            let quote = position < range.upperBound ? EscapeLevel.ofQuote(message, at: position) : nil
            opening = (start..<position, quote.map { $0.level ?? EscapeLevel.maximum + 1 })
        }
        let level = opening.level ?? textLevel
        return level >= textLevel && level <= EscapeLevel.maximum ? level : nil
    }

    // MARK: - Documents

    /// Reads the document whose bracket is the first byte of a range; where the text goes on behind it.
    private mutating func readDocument(_ message: Span<UInt8>, _ range: Range<Int>, level: Int) -> Int {
        var cursor = LevelCursor(range, level: level)
        let outer = open.count
        var start = cursor.position
        while let byte = cursor.next(message) {
            if byte > 0x20 {
                place(upTo: start, textEnd: range.upperBound)
                guard read(byte, message, &cursor, range, level: level, outer: outer) else {
                    open.removeSubrange(outer...)
                    return start
                }
                if open.count == outer { return cursor.position }
            }
            start = cursor.position
        }
        place(upTo: cursor.position, textEnd: range.upperBound)
        open.removeSubrange(outer...)
        return max(cursor.position, range.lowerBound + 1)
    }

    /// Reads what a byte begins; false when it does not fit.
    private mutating func read(
        _ byte: UInt8, _ message: Span<UInt8>, _ cursor: inout LevelCursor, _ range: Range<Int>, level: Int, outer: Int
    ) -> Bool {
        guard open.count > outer else { return push(byte) }
        let last = open.count - 1
        let isObject = open[last].step.isObject
        switch (open[last].state, byte) {
        case (.first, UInt8(ascii: "}")) where isObject, (.comma, UInt8(ascii: "}")) where isObject,
            (.first, UInt8(ascii: "]")) where !isObject, (.comma, UInt8(ascii: "]")) where !isObject:
            pop()
            return true
        case (.comma, UInt8(ascii: ",")):
            open[last].step.slot += 1
            open[last].state = .next
            return true
        case (.colon, UInt8(ascii: ":")):
            open[last].state = .value
            return true
        case (.first, UInt8(ascii: "\"")) where isObject, (.next, UInt8(ascii: "\"")) where isObject:
            let known = places.count
            let content = readString(message, &cursor, range, level: level)
            for index in known..<places.count { places[index].memberEnd = range.upperBound }
            if wantsRecord { open[last].field = field(message, content, level: level) }
            open[last].state = .colon
            return true
        case (.comma, _), (.colon, _): return false
        case (.first, _) where isObject, (.next, _) where isObject: return false
        default: return readValue(byte, message, &cursor, range, level: level)
        }
    }

    private mutating func readValue(
        _ byte: UInt8, _ message: Span<UInt8>, _ cursor: inout LevelCursor, _ range: Range<Int>, level: Int
    ) -> Bool {
        let last = open.count - 1
        if isBracket(byte) {
            if open[last].field != .values || byte == UInt8(ascii: "{") { note(open[last].field, in: last) }
            return push(byte)
        }
        // Only an object holds several values.
        if open[last].field == .values { open[last].field = nil }
        if byte == UInt8(ascii: "\"") {
            note(open[last].field, in: last)
            _ = readString(message, &cursor, range, level: level)
            open[last].state = .comma
            return true
        }
        guard isScalarByte(byte) else { return false }
        var word = [byte]
        while true {
            var ahead = cursor
            guard let byte = ahead.next(message), isScalarByte(byte) else { break }
            if word.count < 5 { word.append(byte) }
            cursor = ahead
        }
        if word != Array("null".utf8) { note(open[last].field, in: last) }
        open[last].state = .comma
        return true
    }

    private func isScalarByte(_ byte: UInt8) -> Bool {
        isWordByte(byte) || byte == UInt8(ascii: "+") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
    }

    private mutating func push(_ byte: UInt8) -> Bool {
        guard open.count < Self.maximumDepth else { return false }
        if let last = open.indices.last { open[last].state = .comma }
        let isObject = byte == UInt8(ascii: "{")
        let step = Step(container: containers, isObject: isObject, slot: 0)
        open.append(Container(step: step, state: .first))
        containers += 1
        return true
    }

    private mutating func pop() { open.removeLast() }

    private mutating func note(_ field: RecordFields.Field?, in index: Int) {
        guard let field else { return }
        open[index].fields.insert(field)
        let fields = open[index].fields
        if fields.isSuperset(of: [.meter, .value]) || fields.isSuperset(of: [.values, .customer]) {
            holdsRecord = true
        }
    }

    // MARK: - Strings

    /// Reads a string whose opening quotation mark was read, and what its content holds; where its content stands.
    private mutating func readString(
        _ message: Span<UInt8>, _ cursor: inout LevelCursor, _ range: Range<Int>, level: Int
    ) -> Range<Int> {
        let start = cursor.position
        var end = start
        while let byte = cursor.next(message), byte != UInt8(ascii: "\"") {
            if byte == UInt8(ascii: "\\") { _ = cursor.next(message) }
            end = cursor.position
        }
        let content = start..<end
        if level < EscapeLevel.maximum, wantsRecord || hasTag(in: content) {
            readText(message, content, level: level + 1)
        } else {
            place(upTo: end, textEnd: end)
        }
        return content
    }

    private func hasTag(in range: Range<Int>) -> Bool {
        places.count < tags.count && tags[places.count] < range.upperBound
    }

    /// What a member's name says.
    private func field(_ message: Span<UInt8>, _ content: Range<Int>, level: Int) -> RecordFields.Field? {
        var cursor = LevelCursor(content, level: level + 1)
        var name: [UInt8] = []
        while name.count <= Self.longestName, let byte = cursor.next(message) { name.append(byte) }
        return RecordFields.Name(name.span)?.field
    }

    /// No field's name is longer.
    private static let longestName = 32
}

extension MessageStructure {
    /// How often a record counts that stands at some places, in the order of the message.
    ///
    /// A text and a list say several things, an object says one: of its members the one counts that has the record most.
    static func count(_ places: ArraySlice<Place>, depth: Int = 0) -> Int {
        var total = 0
        var rest = places
        while let first = rest.first {
            guard first.path.count > depth else {
                total += 1
                rest = rest.dropFirst()
                continue
            }
            let step = first.path[depth]
            let inside = rest.prefix { $0.path.count > depth && $0.path[depth].container == step.container }
            rest = rest.dropFirst(inside.count)
            total += step.isObject ? greatest(inside, depth) : count(inside, depth: depth + 1)
        }
        return total
    }

    private static func greatest(_ places: ArraySlice<Place>, _ depth: Int) -> Int {
        var most = 0
        var rest = places
        while let slot = rest.first?.path[depth].slot {
            let member = rest.prefix { $0.path[depth].slot == slot }
            rest = rest.dropFirst(member.count)
            most = max(most, count(member, depth: depth + 1))
        }
        return most
    }
}

extension MessageStructure.Place {
    /// Whether two places are in different members of one object.
    func isOtherMember(than other: MessageStructure.Place) -> Bool {
        for (step, otherStep) in zip(path, other.path) where step != otherStep {
            return step.container == otherStep.container && step.isObject
        }
        return false
    }
}
