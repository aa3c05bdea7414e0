/// A record as it stands in a text, before anything of it is copied.
///
/// What the places name are bytes that can be written into JSON as they are: no escapes, no control characters, UTF-8.
struct QuickRecord: ~Copyable {
    /// How many dimensions it may have; a record with more is read otherwise.
    static let maximumDimensions = 16

    /// The longest text in which a place can be.
    static let maximumTextBytes = Int(UInt32.max)

    /// Bytes of the text, or none.
    struct Place {
        private var start: UInt32 = 0
        private var end: UInt32 = 0

        init() {}

        @inline(__always)
        init(_ range: Range<Int>) {
            start = UInt32(range.lowerBound)
            end = UInt32(range.upperBound)
        }

        @inline(__always)
        var range: Range<Int> { unsafe Range(uncheckedBounds: (Int(start), Int(end))) }
        @inline(__always)
        var count: Int { Int(end) &- Int(start) }
        @inline(__always)
        var isMissing: Bool { end == 0 }
    }

    /// A dimension's name and value.
    struct Dimension {
        var name = Place()
        var value = Place()
    }

    var meter = Place()
    var customer = Place()
    /// The canonical digits of the quantity.
    var value = Place()
    /// Milliseconds since 1970.
    var time: Int64 = 0
    /// The digits of the time, if it is written as a number.
    var timeDigits = Place()
    var timeDerived = false
    /// The id that the record brought itself, if any.
    var ownId = Place()
    private(set) var dimensions = InlineArray<16, Dimension>(repeating: Dimension())
    private(set) var dimensionCount = 0

    /// Takes away what an earlier record left.
    mutating func clear() {
        (meter, customer, value, ownId, timeDigits) = (Place(), Place(), Place(), Place(), Place())
        (time, timeDerived, dimensionCount) = (0, false, 0)
    }

    /// Inserts a dimension in the order of the names' bytes; false when there is no room or the name is there already.
    mutating func insert(_ dimension: Dimension, _ text: ByteText) -> Bool {
        guard dimensionCount < Self.maximumDimensions else { return false }
        var index = dimensionCount
        while index > 0 {
            let order = text.compare(dimension.name.range, dimensions[index - 1].name.range)
            if order == 0 { return false }
            if order > 0 { break }
            dimensions[index] = dimensions[index - 1]
            index -= 1
        }
        dimensions[index] = dimension
        dimensionCount += 1
        return true
    }
}

extension ByteText {
    /// Less than, equal to, or greater than 0 as the bytes of one range stand to those of another.
    @inline(__always)
    func compare(_ left: Range<Int>, _ right: Range<Int>) -> Int {
        for offset in 0..<min(left.count, right.count) {
            let (a, b) = (self[left.lowerBound + offset], self[right.lowerBound + offset])
            if a != b { return a < b ? -1 : 1 }
        }
        return left.count - right.count
    }
}
