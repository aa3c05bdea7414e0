/// What a group of records has in common: a text, or its absence, for each key of a query's `groupBy`.
///
/// Keys are told apart and put into order by the bytes of their texts, never by Unicode equivalence; an absent text comes
/// before every other.
public struct GroupKey: Sendable, Hashable {
    /// All parts in one run of bytes that sorts as the parts do: 0 for an absent one; 1, the text and 0 for another.
    ///
    /// In a text a zero is followed by 255, so that what is behind the end of a text is never 255.
    private let bytes: ByteKey

    /// A group by the UTF-8 texts of its parts, nil for an absent one.
    public init(_ parts: [[UInt8]?]) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(parts.reduce(0) { $0 + ($1?.count ?? 0) + 2 })
        for part in parts { Self.append(part, to: &bytes) }
        self.bytes = ByteKey(bytes: bytes)
    }

    /// The group of a query that does not group.
    public static let none = GroupKey([] as [[UInt8]?])

    private static func append(_ part: [UInt8]?, to bytes: inout [UInt8]) {
        guard let part else { return bytes.append(0) }
        bytes.append(1)
        for byte in part {
            bytes.append(byte)
            if byte == 0 { bytes.append(0xFF) }
        }
        bytes.append(0)
    }

    /// The UTF-8 texts of the parts, nil for an absent one.
    public var parts: [[UInt8]?] {
        var parts: [[UInt8]?] = []
        var part: [UInt8]?
        var wasZero = false
        for byte in bytes.bytes {
            if wasZero, byte == 0xFF {
                wasZero = false
                part?.append(0)
                continue
            }
            if wasZero {
                parts.append(part)
                part = nil
                wasZero = false
            }
            guard part != nil else {
                if byte == 0 { parts.append(nil) } else { part = [] }
                continue
            }
            if byte == 0 { wasZero = true } else { part?.append(byte) }
        }
        if let part { parts.append(part) }
        return parts
    }

    /// The texts of the parts, nil for an absent one.
    public var texts: [String?] {
        parts.map { $0.map { String(decoding: $0, as: UTF8.self) } }
    }
}

extension GroupKey: Comparable {
    /// Whether the left group comes first.
    public static func < (left: GroupKey, right: GroupKey) -> Bool {
        left.bytes.bytes.lexicographicallyPrecedes(right.bytes.bytes)
    }
}

/// Bytes that are hashed at once instead of one by one.
package struct ByteKey: Hashable, Sendable {
    package let bytes: [UInt8]

    package init(bytes: [UInt8]) {
        self.bytes = bytes
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(bytes.count)
        unsafe bytes.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
    }
}
