import AWS
import Testing

@Suite struct XMLTests {
    private func pieces(_ text: String) throws(XMLError) -> [XMLReader.Piece] {
        var reader = XMLReader(Array(text.utf8))
        var pieces: [XMLReader.Piece] = []
        while let piece = try reader.next() { pieces.append(piece) }
        return pieces
    }

    @Test func `elements and text come in order`() throws {
        let text = """
            \u{FEFF}<?xml version="1.0" encoding="UTF-8"?>
            <!-- a > comment --><s3:List xmlns:s3="http://a/?b=1&amp;c" b = '>'><Key>a b</Key ><Empty/><E a="1" /></s3:List>

            """
        #expect(
            try pieces(text) == [
                .start("List"), .start("Key"), .text("a b"), .end("Key"), .start("Empty"), .end("Empty"), .start("E"),
                .end("E"), .end("List"),
            ])
    }

    @Test(arguments: [
        ("&lt;&gt;&amp;&quot;&apos;", "<>&\"'"), ("&#65;&#x42;&#x1F600;", "AB😀"),
        ("a<![CDATA[<b>&amp;]]>c", "a<b>&amp;c"),
        ("a<!-- x -->b<?pi?>c", "abc"), (" a\n ", " a\n "), ("ü€", "ü€"), ("]]", "]]"),
    ])
    func `text is resolved`(written: String, meant: String) throws {
        #expect(try pieces("<a>\(written)</a>") == [.start("a"), .text(meant), .end("a")])
        #expect(try XMLElement(Array("<a><b>\(written)</b></a>".utf8))["b"] == meant)
    }

    @Test(arguments: [
        "", " ", "<a>", "<a", "<a></b>", "<a/><b/>", "x<a/>", "<a/>x", "<a>&unknown;</a>", "<a>&lt</a>", "<a>&#0;</a>",
        "<a>&#xD800;</a>", "<a>&#x110000;</a>", "<a>&;</a>", "<!DOCTYPE a [<!ENTITY x \"y\">]><a>&x;</a>", "<a b></a>",
        "<a b=c></a>", "<a b=\"c></a>", "<a><![CDATA[x</a>", "<a><!-- </a>", "< a/>", "</a>", "<:/>", "<a>&",
        "<?xml", "<a><b></a></b>", "<a b=\"1\"",
    ])
    func `what is no document is an error`(text: String) {
        #expect(throws: XMLError.self) { try XMLElement(Array(text.utf8)) }
    }

    @Test func `nesting has a limit`() throws {
        func nested(_ depth: Int) -> [UInt8] {
            Array((String(repeating: "<a>", count: depth) + String(repeating: "</a>", count: depth)).utf8)
        }
        #expect(try XMLElement(nested(XMLReader.maximumDepth)).children.count == 1)
        #expect(throws: XMLError.self) { try XMLElement(nested(XMLReader.maximumDepth + 1)) }
    }

    @Test func `cutting or changing a document anywhere never crashes`() {
        let document = Array("<?xml v?><a b='c'><!--x--><k>&amp;&#x41;</k><![CDATA[y]]><e/></a>".utf8)
        for length in document.indices {
            _ = try? XMLElement(Array(document[..<length]))
            for byte in [UInt8(ascii: "<"), UInt8(ascii: "&"), UInt8(ascii: "/"), 0xFF, 0] {
                var changed = document
                changed[length] = byte
                _ = try? XMLElement(changed)
            }
        }
    }

    @Test func `what was escaped is read back`() throws {
        let text = "\"<a> & 'b'\""
        #expect(try XMLElement(Array("<a>\(XMLElement.escape(text))</a>".utf8)).text == text)
    }
}
