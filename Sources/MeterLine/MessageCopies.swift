import Meter

/// The copies that a logger made of a record in the message that holds it.
///
/// Loggers write one message into several members of a JSON object: rendered, raw, parsed, as a template, cut off. So the members of
/// an object say one thing together; the elements of an array and the tags of a text say several.
struct MessageCopies {
    /// Which of the findings are records that stand elsewhere in the message too.
    private(set) var repeated: Set<Int> = []
    /// Which of the findings are unreadable values that are a template of a record, or its cut off copy.
    private(set) var unreadable: Set<Int> = []

    /// Looks for the copies among the values of a message.
    ///
    /// - Parameters:
    ///   - findings: the values in their order.
    ///   - tags: behind which of the tags each of them stands.
    ///   - places: where the tags stand that have values.
    init(of findings: [Finding], behind tags: [Int], _ places: [TagPlace], in message: Span<UInt8>) {
        let groups = Self.equalRecords(findings, tags)
        let suspects = findings.indices.filter { findings[$0].mayBeCopy }
        let originals = Self.recordTags(findings, tags)
        guard !groups.isEmpty || !originals.isEmpty && !suspects.isEmpty else { return }
        let structure = MessageStructure(message, tags: places.map(\.range.lowerBound)).places
        for group in groups {
            let count = MessageStructure.count(group.map { structure[tags[$0]] }[...])
            repeated.formUnion(group.dropFirst(count))
        }
        var wholes: [Int: [UInt8]] = [:]
        for suspect in suspects {
            let (tag, reason) = (tags[suspect], findings[suspect].reason)
            let text = Self.valueText(of: places[tag], at: structure[tag], in: message)
            let isPlaceholder = CopiedText.isPlaceholder(text.bytes, reason)
            let isCopy = originals.contains { original in
                guard structure[original].isOtherMember(than: structure[tag]) else { return false }
                if isPlaceholder { return true }
                guard reason == .malformedJSON, text.isWhole else { return false }
                let place = places[original]
                let whole =
                    wholes[original] ?? CopiedText.whole(place.valueText(message, upTo: place.end).bytes)
                wholes[original] = whole
                return CopiedText.isCutOff(text.bytes, of: whole)
            }
            if isCopy { unreadable.insert(suspect) }
        }
    }

    /// The records without an id of their own that say the same and stand behind different tags.
    private static func equalRecords(_ findings: [Finding], _ tags: [Int]) -> [[Int]] {
        var groups: [[UInt8]: [Int]] = [:]
        for (index, finding) in findings.enumerated() {
            guard case .record(let found) = finding, found.idDerived else { continue }
            groups[found.record.sameness, default: []].append(index)
        }
        return groups.values.filter { group in group.contains { tags[$0] != tags[group[0]] } }
    }

    /// What stands behind a tag to the end of its string, or of what holds its member where the tag is the member's name.
    private static func valueText(
        of tag: TagPlace, at place: MessageStructure.Place, in message: Span<UInt8>
    ) -> (bytes: [UInt8], isWhole: Bool) {
        let text = tag.valueText(message, upTo: place.textEnd)
        return text.bytes.isEmpty ? tag.valueText(message, upTo: place.memberEnd) : text
    }

    /// The tags behind which a record stands.
    private static func recordTags(_ findings: [Finding], _ tags: [Int]) -> [Int] {
        var recordTags: [Int] = []
        for (finding, tag) in zip(findings, tags) where recordTags.last != tag {
            if case .record = finding { recordTags.append(tag) }
        }
        return recordTags
    }
}

extension Finding {
    /// Why it is no record; nil for a record.
    fileprivate var reason: RejectReason? { if case .reject(let reject) = self { reject.reason } else { nil } }

    /// Whether it may be the template or the cut off copy of a record.
    fileprivate var mayBeCopy: Bool {
        reason == .malformedJSON || reason == .notARecord || reason == .missingMeter
    }
}

extension Record {
    /// The bytes of meter, customer, value, time and dimensions: what makes two records say the same.
    fileprivate var sameness: [UInt8] {
        var bytes: [UInt8] = []
        let fields = [meterApiName, customerId ?? "", meterValue.text, String(meterTimeInMillis)]
        for text in fields + dimensions.flatMap({ [$0.name, $0.value] }) {
            appendJSONString(text, to: &bytes)
        }
        return bytes
    }
}

