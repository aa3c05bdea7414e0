/// Writes one JSON object, member by member, without white space.
package struct JSONObjectWriter {
    private var isFirst = true

    /// Begins an object at the end of `output`.
    package init(_ output: inout [UInt8]) {
        output.append(UInt8(ascii: "{"))
    }

    /// Ends the object.
    package func end(_ output: inout [UInt8]) {
        output.append(UInt8(ascii: "}"))
    }

    /// Writes a name and its colon; the value must follow.
    package mutating func name(_ name: String, _ output: inout [UInt8]) {
        if !isFirst { output.append(UInt8(ascii: ",")) }
        isFirst = false
        appendJSONString(name, to: &output)
        output.append(UInt8(ascii: ":"))
    }

    /// Writes a member that is a string.
    package mutating func member(_ name: String, _ text: String, _ output: inout [UInt8]) {
        self.name(name, &output)
        appendJSONString(text, to: &output)
    }

    /// Writes a member that is a whole number.
    package mutating func member(_ name: String, _ number: some BinaryInteger, _ output: inout [UInt8]) {
        literal(name, String(number), &output)
    }

    /// Writes a member whose value is JSON already.
    package mutating func literal(_ name: String, _ json: String, _ output: inout [UInt8]) {
        self.name(name, &output)
        output.append(contentsOf: json.utf8)
    }
}

/// Writes a JSON string with its quotation marks; only what must be escaped is (RFC 8259, section 7).
package func appendJSONString(_ text: String, to output: inout [UInt8]) {
    output.append(UInt8(ascii: "\""))
    appendJSONContent(text, to: &output)
    output.append(UInt8(ascii: "\""))
}

/// Writes what stands between the quotation marks of a JSON string.
func appendJSONContent(_ text: String, to output: inout [UInt8]) {
    if ByteText.with(text.utf8Span.span, { $0.needsNoEscape }) {
        output.append(contentsOf: text.utf8)
        return
    }
    for byte in text.utf8 {
        switch byte {
        case UInt8(ascii: "\""): output.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "\"")])
        case UInt8(ascii: "\\"): output.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "\\")])
        case 0x08: output.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "b")])
        case 0x0c: output.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "f")])
        case 0x0a: output.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "n")])
        case 0x0d: output.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "r")])
        case 0x09: output.append(contentsOf: [UInt8(ascii: "\\"), UInt8(ascii: "t")])
        case ..<0x20: output.append(contentsOf: "\\u00\(hexadecimal([byte]))".utf8)
        default: output.append(byte)
        }
    }
}

/// Writes a list of texts.
package func appendJSONList(_ texts: [String], to output: inout [UInt8]) {
    appendJSONArray(texts, to: &output) { appendJSONString($0, to: &$1) }
}

/// Writes a list, each element as `body` does.
package func appendJSONArray<Element>(
    _ elements: [Element], to output: inout [UInt8], _ body: (Element, inout [UInt8]) -> Void
) {
    output.append(UInt8(ascii: "["))
    for (index, element) in elements.enumerated() {
        if index > 0 { output.append(UInt8(ascii: ",")) }
        body(element, &output)
    }
    output.append(UInt8(ascii: "]"))
}
