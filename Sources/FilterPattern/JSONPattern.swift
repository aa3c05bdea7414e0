/// Conditions on the members of a message that is a JSON object.
struct JSONPattern: Sendable {
    /// The most wildcards in the selectors of one pattern; one selector may have one.
    static let maximumWildcards = 3

    private enum Step: Sendable {
        case member([Unicode.Scalar])
        case anyMember
        case element(Int)
        case anyElement
    }

    private enum Condition: Sendable {
        case compares(ValueTest)
        case isNull
        case isBool(Bool)
        case doesNotExist
    }

    private indirect enum Expression: Sendable {
        case all([Expression])
        case any([Expression])
        case test([Step], Condition)
    }

    private let expression: Expression

    /// Reads a pattern from its opening brace on.
    init(_ reader: inout PatternReader) throws(FilterPatternError) {
        let start = reader.position
        reader.position += 1
        var wildcards = 0
        expression = try Self.any(&reader, &wildcards)
        guard reader.take("}") else {
            guard reader.next == nil else { throw Self.unexpected(reader) }
            throw reader.error(
                "has a { that is never closed", at: start, remedy: "Put the whole pattern in braces: { $.a = 1 }.")
        }
        try reader.finish("Nothing may stand behind the closing brace.")
    }

    // MARK: - Reading

    private static func any(
        _ reader: inout PatternReader, _ wildcards: inout Int
    ) throws(FilterPatternError) -> Expression {
        var parts = [try all(&reader, &wildcards)]
        while reader.take("||") { parts.append(try all(&reader, &wildcards)) }
        return parts.count == 1 ? parts[0] : .any(parts)
    }

    private static func all(
        _ reader: inout PatternReader, _ wildcards: inout Int
    ) throws(FilterPatternError) -> Expression {
        var parts = [try part(&reader, &wildcards)]
        while reader.take("&&") { parts.append(try part(&reader, &wildcards)) }
        return parts.count == 1 ? parts[0] : .all(parts)
    }

    /// One condition, or an expression in parentheses, with the white space around it.
    private static func part(
        _ reader: inout PatternReader, _ wildcards: inout Int
    ) throws(FilterPatternError) -> Expression {
        reader.skipWhitespace()
        defer { reader.skipWhitespace() }
        let start = reader.position
        guard reader.take("(") else {
            let selector = try selector(&reader, &wildcards)
            reader.skipWhitespace()
            return .test(selector, try condition(&reader))
        }
        let inner = try any(&reader, &wildcards)
        guard reader.take(")") else {
            guard reader.next == nil || reader.next == "}" else { throw unexpected(reader) }
            throw reader.error("has a ( that is never closed", at: start, remedy: "Close it before the closing brace.")
        }
        return inner
    }

    private static func selector(
        _ reader: inout PatternReader, _ wildcards: inout Int
    ) throws(FilterPatternError) -> [Step] {
        let start = reader.position
        guard reader.take("$") else {
            throw reader.error(
                "has \(reader.shown(reader.position)) where a selector must stand",
                remedy: "A selector begins with $ and a point, for example $.user.id.")
        }
        var steps: [Step] = []
        while let step = try step(&reader, isFirst: steps.isEmpty) { steps.append(step) }
        let own = steps.count { if case .anyMember = $0 { true } else if case .anyElement = $0 { true } else { false } }
        wildcards += own
        guard own <= 1, wildcards <= maximumWildcards else {
            throw reader.error(
                "has too many wildcards in its selectors", at: start,
                remedy: "CloudWatch Logs takes one in a selector and \(maximumWildcards) in a pattern.")
        }
        return steps
    }

