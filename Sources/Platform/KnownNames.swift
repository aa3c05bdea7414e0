import HTTPTypes
import MeterLine

/// A body that a client sends, and what may be in it.
///
/// Whoever adds a body must say what becomes of members that it doesn't know.
protocol RequestBody: Decodable {
    /// The members that are known; `anything` where unknown ones are harmless, which a comment there explains.
    static var members: KnownMembers { get }
}

extension Array: RequestBody where Element: RequestBody {
    static var members: KnownMembers { .list(Element.members) }
}

/// Refuses names that an operation doesn't know, since passing over one would answer another question.
enum KnownNames {
    /// How much of a name an error shows, in characters.
    private static let maximumShown = 100

    /// The answer to an unknown member or parameter: it names it, and the nearest known one.
    static func unknown(_ kind: String, _ name: String, in path: String = "", known: [String]) -> APIError {
        let place = path.isEmpty ? "" : "\(path)."
        let names = known.map { $0.hasSuffix(".") ? $0 + "NAME" : $0 }.joined(separator: ", ")
        let list = known.isEmpty ? "none is known here" : "known\(path.isEmpty ? "" : " in \(path)"): \(names)"
        let guess = nearest(to: name, in: known).map { "did you mean \"\(place)\($0)\"? " } ?? ""
        return APIError(
            .badRequest,
            "unknown \(kind) \"\(place)\(name.prefix(maximumShown))\": \(guess)Nothing was done, because without it the "
                + "request would mean something else (\(list))")
    }

    /// The answer to a member or parameter that appears twice.
    static func repeated(_ kind: String, _ name: String, in path: String = "") -> APIError {
        let place = path.isEmpty ? "" : "\(path)."
        return APIError(
            .badRequest,
            "the \(kind) \"\(place)\(name.prefix(maximumShown))\" appears twice; send it once. Nothing was done, because "
                + "only one of them would count")
    }

    /// The known name that somebody most likely meant; nil when none is near.
    private static func nearest(to name: String, in known: [String]) -> String? {
        guard name.utf8.count <= maximumShown else { return nil }
        let wanted = Array(name.lowercased().utf8)
        let distances = known.map { known in
            // Of names that begin alike only the beginning is known.
            let point = known.hasSuffix(".") ? wanted.firstIndex(of: UInt8(ascii: ".")) : nil
            let compared = point.map { Array(wanted[...$0]) } ?? wanted
            return (name: known, distance: distance(compared, Array(known.lowercased().utf8)))
        }
        let best = distances.min { $0.distance < $1.distance }
        if let best, best.distance <= max(1, wanted.count / 3) { return best.name }
        // "customerFilter" is far from "filter", and yet it is what was meant.
        return known.filter { name.lowercased().contains($0.lowercased()) }.max { $0.count < $1.count }
    }

    /// How many bytes must be inserted, left out or replaced to make one text of the other (Levenshtein).
    private static func distance(_ left: [UInt8], _ right: [UInt8]) -> Int {
        var row = Array(0...right.count)
        for (i, byte) in left.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for j in right.indices {
                let replaced = diagonal + (byte == right[j] ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(replaced, row[j] + 1, row[j + 1] + 1)
            }
        }
        return row[right.count]
    }
}

extension QueryReader {
    /// Refuses parameters that aren't among these, and those that appear twice.
    ///
    /// - Parameter known: names; one that ends with a point is the beginning of names, such as `dimension.`.
    /// - Throws: `APIError`: 400 that names the first such parameter.
    func check(_ known: [String]) throws(APIError) {
        var seen: Set<[UInt8]> = []
        for (name, _) in parameters {
            let isKnown = known.contains { $0.hasSuffix(".") ? name.hasPrefix($0) : $0.utf8.elementsEqual(name.utf8) }
            guard isKnown else { throw KnownNames.unknown("parameter", name, known: known) }
            guard seen.insert(Array(name.utf8)).inserted else { throw KnownNames.repeated("parameter", name) }
        }
    }
}
