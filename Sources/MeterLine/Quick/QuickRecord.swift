import Meter

/// A record as it stands in a text, before anything of it is copied.
///
/// What the places name are bytes that can be written into JSON as they are: no escapes, no control characters, UTF-8.
struct QuickRecord: ~Copyable {
    /// How many dimensions a quick reader finds; a record with more is read otherwise.
    static let maximumDimensions = 16

    /// The longest text in which a place can be.
    static let maximumTextBytes = Int(UInt32.max)

    /// Bytes of the text, or none.
    struct Place {
        private var start: UInt32 = 0
        private var end: UInt32 = 0

        init() {}

        /// Bytes of a text that has no more than `maximumTextBytes`.
        @inline(__always)
        init(_ start: Int, _ end: Int) {
            self.start = UInt32(truncatingIfNeeded: start)
            self.end = UInt32(truncatingIfNeeded: end)
        }

        @inline(__always)
        var lowerBound: Int { Int(start) }
        @inline(__always)
        var range: Range<Int> { lowerBound..<Int(end) }
        @inline(__always)
        var count: Int { Int(end) &- Int(start) }
        @inline(__always)
        var isMissing: Bool { end == 0 }
    }

    /// A dimension's name and value.
    struct Dimension {
        var name = Place()
        var value = Place()
        /// The first eight bytes of the name, which stand to those of another as the names do, unless they are the same.
        fileprivate var beginning: UInt64 = 0
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
    /// How many bytes its object has, which are more than the places together.
    var bytes = 0
    /// The id that the record brought itself, if any.
    var ownId = Place()
    /// Places for dimensions, of which the first `dimensionCount` are taken.
    private var dimensions: [Dimension]
    private(set) var dimensionCount = 0
    /// Which of them comes first in the order of the names' bytes, which second, and so on; those beyond are in order.
    private var order = inOrder
    /// What the records before it looked like.
    var shapes = QuickShapes()

    private static let inOrder = SIMD16<UInt8>(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15)

    /// Makes memory for a record of so many dimensions.
    init(dimensions: Int = maximumDimensions) {
        self.dimensions = [Dimension](repeating: Dimension(), count: max(dimensions, Self.maximumDimensions))
    }

    /// Takes away what an earlier record left.
    mutating func clear() {
        (meter, customer, value, ownId, timeDigits) = (Place(), Place(), Place(), Place(), Place())
        (time, timeDerived, dimensionCount, order) = (0, false, 0, Self.inOrder)
    }

    /// The dimension that comes so many after the first in the order of the names' bytes.
    @inline(__always)
    func dimension(_ index: Int) -> Dimension {
        dimensions[index < Self.maximumDimensions ? Int(order[index]) : index]
    }

    /// Appends a dimension of which it is known that there is room, and that no other has its name.
    ///
    /// `setOrder` must follow, unless they come in order.
    @inline(__always)
    mutating func append(_ name: Place, _ value: Place) {
        dimensions[dimensionCount].name = name
        dimensions[dimensionCount].value = value
        dimensionCount &+= 1
    }

    /// Says which of the dimensions that were appended comes first, which second, and so on.
    @inline(__always)
    mutating func setOrder(_ order: SIMD16<UInt8>) {
        self.order = order
    }

    /// Inserts a dimension in the order of the names' bytes; false when it is too long, there is no room, or the name is
    /// there already.
    mutating func insert(_ name: Place, _ value: Place, _ text: ByteText) -> Bool {
        guard dimensionCount < Self.maximumDimensions, name.count <= RecordLimits.nameBytes,
            value.count <= RecordLimits.dimensionValueBytes
        else { return false }
        let new = Dimension(name: name, value: value, beginning: text.beginning(of: name))
        var index = dimensionCount
        while index > 0 {
            let other = dimensions[index - 1]
            if new.beginning == other.beginning {
                let order = text.compare(name.range, other.name.range)
                if order == 0 { return false }
                if order > 0 { break }
            } else if new.beginning > other.beginning {
                break
            }
            dimensions[index] = other
            index -= 1
        }
        dimensions[index] = new
        dimensionCount += 1
        return true
    }
}

extension ByteText {
    /// The first eight bytes of a place, the first one highest; 0 stands for those it does not have.
    @inline(__always)
    fileprivate func beginning(of place: QuickRecord.Place) -> UInt64 {
        let word = word(at: place.lowerBound).byteSwapped
        return place.count >= 8 ? word : word & ~(UInt64.max &>> UInt64(8 &* place.count))
    }

    /// Less than, equal to, or greater than 0 as the bytes of one range stand to those of another.
    func compare(_ left: Range<Int>, _ right: Range<Int>) -> Int {
        for offset in 0..<min(left.count, right.count) {
            let (a, b) = (self[left.lowerBound + offset], self[right.lowerBound + offset])
            if a != b { return a < b ? -1 : 1 }
        }
        return left.count - right.count
    }
}
