/// The members that a JSON document may have, at every depth.
///
/// A decoder passes over a member that it doesn't know. In a query that changes the answer: a misspelt filter would give
/// everybody's usage.
package indirect enum KnownMembers: Sendable {
    /// Any value; nothing inside it is checked.
    case anything
    /// An object with members of any name, each once.
    case names
    /// An array of such elements.
    case list(KnownMembers)
    /// An object with these members, each at most once.
    case object([String: KnownMembers])

    /// A member that a document may not have.
    package struct Stray: Sendable {
        /// Where its object is, such as `timeRange`; empty for the document itself.
        package var path: String
        /// The member's name.
        package var name: String
        /// The names that its object may have, sorted; nil when the name is known but appears twice.
        package var known: [String]?
    }

    /// The first member that a document may not have; nil when there is none.
    ///
    /// A value of another kind than expected isn't this function's to refuse: whoever decodes the document does.
    ///
    /// - Throws: `Unreadable` when the bytes aren't one JSON document in UTF-8, or are nested deeper than 16 levels.
    package func stray(in bytes: Span<UInt8>) throws(Unreadable) -> Stray? {
        guard JSON.isDocument(bytes) else { throw Unreadable() }
        var position = 0
        var found: Stray?
        JSON.skipWhitespace(bytes, &position)
        do throws(JSON.Fault) {
            try check(bytes, &position, depth: 0, path: "", &found)
        } catch { throw Unreadable() }
        return found
    }

    /// The bytes can't be checked.
    package struct Unreadable: Error {}

    private func check(
        _ bytes: Span<UInt8>, _ position: inout Int, depth: Int, path: String, _ found: inout Stray?
    ) throws(JSON.Fault) {
        switch (self, try JSON.peek(bytes, position)) {
        case (.object(let known), UInt8(ascii: "{")):
            try members(bytes, &position, depth, path, known, &found)
        case (.names, UInt8(ascii: "{")):
            try members(bytes, &position, depth, path, nil, &found)
        case (.list(let element), UInt8(ascii: "[")):
            var index = 0
            var stray = found
            try JSON.elements(bytes, &position, depth: depth) { bytes, position, depth throws(JSON.Fault) in
                try element.check(bytes, &position, depth: depth, path: "\(path)[\(index)]", &stray)
                index += 1
            }
            found = stray
        default:
            _ = try JSON.value(bytes, &position, depth: depth)
        }
    }

    private func members(
        _ bytes: Span<UInt8>, _ position: inout Int, _ depth: Int, _ path: String, _ known: [String: KnownMembers]?,
        _ found: inout Stray?
    ) throws(JSON.Fault) {
        var seen: Set<[UInt8]> = []
        var stray = found
        try JSON.members(bytes, &position, depth: depth) { key, bytes, position, depth throws(JSON.Fault) in
            let name = JSON.text(key, in: bytes)
            let member = known.map { $0[name] } ?? .anything
            if stray == nil {
                if member == nil {
                    stray = Stray(path: path, name: name, known: known?.keys.sorted() ?? [])
                } else if !seen.insert(Array(name.utf8)).inserted {
                    stray = Stray(path: path, name: name, known: nil)
                }
            }
            let inner = path.isEmpty ? name : "\(path).\(name)"
            try (member ?? .anything).check(bytes, &position, depth: depth, path: inner, &stray)
        }
        found = stray
    }
}