/// The text behind a tag that is no record.
private enum CopiedText {
    /// Whether a text begins with a placeholder of a message template: printf's, Python's, .NET's or a logger's `{}`.
    static func isPlaceholder(_ text: [UInt8], _ reason: RejectReason?) -> Bool {
        var rest = text[...]
        if let first = rest.first, first == UInt8(ascii: "\"") || first == UInt8(ascii: "'") { rest.removeFirst() }
        // An empty object is a placeholder too, which happens to be readable.
        if reason == .missingMeter { return rest.starts(with: Array("{}".utf8)) }
        return isPercent(rest) || isBraces(rest)
    }

    /// `%s`, `%-5.2f`, `%(name)s`.
    private static func isPercent(_ text: ArraySlice<UInt8>) -> Bool {
        guard text.first == UInt8(ascii: "%") else { return false }
        var rest = text.dropFirst()
        if rest.first == UInt8(ascii: "(") {
            let name = rest.dropFirst().prefix(while: isNameByte)
            guard rest.dropFirst(1 + name.count).first == UInt8(ascii: ")") else { return false }
            rest = rest.dropFirst(2 + name.count)
        }
        rest = rest.drop { isDigit($0) || Array("-+ #.".utf8).contains($0) }
        return rest.first.map { isWordByte($0) && !isDigit($0) && $0 != UInt8(ascii: "_") } ?? false
    }

    /// `{}`, `{0}`, `{Name}`, `{@Name,-10:format}`.
    private static func isBraces(_ text: ArraySlice<UInt8>) -> Bool {
        guard text.first == UInt8(ascii: "{") else { return false }
        var rest = text.dropFirst()
        if rest.first == UInt8(ascii: "@") || rest.first == UInt8(ascii: "$") { rest.removeFirst() }
        rest = rest.drop(while: isNameByte)
        if rest.first == UInt8(ascii: ",") {
            rest.removeFirst()
            if rest.first == UInt8(ascii: "-") { rest.removeFirst() }
            guard let digit = rest.first, isDigit(digit) else { return false }
            rest = rest.drop(while: isDigit)
        }
        if rest.first == UInt8(ascii: ":") {
            rest = rest.dropFirst().drop { !Array("{}\"\\".utf8).contains($0) }
        }
        return rest.first == UInt8(ascii: "}")
    }

    private static func isNameByte(_ byte: UInt8) -> Bool { isWordByte(byte) || byte == UInt8(ascii: ".") }

    /// Whether a text is the beginning of a document, but for the dots that tell that it was cut off.
    static func isCutOff(_ text: [UInt8], of whole: [UInt8]) -> Bool {
        guard var rest = document(in: text, isCutOff: true)?[...] else { return false }
        for ellipsis in ["", "...", "…"] {
            if rest.suffix(ellipsis.utf8.count).elementsEqual(ellipsis.utf8) { rest.removeLast(ellipsis.utf8.count) }
            while let last = rest.last, JSON.isWhitespace(last), ellipsis != "..." { rest.removeLast() }
        }
        return !rest.isEmpty && rest.count < whole.count && whole.starts(with: rest)
    }

    /// The document of a value that was read.
    static func whole(_ value: [UInt8]) -> [UInt8] {
        let isBetweenApostrophes = value.count > 1 && value[0] == UInt8(ascii: "'") && value.last == value[0]
        return document(in: isBetweenApostrophes ? value.dropLast() : value, isCutOff: false) ?? []
    }

    /// The document that a value begins with, out of its quotation marks; nil when what is cut off is something else.
    private static func document(in text: [UInt8], isCutOff: Bool) -> [UInt8]? {
        var text = text
        for _ in 0...EscapeLevel.maximum {
            guard let first = text.first, isQuote(first) else { break }
            text.removeFirst()
            if first == UInt8(ascii: "\"") {
                let content = EscapedLayer(text.span)
                if isCutOff, content.consumed < text.count { return nil }
                text = content.output
            }
            text = Array(text.drop(while: JSON.isWhitespace))
        }
        return text
    }
}
