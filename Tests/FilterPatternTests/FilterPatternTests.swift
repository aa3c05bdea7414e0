import FilterPattern
import MeterLine
import Testing

#if canImport(FoundationEssentials)
    import FoundationEssentials
#else
    import Foundation
#endif

@Suite struct FilterPatternTests {
    private func matches(_ pattern: String, _ message: String) throws -> Bool {
        try FilterPattern(pattern).matches(message)
    }

    @Test func `the examples of AWS's pages are what we do`() throws {
        let table = try Table.read()
        #expect(table.cases.count > 90)
        for one in table.cases {
            let pattern = try FilterPattern(one.pattern)
            for message in one.matches { #expect(pattern.matches(message), "\(one.pattern) takes \(message)") }
            for message in one.misses { #expect(!pattern.matches(message), "\(one.pattern) leaves \(message)") }
        }
        for one in table.refused {
            #expect(throws: FilterPatternError.self, "\(one.pattern): \(one.why)") { try FilterPattern(one.pattern) }
        }
    }

    @Test(arguments: [
        ("", "everything"), (" \n", "everything"), ("a -b", "terms"), ("%a%", "regularExpression"),
        (" { $.a = 1 }", "json"), ("[a, ...]", "spaceDelimited"),
    ])
    func `the form is told by the first character`(pattern: String, form: String) throws {
        #expect(try FilterPattern(pattern).form.rawValue == form)
    }

    @Test(arguments: [
        ("a b-c", 3, "quotation marks"), ("ERROR*", 5, "anywhere"), ("?", 1, "right behind"),
        ("a || b", 2, "question mark"), ("\"abc", 0, "Close it"), ("%a", 0, "both ends"), ("%a(b)%", 2, "\\x28"),
        ("%a%b", 3, "stands alone"), ("a %b%", 2, "stands alone"), ("{ $.a > \"1\" }", 8, "without quotation marks"),
        ("{ $.a = 1", 0, "in braces"), ("{ ($.a = 1 }", 2, "before the closing brace"), ("{ a = 1 }", 2, "$.user.id"),
        ("{ $.a is null }", 6, "in capitals"), ("{ $[0] = 1 }", 3, "follows a name"), ("{ $.a = 1 } x", 12, "behind"),
        ("{ $.a = b/c }", 9, "&&"), ("[a, ..., ...]", 9, "any number"), ("[a = 1 || b = 2]", 10, "Repeat"),
        ("[= 1]", 4, "name = value"), ("[a", 0, "in brackets"), ("%a{3,2}%", 2, "{m,n}"),
        ("%a**%", 3, "one quantifier"),
        ("%[b-a]%", 1, "[a-z]"), ("%|a%", 1, "both sides"), ("%\u{e9}%", 1, "ASCII"),
    ])
    func `an error says where and what to do`(pattern: String, position: Int, remedy: String) throws {
        let error = try #require(throws: FilterPatternError.self) { try FilterPattern(pattern) }
        #expect(error.position == position, "\(error)")
        #expect(error.remedy.contains(remedy), "\(error)")
        #expect(error.description.contains("at character \(position + 1)."))
    }

    @Test func `a pattern has a length`() throws {
        let longest = String(repeating: "a", count: FilterPattern.maximumLength)
        #expect(try matches(longest, longest))
        #expect(throws: FilterPatternError.self) { try FilterPattern(longest + "a") }
    }

    @Test func `numbers are compared exactly`() throws {
        let many = String(repeating: "1", count: 40)
        #expect(try matches("{ $.a = \(many) }", "{\"a\":\(many).0}"))
        #expect(try !matches("{ $.a = \(many) }", "{\"a\":\(many).\(many)}"))
        #expect(try matches("{ $.a > 1e300 }", "{\"a\":1e4000}"))
        #expect(try matches("{ $.a = 0 }", "{\"a\":-0.0e7}"))
        #expect(try matches("{ $.a < -2 }", "{\"a\":-10}"))
        #expect(try matches("{ $.a >= 0.1 }", "{\"a\":10e-2}"))
    }

    @Test func `a number in quotation marks is a text`() throws {
        #expect(try matches("{ $.a = \"123\" }", "{\"a\":123}"))
        #expect(try !matches("{ $.a = \"123.0\" }", "{\"a\":123}"))
        #expect(try matches("{ $.a = 123.0 }", "{\"a\":123}"))
        #expect(try matches("{ $.a = 123 }", "{\"a\":\"123\"}"))
        #expect(try !matches("{ $.a > 12 }", "{\"a\":\"123\"}"))
    }

    @Test func `a message nested too deep is no JSON`() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "{\"a\":", count: depth) + "1" + String(repeating: "}", count: depth)
        }
        #expect(try matches("{ $.b NOT EXISTS }", nested(127)))
        #expect(try !matches("{ $.b NOT EXISTS }", nested(100_000)))
    }

    @Test func `a regular expression takes time that grows with the message alone`() throws {
        let pattern = try FilterPattern("%" + String(repeating: "a*", count: 400) + "b$%")
        #expect(!pattern.matches(String(repeating: "a", count: 20_000)))
    }

    @Test func `the pattern for tags is one regular expression`() throws {
        #expect(
            FilterPattern.text(ofAny: LineReader.defaultTags)
                == "%amberflo_meter|meter_record_for_cw|meter_record_for_stream%")
        #expect(FilterPattern.text(ofAny: ["amberflo_meter"]) == "%amberflo_meter%")
        #expect(FilterPattern.text(ofAny: ["a_b", "c-d", "e.f"]) == #"%a_b|c-d|e\.f%"#)
        let pattern = try FilterPattern(FilterPattern.text(ofAny: ["c-d", "e.f"]))
        #expect(pattern.matches("xc-dx") && pattern.matches("1e.f2"))
        #expect(!pattern.matches("c d") && !pattern.matches("exf"))
        #expect(pattern.regularExpressions == 1)
        let odd = FilterPattern.text(ofAny: ["a\"b\\(%"])
        #expect(odd == #"%a\x22b\\\x28\x25%"#)
        #expect(try matches(odd, "xa\"b\\(%x"))
        #expect(FilterPattern.text(ofAny: ["a", "\u{e9}"]) == "?a ?\"\u{e9}\"")
    }

    @Test func `the terms for tags are quoted where they are no words`() throws {
        #expect(FilterPattern.terms(ofAny: ["amberflo_meter"]) == "amberflo_meter")
        #expect(FilterPattern.terms(ofAny: ["a_b", "c-d", "e.f"]) == "?a_b ?\"c-d\" ?\"e.f\"")
        let pattern = try FilterPattern(FilterPattern.terms(ofAny: ["c-d", "a\"b\\"]))
        #expect(pattern.matches("xc-dx") && pattern.matches("a\"b\\") && !pattern.matches("c d"))
    }

    @Test(arguments: [
        ("\u{1b}[32mamberflo_meter: {}", false), ("x_amberflo_meter {}", false),
        (#"{"m":"a\namberflo_meter {}"}"#, false),
        ("amberflo_meters: {}", false), ("amberflo_meter", true), ("[amberflo_meter]: {}", true),
        (#"{"amberflo_meter":{}}"#, true), ("amberflo_meters amberflo_meter", true), ("\u{e9}amberflo_meter", true),
    ])
    func `a tag within a longer word is taken by the expression, and by terms not for certain`(
        message: String, isWord: Bool
    ) throws {
        let pattern = try FilterPattern(FilterPattern.text(ofAny: LineReader.defaultTags))
        #expect(pattern.matches(message) && pattern.matchesWholeWords(message))
        let terms = try FilterPattern(FilterPattern.terms(ofAny: LineReader.defaultTags))
        #expect(terms.matches(message))
        #expect(terms.matchesWholeWords(message) == isWord)
    }

    @Test func `excluded terms and phrases are judged with care`() throws {
        #expect(try !FilterPattern("a -b").matchesWholeWords("a xbx"))
        #expect(try FilterPattern("a -b").matchesWholeWords("a x"))
        #expect(try FilterPattern("\"a: \"").matchesWholeWords("xx: a: 1"))
        #expect(try !FilterPattern("\"a: \"").matchesWholeWords("xa: 1"))
        #expect(try FilterPattern("\" \"").matchesWholeWords("a"))
    }

    @Test(arguments: [
        ("", false), ("?a ?b", false), ("%a%", true), ("{ $.a = %b% }", true), ("[a = %b%]", true),
        ("{ $.a = \"50%\" && $.b = \"%x\" }", false), ("%(a)%", true), ("{ $.a = ", false),
    ])
    func `what counts as a filter with a regular expression`(pattern: String, counts: Bool) {
        #expect(FilterPattern.holdsExpression(pattern) == counts)
    }

    @Test func `a pattern of tags finds every line that the agent reads`() throws {
        let reader = try LineReader()
        let pattern = try FilterPattern(FilterPattern.text(ofAny: LineReader.defaultTags))
        let lines = try String(contentsOfFile: Table.folder + "/lines.txt", encoding: .utf8).split(separator: "\n")
        var tagged = 0
        for line in lines where reader.mayHoldTag(Array(line.utf8).span) {
            tagged += 1
            #expect(pattern.matches(String(line)), "\(line)")
        }
        #expect(tagged > 50)
    }
}

/// What AWS's pages say, told again in Tests/Corpus/filter-patterns.json.
private struct Table: Decodable {
    struct Case: Decodable {
        var pattern: String
        var matches: [String]
        var misses: [String]
    }

    struct Refused: Decodable {
        var pattern: String
        var why: String
    }

    var cases: [Case]
    var refused: [Refused]

    static let folder = #filePath.split(separator: "/").dropLast(2).reduce("") { "\($0)/\($1)" } + "/Corpus"

    static func read() throws -> Table {
        let data = try #require(FileManager.default.contents(atPath: folder + "/filter-patterns.json"))
        return try JSONDecoder().decode(Table.self, from: data)
    }
}
