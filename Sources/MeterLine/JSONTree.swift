/// A JSON value with its numbers as they are written, so that none loses a digit.
package indirect enum JSONTree: Sendable, Equatable {
    /// A member of an object.
    package struct Member: Sendable, Equatable {
        /// The member's name.
        package var name: String
        /// The member's value.
        package var value: JSONTree

        /// Makes a member.
        package init(_ name: String, _ value: JSONTree) {
            self.name = name
            self.value = value
        }
    }

    case string(String)
    case number(String)
    case bool(Bool)
    case null
    case array([JSONTree])
    case object([Member])

    /// Reads one document; nil when it is none.
    package init?(_ bytes: [UInt8]) {
        guard JSON.isDocument(bytes.span) else { return nil }
        var position = 0
        JSON.skipWhitespace(bytes.span, &position)
        do throws(JSON.Fault) {
            self = try Self.value(bytes.span, &position, depth: 0)
        } catch { return nil }
    }

    private static func value(
        _ bytes: Span<UInt8>, _ position: inout Int, depth: Int
    ) throws(JSON.Fault) -> JSONTree {
        switch try JSON.peek(bytes, position) {
        case UInt8(ascii: "{"):
            var members: [Member] = []
            try JSON.members(bytes, &position, depth: depth) { key, bytes, position, depth throws(JSON.Fault) in
                members.append(Member(JSON.text(key, in: bytes), try value(bytes, &position, depth: depth)))
            }
            return .object(members)
        case UInt8(ascii: "["):
            var elements: [JSONTree] = []
            try JSON.elements(bytes, &position, depth: depth) { bytes, position, depth throws(JSON.Fault) in
                elements.append(try value(bytes, &position, depth: depth))
            }
            return .array(elements)
        default:
            switch try JSON.value(bytes, &position, depth: depth) {
            case .string(let token): return .string(JSON.text(token, in: bytes))
            case .number(let range): return .number(JSON.text(range, in: bytes))
            case .bool(let value): return .bool(value)
            case .null, .object, .array: return .null
            }
        }
    }

    /// A member's value; nil where there is none.
    package subscript(name: String) -> JSONTree? {
        guard case .object(let members) = self else { return nil }
        return members.first { $0.name == name }?.value
    }

    /// The elements of an array; none of anything else.
    package var elements: [JSONTree] {
        if case .array(let elements) = self { elements } else { [] }
    }

    /// A string's or a number's text; empty for anything else.
    package var text: String {
        switch self {
        case .string(let text), .number(let text): text
        case .bool(let value): value ? "true" : "false"
        case .null: ""
        case .array(let elements): elements.map(\.text).joined(separator: ", ")
        case .object: json
        }
    }

    /// The value as JSON without white space.
    package var json: String {
        var output: [UInt8] = []
        append(to: &output)
        return String(decoding: output, as: UTF8.self)
    }

    private func append(to output: inout [UInt8]) {
        switch self {
        case .string(let text): appendJSONString(text, to: &output)
        case .number(let text): output.append(contentsOf: text.utf8)
        case .bool(let value): output.append(contentsOf: (value ? "true" : "false").utf8)
        case .null: output.append(contentsOf: "null".utf8)
        case .array(let elements):
            output.append(UInt8(ascii: "["))
            for (index, element) in elements.enumerated() {
                if index > 0 { output.append(UInt8(ascii: ",")) }
                element.append(to: &output)
            }
            output.append(UInt8(ascii: "]"))
        case .object(let members):
            var object = JSONObjectWriter(&output)
            for member in members {
                object.name(member.name, &output)
                member.value.append(to: &output)
            }
            object.end(&output)
        }
    }
}
