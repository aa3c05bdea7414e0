/// Conditions on the words of a line, by their place.
///
/// What stands in brackets or in quotation marks is one word.
struct DelimitedPattern: Sendable {
    /// Conditions on one word: one of the rows must hold, each with all of its conditions.
    ///
    /// Without rows any word will do.
    private struct Field: Sendable {
        var alternatives: [[ValueTest]] = []

        func holds(_ word: [Unicode.Scalar]) -> Bool {
            guard !alternatives.isEmpty else { return true }
            let value = ValueTest.Value(text: word, isNumber: ExactNumber(word) != nil)
            return alternatives.contains { tests in tests.allSatisfy { $0.holds(value) } }
        }
    }

    /// The fields in front of the ellipsis; all of them where there is none.
    private var leading: [Field] = []
    /// The fields behind the ellipsis; nil where there is none.
    private var trailing: [Field]?

    /// Reads a pattern from its opening bracket on.
    init(_ reader: inout PatternReader) throws(FilterPatternError) {
        let start = reader.position
        reader.position += 1
        repeat {
            reader.skipWhitespace()
            let first = reader.position
            if reader.take("...") {
                guard trailing == nil else {
                    throw reader.error(
                        "has more than one ellipsis", at: first, remedy: "One ... stands for any number of words.")
                }
                trailing = []
            } else {
                let field = try Self.field(&reader)
                if trailing == nil { leading.append(field) } else { trailing?.append(field) }
            }
            reader.skipWhitespace()
        } while reader.take(",")
        guard reader.take("]") else {
            guard reader.next == nil else {
                throw reader.error(
                    "has \(reader.shown(reader.position)) behind a field",
                    remedy: "Fields are separated by commas; texts with other characters stand in quotation marks.")
            }
            throw reader.error(
                "has a [ that is never closed", at: start, remedy: "Put the whole pattern in brackets: [a, b = 1].")
        }
        try reader.finish("Nothing may stand behind the closing bracket.")
    }

    private static func field(_ reader: inout PatternReader) throws(FilterPatternError) -> Field {
        let name = reader.run(while: PatternReader.isWord)
        reader.skipWhitespace()
        var field = Field()
        guard let test = try ValueTest(&reader) else { return field }
        guard !name.isEmpty else {
            throw reader.error("has a condition on a field without a name", remedy: "Write name = value.")
        }
        field.alternatives = [[test]]
        while true {
            reader.skipWhitespace()
            let isOr = reader.take("||")
            guard isOr || reader.take("&&") else { return field }
            reader.skipWhitespace()
            let start = reader.position
            let again = reader.run(while: PatternReader.isWord)
            reader.skipWhitespace()
            guard again == name, let test = try ValueTest(&reader) else {
                throw reader.error(
                    "joins a field with something that is no condition on the same field", at: start,
                    remedy: "Repeat the field's name: [status = 404 || status = 410].")
            }
            if isOr {
                field.alternatives.append([test])
            } else {
                field.alternatives[field.alternatives.count - 1].append(test)
            }
        }
    }

    func matches(_ message: [Unicode.Scalar]) -> Bool {
        let words = Self.words(message)
        guard let trailing else {
            // A last field without a condition takes all that is left.
            let isOpen = leading.last?.alternatives.isEmpty == true && words.count > leading.count
            return (isOpen || words.count == leading.count) && Self.hold(leading, words[...])
        }
        return words.count >= leading.count + trailing.count && Self.hold(leading, words[...])
            && Self.hold(trailing, words.suffix(trailing.count))
    }

    private static func hold(_ fields: [Field], _ words: ArraySlice<[Unicode.Scalar]>) -> Bool {
        zip(fields, words).allSatisfy { $0.holds($1) }
    }

    /// The words of a line, without the brackets and quotation marks around them.
    static func words(_ message: [Unicode.Scalar]) -> [[Unicode.Scalar]] {
        var words: [[Unicode.Scalar]] = []
        var position = 0
        while position < message.count {
            let first = message[position]
            if PatternReader.isWhitespace(first) {
                position += 1
                continue
            }
            let closing: Unicode.Scalar? = first == "[" ? "]" : first == "\"" ? "\"" : nil
            if let closing, let end = message[(position + 1)...].firstIndex(of: closing) {
                words.append(Array(message[(position + 1)..<end]))
                position = end + 1
                continue
            }
            let end = message[position...].firstIndex(where: PatternReader.isWhitespace) ?? message.count
            words.append(Array(message[position..<end]))
            position = end
        }
        return words
    }
}
