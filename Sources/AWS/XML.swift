/// Why an XML document cannot be read.
package struct XMLError: Error, Equatable {
    /// What is wrong, without the document's text.
    package var reason: String
    /// The byte at which it was noticed.
    package var offset: Int
}

/// Reads an XML document piece by piece.
///
/// It knows what AWS answers with: elements, text, character references and the five entities of XML 1.0, CDATA.
/// Attributes, comments and processing instructions are skipped, prefixes of names dropped. A document type is an error,
/// since nothing that AWS sends has one.
package struct XMLReader {
    /// A piece of a document.
    package enum Piece: Equatable {
        /// A start tag, by local name. An empty element gives a start and an end.
        case start(String)
        /// Text between two tags, with entities and CDATA resolved.
        case text(String)
        /// An end tag.
        case end(String)
    }

    /// The deepest nesting that is read.
    package static let maximumDepth = 32

    private let bytes: [UInt8]
    private var position = 0
    private var open: [String] = []
    private var pendingEnd: String?
    private var sawRoot = false

    package init(_ bytes: [UInt8]) {
        self.bytes = bytes
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) { position = 3 }
    }

    /// The next piece; nil after the root element's end.
    package mutating func next() throws(XMLError) -> Piece? {
        if let name = pendingEnd {
            pendingEnd = nil
            open.removeLast()
            return .end(name)
        }
        var text: [UInt8] = []
        while position < bytes.count {
            if bytes[position] == UInt8(ascii: "<") {
                if skip("<![CDATA[") {
                    text += try take(until: "]]>")
                } else if skip("<!--") {
                    _ = try take(until: "-->")
                } else if skip("<?") {
                    _ = try take(until: "?>")
                } else if starts("<!") {
                    throw error("a document type is not allowed")
                } else if !text.isEmpty {
                    break
                } else {
                    return try tag()
                }
            } else if bytes[position] == UInt8(ascii: "&") {
                text += try reference()
            } else {
                text.append(bytes[position])
                position += 1
            }
            if open.isEmpty {
                guard text.allSatisfy(Self.isSpace) else { throw error("there is text outside the root element") }
                text = []
            }
        }
        guard text.isEmpty else { return .text(String(decoding: text, as: UTF8.self)) }
        guard open.isEmpty, sawRoot else { throw error("the document ends early") }
        return nil
    }

    private mutating func tag() throws(XMLError) -> Piece {
        position += 1
        if skip("/") {
            let name = try name()
            skipSpace()
            guard skip(">") else { throw error("an end tag is not closed") }
            guard open.popLast() == name else { throw error("an end tag does not match its start tag") }
            return .end(name)
        }
        guard !(open.isEmpty && sawRoot) else { throw error("there is a second root element") }
        let name = try name()
        guard open.count < Self.maximumDepth else { throw error("elements are nested too deeply") }
        open.append(name)
        sawRoot = true
        while true {
            skipSpace()
            if skip("/>") {
                pendingEnd = name
                return .start(name)
            }
            if skip(">") { return .start(name) }
            _ = try self.name()
            skipSpace()
            guard skip("=") else { throw error("an attribute has no value") }
            skipSpace()
            if skip("\"") {
                _ = try take(until: "\"")
            } else if skip("'") {
                _ = try take(until: "'")
            } else {
                throw error("an attribute has no value")
            }
        }
    }

    private mutating func name() throws(XMLError) -> String {
        let start = position
        while position < bytes.count, !Self.isSpace(bytes[position]), !"<>/=&'\"".utf8.contains(bytes[position]) {
            position += 1
        }
        let name = bytes[start..<position].split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false).last
        guard let name, !name.isEmpty else { throw error("a name is missing") }
        return String(decoding: name, as: UTF8.self)
    }

    private mutating func reference() throws(XMLError) -> [UInt8] {
        let start = position
        position += 1
        guard let end = bytes[position...].prefix(12).firstIndex(of: UInt8(ascii: ";")) else {
            position = start
            throw error("an entity is not closed")
        }
        let name = String(decoding: bytes[position..<end], as: UTF8.self)
        position = end + 1
        switch name {
        case "lt": return [UInt8(ascii: "<")]
        case "gt": return [UInt8(ascii: ">")]
        case "amp": return [UInt8(ascii: "&")]
        case "quot": return [UInt8(ascii: "\"")]
        case "apos": return [UInt8(ascii: "'")]
        default:
            let number =
                name.hasPrefix("#x")
                ? UInt32(name.dropFirst(2), radix: 16) : name.hasPrefix("#") ? UInt32(name.dropFirst()) : nil
            guard let number, number > 0, let scalar = Unicode.Scalar(number) else {
                position = start
                throw error("an entity is unknown")
            }
            return Array(String(Character(scalar)).utf8)
        }
    }

    private func starts(_ mark: String) -> Bool {
        bytes[position...].starts(with: mark.utf8)
    }

    private mutating func skip(_ mark: String) -> Bool {
        guard starts(mark) else { return false }
        position += mark.utf8.count
        return true
    }

    private mutating func skipSpace() {
        while position < bytes.count, Self.isSpace(bytes[position]) { position += 1 }
    }

    private mutating func take(until mark: String) throws(XMLError) -> ArraySlice<UInt8> {
        let start = position
        while position < bytes.count {
            if starts(mark) {
                let taken = bytes[start..<position]
                position += mark.utf8.count
                return taken
            }
            position += 1
        }
        throw error("the document ends early")
    }

    private func error(_ reason: String) -> XMLError { XMLError(reason: reason, offset: position) }

    private static func isSpace(_ byte: UInt8) -> Bool {
        byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09
    }
}

/// An element with all that is in it.
package struct XMLElement {
    /// The local name.
    package var name: String
    /// The text directly in the element, without that of its children.
    package var text = ""
    /// The child elements, in order.
    package var children: [XMLElement] = []

    /// Reads a document to its end and gives its root element.
    package init(_ bytes: [UInt8]) throws(XMLError) {
        var reader = XMLReader(bytes)
        var open = [XMLElement(name: "")]
        while let piece = try reader.next() {
            switch piece {
            case .start(let name): open.append(XMLElement(name: name))
            case .text(let text): open[open.count - 1].text += text
            case .end:
                let element = open.removeLast()
                open[open.count - 1].children.append(element)
            }
        }
        self = open[0].children[0]
    }

    private init(name: String) {
        self.name = name
    }

    /// The first child with a name.
    package func child(_ name: String) -> XMLElement? { children.first { $0.name == name } }

    /// The text of the first child with a name; nil without one.
    package subscript(name: String) -> String? { child(name)?.text }

    /// Text with the characters escaped that mean something to XML.
    package static func escape(_ text: String) -> String {
        var escaped = ""
        for character in text {
            switch character {
            case "&": escaped += "&amp;"
            case "<": escaped += "&lt;"
            case ">": escaped += "&gt;"
            case "\"": escaped += "&quot;"
            default: escaped.append(character)
            }
        }
        return escaped
    }
}
