import Meter

/// Bytes that hold several texts and numbers one behind the other, as they stand in a column.
///
/// A number is written in groups of seven bits, the lowest first; a text as the number of its bytes and its bytes.
struct PackedBytes {
    fileprivate(set) var bytes: [UInt8] = []

    mutating func append(_ number: UInt64) {
        var rest = number
        while rest >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    mutating func append(_ text: String) {
        append(UInt64(text.utf8.count))
        bytes.append(contentsOf: text.utf8)
    }
}

extension PackedBytes {
    mutating func append(_ text: some Collection<UInt8>) {
        append(UInt64(text.count))
        bytes.append(contentsOf: text)
    }
}

/// Reads `PackedBytes`; what is damaged reads as nil, never as something else.
struct PackedReader {
    private let bytes: [UInt8]
    private var position = 0

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    var isAtEnd: Bool { position == bytes.count }

    mutating func number() -> UInt64? {
        var number: UInt64 = 0
        var shift: UInt64 = 0
        while position < bytes.count, shift < 64 {
            let byte = bytes[position]
            position += 1
            number |= UInt64(byte & 0x7f) << shift
            if byte < 0x80 { return number }
            shift += 7
        }
        return nil
    }

    mutating func slice() -> ArraySlice<UInt8>? {
        guard let count = number(), count <= UInt64(bytes.count - position) else { return nil }
        defer { position += Int(count) }
        return bytes[position..<position + Int(count)]
    }

    mutating func text() -> String? {
        slice().map { String(decoding: $0, as: UTF8.self) }
    }
}

/// A set of dimensions as it stands in a column: names and values, sorted by the bytes of the names.
enum DimensionSet {
    /// Dimensions as bytes; empty for none.
    static func pack(_ dimensions: [Dimension]) -> [UInt8] {
        guard !dimensions.isEmpty else { return [] }
        var packed = PackedBytes()
        for dimension in dimensions {
            packed.append(dimension.name)
            packed.append(dimension.value)
        }
        return packed.bytes
    }

    /// The dimensions that bytes hold.
    static func unpack(_ bytes: [UInt8]) -> [Dimension] {
        var reader = PackedReader(bytes)
        var dimensions: [Dimension] = []
        while !reader.isAtEnd, let name = reader.text(), let value = reader.text() {
            dimensions.append(Dimension(name: name, value: value))
        }
        return dimensions
    }

    /// The bytes of one dimension's value; nil when the set lacks it.
    static func value(of name: [UInt8], in bytes: [UInt8]) -> ArraySlice<UInt8>? {
        var reader = PackedReader(bytes)
        while !reader.isAtEnd, let candidate = reader.slice(), let value = reader.slice() {
            if candidate.elementsEqual(name) { return value }
        }
        return nil
    }
}

extension RecordSource {
    /// The log event as it stands in a column, without log group and time, which have columns of their own.
    var packed: [UInt8] {
        var packed = PackedBytes()
        packed.append(account)
        packed.append(logStream)
        packed.append(eventId)
        packed.append(UInt64(max(0, ordinal)))
        packed.append(timeDerived ? 1 : 0)
        return packed.bytes
    }

    init?(packed: [UInt8], logGroup: String, timestamp: Int64?) {
        var reader = PackedReader(packed)
        guard let account = reader.text(), let logStream = reader.text(), let eventId = reader.text(),
            let ordinal = reader.number(), let timeDerived = reader.number()
        else { return nil }
        self.init(
            account: account, logGroup: logGroup, logStream: logStream, eventId: eventId, timestamp: timestamp,
            ordinal: Int(clamping: ordinal), timeDerived: timeDerived == 1)
    }
}