    private static func step(
        _ reader: inout PatternReader, isFirst: Bool
    ) throws(FilterPatternError) -> Step? {
        let start = reader.position
        if reader.take(".['") {
            let name = reader.run { $0 != "'" }
            guard !name.isEmpty, reader.take("']") else {
                throw reader.error(
                    "has a name in brackets that is never closed", at: start, remedy: "Write it as $.['the.name'].")
            }
            return .member(name)
        }
        if reader.take(".*") { return .anyMember }
        if reader.take(".") {
            let name = reader.run { PatternReader.isWord($0) || $0 == "-" }
            guard !name.isEmpty else {
                throw reader.error(
                    "has \(reader.shown(reader.position)) where a member's name must stand",
                    remedy: "Names are made of letters, digits, - and _; others stand in brackets: $.['the.name'].")
            }
            return .member(name)
        }
        guard !isFirst else {
            throw reader.error(
                "has a $ without a point behind it", remedy: "Write $.name; an element follows a name: $.name[0].")
        }
        guard reader.take("[") else { return nil }
        if reader.take("*]") { return .anyElement }
        let digits = reader.run { ("0"..."9").contains($0) }
        guard !digits.isEmpty, digits.count < 10, reader.take("]") else {
            throw reader.error(
                "has brackets that hold no number of an element", at: start,
                remedy: "Write [0] for the first element, [*] for any, and $.['the.name'] for a name.")
        }
        return .element(digits.reduce(0) { $0 * 10 + Int($1.value - 0x30) })
    }

    private static func condition(_ reader: inout PatternReader) throws(FilterPatternError) -> Condition {
        if let test = try ValueTest(&reader) { return .compares(test) }
        let start = reader.position
        let (first, second) = (word(&reader), word(&reader))
        switch (first, second) {
        case ("IS", "NULL"): return .isNull
        case ("IS", "TRUE"): return .isBool(true)
        case ("IS", "FALSE"): return .isBool(false)
        case ("NOT", "EXISTS"): return .doesNotExist
        case ("IS", "NOT"), ("EXISTS", _):
            throw reader.error(
                "uses IS NOT or EXISTS, which CloudWatch Logs does not support", at: start,
                remedy: "Write = * for a member that exists, and != for another value.")
        default:
            throw reader.error(
                "has no condition behind a selector", at: start,
                remedy: "There are =, !=, <, <=, >, >=, IS NULL, IS TRUE, IS FALSE and NOT EXISTS, in capitals.")
        }
    }

    private static func word(_ reader: inout PatternReader) -> String {
        reader.skipWhitespace()
        return String(String.UnicodeScalarView(reader.run(while: PatternReader.isWord)))
    }

    private static func unexpected(_ reader: PatternReader) -> FilterPatternError {
        reader.error(
            "has \(reader.shown(reader.position)) behind a condition",
            remedy: "Conditions are joined by && and ||; texts with other characters stand in quotation marks.")
    }

    // MARK: - Matching

    func matches(_ message: String) -> Bool {
        guard let root = JSONMessage(message), case .object = root else { return false }
        return holds(expression, root)
    }

    private func holds(_ expression: Expression, _ root: JSONMessage) -> Bool {
        switch expression {
        case .all(let parts): parts.allSatisfy { holds($0, root) }
        case .any(let parts): parts.contains { holds($0, root) }
        case .test(let selector, .doesNotExist): Self.found(selector[...], in: root).isEmpty
        case .test(let selector, let condition):
            Self.found(selector[...], in: root).contains { Self.holds(condition, $0) }
        }
    }

    /// The values that a selector points to.
    private static func found(_ selector: ArraySlice<Step>, in value: JSONMessage) -> [JSONMessage] {
        guard let step = selector.first else { return [value] }
        let reached: [JSONMessage]
        switch (step, value) {
        case (.member(let name), .object(let members)): reached = members[name].map { [$0] } ?? []
        case (.anyMember, .object(let members)): reached = Array(members.values)
        case (.element(let index), .array(let elements)): reached = index < elements.count ? [elements[index]] : []
        case (.anyElement, .array(let elements)): reached = elements
        default: reached = []
        }
        return reached.flatMap { found(selector.dropFirst(), in: $0) }
    }

    private static func holds(_ condition: Condition, _ value: JSONMessage) -> Bool {
        switch (condition, value) {
        case (.isNull, .null): true
        case (.isBool(let wanted), .bool(let found)): wanted == found
        case (.compares(let test), .string(let text)): test.holds(.init(text: text, isNumber: false))
        case (.compares(let test), .number(let text)): test.holds(.init(text: text, isNumber: true))
        // Neither = nor != holds for an array, an object, a truth value or null.
        default: false
        }
    }
}
