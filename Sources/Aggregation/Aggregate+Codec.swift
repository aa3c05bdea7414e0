// A byte of marks, then what the marks do not make superfluous, in this order: count, sum, minimum, maximum, latest
// value, its time. Most aggregates are of one record, or of many records of one value.

/// What an encoded aggregate leaves out.
private struct Marks: OptionSet {
    let rawValue: UInt8

    /// There are values.
    static let hasValues = Marks(rawValue: 1)
    /// The count is one.
    static let isOne = Marks(rawValue: 2)
    /// The sum is the latest value.
    static let sumIsLatest = Marks(rawValue: 4)
    /// The minimum is the latest value.
    static let minimumIsLatest = Marks(rawValue: 8)
    /// The maximum is the latest value.
    static let maximumIsLatest = Marks(rawValue: 16)

    static let needValues: Marks = [.sumIsLatest, .minimumIsLatest, .maximumIsLatest]
    static let all: Marks = [.hasValues, .isOne, .sumIsLatest, .minimumIsLatest, .maximumIsLatest]

    init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    init(_ aggregate: Aggregate) {
        self = aggregate.count == 1 ? .isOne : []
        guard let extent = aggregate.extent else { return }
        insert(.hasValues)
        if aggregate.sum == extent.latest.value { insert(.sumIsLatest) }
        if extent.minimum == extent.latest.value { insert(.minimumIsLatest) }
        if extent.maximum == extent.latest.value { insert(.maximumIsLatest) }
    }
}

extension Aggregate {
    /// The aggregate as bytes, for a column of a store.
    public var encoded: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(16)
        encode(into: &bytes)
        return bytes
    }

    /// Appends the aggregate in bytes that tell where they end: 9 for a record of value 1; equal aggregates have equal
    /// bytes.
    public func encode(into bytes: inout [UInt8]) {
        let marks = Marks(self)
        bytes.append(marks.rawValue)
        if !marks.contains(.isOne) { Varint.encode(UInt64(count), into: &bytes) }
        if !marks.contains(.sumIsLatest) { sum.encode(into: &bytes) }
        guard let extent else { return }
        if !marks.contains(.minimumIsLatest) { extent.minimum.encode(into: &bytes) }
        if !marks.contains(.maximumIsLatest) { extent.maximum.encode(into: &bytes) }
        extent.latest.value.encode(into: &bytes)
        Varint.encode(signed: extent.latest.time, into: &bytes)
    }

    /// Reads what `encode(into:)` wrote, beginning at a position, which is moved behind it.
    ///
    /// Returns nil, and leaves the position, when the bytes there are nothing that `encode(into:)` writes.
    public init?(decoding bytes: Span<UInt8>, at position: inout Int) {
        var next = position
        guard let marks = bytes.next(at: &next).map(Marks.init(rawValue:)), marks.isSubset(of: .all),
            marks.contains(.hasValues) || marks.isDisjoint(with: .needValues),
            let count = marks.contains(.isOne) ? 1 : Varint.decode(bytes, at: &next).flatMap(Int.init(exactly:)),
            let sum = Self.field(bytes, at: &next, unless: marks.contains(.sumIsLatest))
        else { return nil }
        if marks.contains(.hasValues) {
            guard let extent = Extent(decoding: bytes, at: &next, marks: marks) else { return nil }
            self.init(count: count, sum: sum ?? extent.latest.value, extent: extent)
        } else {
            self.init(count: count, sum: sum ?? .zero, extent: nil)
        }
        // There is one encoding for each aggregate, and an aggregate without records has no values.
        guard Marks(self) == marks, count > 0 || extent == nil else { return nil }
        position = next
    }

    /// A number that is there unless it was left out; nil when it should be there and is not.
    fileprivate static func field(
        _ bytes: Span<UInt8>, at position: inout Int, unless isLeftOut: Bool
    ) -> ExactDecimal?? {
        if isLeftOut { return .some(nil) }
        return ExactDecimal(decoding: bytes, at: &position).map { .some($0) }
    }
}

extension Aggregate.Extent {
    fileprivate init?(decoding bytes: Span<UInt8>, at position: inout Int, marks: Marks) {
        guard
            let minimum = Aggregate.field(bytes, at: &position, unless: marks.contains(.minimumIsLatest)),
            let maximum = Aggregate.field(bytes, at: &position, unless: marks.contains(.maximumIsLatest)),
            let value = ExactDecimal(decoding: bytes, at: &position),
            let time = Varint.decodeSigned(bytes, at: &position)
        else { return nil }
        self.init(
            minimum: minimum ?? value, maximum: maximum ?? value, latest: Aggregate.Latest(time: time, value: value))
        guard self.minimum <= value, value <= self.maximum else { return nil }
    }
}
