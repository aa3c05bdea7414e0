import FilterPattern

/// What looks like a record that was meant, in a log event without a tag.
public enum NearMiss: String, Sendable, Hashable, CaseIterable {
    /// The tag in another case or spelling, before an object: `AMBERFLO_METER {…}`.
    case otherSpelling
    /// The tag within a longer word, before an object: `my_amberflo_meter {…}`.
    case withinWord
    /// An object with a meter's name and a value.
    case withoutTag
}

/// Which log event something was seen in; never what it says.
public struct EventPlace: Sendable, Hashable {
    /// The log event's id.
    public var id: String
    /// The log event's time, in milliseconds since 1970.
    public var timestamp: Int64

    /// Names a log event.
    public init(id: String, timestamp: Int64) {
        self.id = id
        self.timestamp = timestamp
    }
}

/// Looks for near misses in messages in which the agent finds no tag.
package struct NearMissFinder: Sendable {
    /// The names under which a record tells its meter, and its value.
    private static let meterNames = ["meterApiName", "meter_api_name", "meter_name", "meterName"]
    private static let valueNames = ["meterValue", "meter_value", "value"]
    /// How far an object may be behind a tag, in characters that are neither letters nor digits.
    private static let mostBetween = 16
    /// So many places of a name are looked at in one message.
    private static let mostPlaces = 20

    private let tags: [[UInt8]]
    private let bareTags: Set<[UInt8]>

    /// Makes a finder for what could have been one of these tags.
    package init(tags: [String]) {
        self.tags = tags.map { Array($0.utf8) }
        bareTags = Set(self.tags.map(Self.bare))
    }

    /// What a message nearly is; nil for nothing of the kind.
    ///
    /// A word counts only where an object follows it, so that neither a class name in a message nor a metric of somebody
    /// else, such as `amberflo_meter_total 5`, is taken for one.
    /// - Returns: the kind, and how the tag is spelt where that is the fault: the tag in other letters, and no more.
    package func find(in message: [UInt8]) -> (kind: NearMiss, spelling: String?)? {
        var isWithinWord = false
        var position = 0
        while let word = Self.nextWord(message, from: position) {
            position = word.upperBound
            let letters = Array(message[word])
            let isSpelling = bareTags.contains(Self.bare(letters)) && !tags.contains(letters)
            guard isSpelling || tags.contains(where: { letters.count > $0.count && Self.holds(letters, $0) }),
                Self.isBeforeObject(message, word.upperBound)
            else { continue }
            if isSpelling { return (.otherSpelling, String(decoding: letters, as: UTF8.self)) }
            isWithinWord = true
        }
        if isWithinWord { return (.withinWord, nil) }
        return Self.holdsRecord(message) ? (.withoutTag, nil) : nil
    }

    // MARK: - Words

    /// Small letters and digits alone.
    private static func bare(_ word: [UInt8]) -> [UInt8] {
        word.filter(isLetterOrDigit).map { (0x41...0x5a).contains($0) ? $0 | 0x20 : $0 }
    }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5a, 0x61...0x7a: true
        default: false
        }
    }

    private static func isWordByte(_ byte: UInt8) -> Bool {
        isLetterOrDigit(byte) || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
    }

    /// The next run of letters, digits and `_ - .`, without an escape or a colour code in front of it.
    private static func nextWord(_ message: [UInt8], from start: Int) -> Range<Int>? {
        var begin = start
        while begin < message.count, !isWordByte(message[begin]) { begin += 1 }
        guard begin < message.count else { return nil }
        var end = begin
        while end < message.count, isWordByte(message[end]) { end += 1 }
        let before = begin > 0 ? message[begin - 1] : 0
        if before == UInt8(ascii: "\\") {
            begin = min(end, begin + (message[begin] == UInt8(ascii: "u") ? 5 : 1))
        } else if before == UInt8(ascii: "[") || before == UInt8(ascii: ";") {
            let digits = message[begin..<end].prefix { (0x30...0x39).contains($0) }.count
            if digits > 0, begin + digits < end, message[begin + digits] == UInt8(ascii: "m") { begin += digits + 1 }
        }
        return begin..<end
    }

    private static func holds(_ word: [UInt8], _ tag: [UInt8]) -> Bool {
        (0...(word.count - tag.count)).contains { word[$0..<($0 + tag.count)].elementsEqual(tag) }
    }

    /// Whether a JSON object begins right behind a place.
    private static func isBeforeObject(_ message: [UInt8], _ place: Int) -> Bool {
        var position = place
        while position < message.count, position - place <= mostBetween, !isLetterOrDigit(message[position]) {
            if message[position] == UInt8(ascii: "{") {
                position = skip(message, position + 1) { isSpace($0) || $0 == UInt8(ascii: "\\") }
                return position < message.count
                    && (message[position] == UInt8(ascii: "\"") || message[position] == UInt8(ascii: "}"))
            }
            position += 1
        }
        return false
    }

    // MARK: - Objects

    private static func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0d).contains(byte) }

    private static func skip(_ message: [UInt8], _ start: Int, _ isSkipped: (UInt8) -> Bool) -> Int {
        var position = start
        while position < message.count, isSkipped(message[position]) { position += 1 }
        return position
    }

    /// Whether one object has a meter's name and a value, on whatever level of escaping.
    private static func holdsRecord(_ message: [UInt8]) -> Bool {
        guard message.contains(UInt8(ascii: "{")) else { return false }
        let meters = members(meterNames, in: message)
        guard !meters.isEmpty else { return false }
        let values = members(valueNames, in: message)
        return meters.contains { meter in
            let next = values.first { $0 > meter }
            let last = values.last { $0 < meter }
            return [next, last].contains { $0.map { isSameObject(message, min(meter, $0), max(meter, $0)) } ?? false }
        }
    }

    /// Where members of these names begin, in order.
    private static func members(_ names: [String], in message: [UInt8]) -> [Int] {
        let names = names.map { Array($0.utf8) }
        var places: [Int] = []
        for position in message.indices.dropFirst() where message[position - 1] == UInt8(ascii: "\"") {
            for name in names where message[position...].starts(with: name) {
                var end = skip(message, position + name.count) { $0 == UInt8(ascii: "\\") }
                guard end < message.count, message[end] == UInt8(ascii: "\"") else { continue }
                end = skip(message, end + 1, isSpace)
                if end < message.count, message[end] == UInt8(ascii: ":") { places.append(position) }
            }
            if places.count == mostPlaces { break }
        }
        return places
    }

    /// Whether two members are of one object: no brace between them closes or opens another for good.
    private static func isSameObject(_ message: [UInt8], _ first: Int, _ second: Int) -> Bool {
        var depth = 0
        for byte in message[first..<second] {
            if byte == UInt8(ascii: "{") { depth += 1 }
            if byte == UInt8(ascii: "}") { depth -= 1 }
            if depth < 0 { return false }
        }
        return depth == 0
    }

    // MARK: - What the service looks for

    /// The pattern that takes the tags in any case and spelling, and the names of meters.
    ///
    /// Where that is longer than CloudWatch Logs allows, the tags as they are.
    package static func pattern(_ tags: [String]) -> String {
        let plain = FilterPattern.text(ofAny: tags + meterNames)
        guard tags.allSatisfy({ $0.unicodeScalars.allSatisfy(\.isASCII) }) else { return plain }
        let any = "%" + (tags.map(anySpelling) + meterNames).joined(separator: "|") + "%"
        return any.unicodeScalars.count <= FilterPattern.maximumLength ? any : plain
    }

    /// For example `[Aa][Bb].?[Cc]` for `ab_c`, and for `abC`.
    private static func anySpelling(_ tag: String) -> String {
        var expression = ""
        var isAfterSmall = false
        for byte in tag.utf8 {
            let isCapital = (0x41...0x5a).contains(byte)
            if !isLetterOrDigit(byte) || isCapital && isAfterSmall { expression += ".?" }
            isAfterSmall = (0x61...0x7a).contains(byte)
            guard isLetterOrDigit(byte) else { continue }
            let letter = String(UnicodeScalar(byte))
            expression += isCapital || isAfterSmall ? "[\(letter.uppercased())\(letter.lowercased())]" : letter
        }
        return expression
    }
}
