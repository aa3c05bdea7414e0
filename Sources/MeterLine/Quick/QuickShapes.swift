/// What the last records looked like but for their values, for a program writes thousands of records in a few shapes.
///
/// A shape is a row of literals, each with the value behind it: `{"customerId":"`, a text, `","meterValue":`, a number,
/// `}`. What stands in a literal was read by all the rules of JSON once, when the shape was learned; where the same bytes
/// stand again, they mean the same, and only the values are read. Shapes that begin alike share their beginning, so they
/// are a tree. It is small, and forgotten when records no longer look like it.
struct QuickShapes {
    /// How a value is read.
    enum Value: UInt8 {
        /// The content of a string: a record's meter, customer or id, or a dimension.
        case meter, customer, ownId, dimension
        /// A number, in quotation marks or not.
        case quantity
        /// A whole number without quotation marks.
        case customerNumber, ownIdNumber, time
        /// A time that is written as a string.
        case timeText
        /// A number, `true` or `false`: a dimension without quotation marks.
        case scalarDimension
        /// No value: the literal ends the object.
        case end
    }

    /// A literal, and the value behind it.
    struct Node {
        fileprivate let literal: ByteText.Literal
        let value: Value
        /// How many bytes the literal has: 1 to 64.
        var count: Int { literal.count }
        /// Where in the literal the name of a dimension begins and ends.
        fileprivate(set) var name = 0..<0
        /// At the end of an object: the order of its dimensions' names, as places among them; and whether it has a time.
        fileprivate(set) var order = SIMD16<UInt8>()
        fileprivate(set) var hasTime = false
        /// The first of the nodes that may follow.
        fileprivate(set) var next = QuickShapes.none
        /// The next of those that may stand in its place.
        fileprivate(set) var other = QuickShapes.none
    }

    /// A value of a record as it was read by all the rules, and the name before it.
    private struct Member {
        var name: QuickRecord.Place
        var value: QuickRecord.Place
        var reading: Value
    }

    /// More nodes than the shapes of a program have, and few enough to stay in the processor's cache.
    private static let maximumNodes = 64
    /// After so many records in a row of no known shape all are forgotten.
    private static let maximumMisses = 64

    /// The index of no node.
    private static let none = -1

    private var nodes: [Node] = []
    /// The first of the nodes with which a record may begin.
    private(set) var first = none
    private var misses = 0
    /// The first record alone teaches nothing: many are read with memory of their own.
    private var isLearning = false
    /// The values of the record that is read by the rules, in their order.
    private var members: [Member] = []

    /// A node whose literal stands at a position: this one, or one that may stand in its place; nil when none does.
    @inline(__always)
    func node(_ index: Int, at position: Int, of text: ByteText) -> Node? {
        var index = index
        while index >= 0 {
            if text.has(nodes[index].literal, at: position) { return nodes[index] }
            index = nodes[index].other
        }
        return nil
    }

    /// Takes down a value of the record that is read by the rules.
    @inline(__always)
    mutating func note(_ name: QuickRecord.Place, _ value: QuickRecord.Place, _ reading: Value) {
        if isLearning { members.append(Member(name: name, value: value, reading: reading)) }
    }

    /// Forgets the values that were taken down.
    mutating func clear() { members.removeAll(keepingCapacity: true) }

    /// Keeps the shape of the record that was read by the rules.
    mutating func learn(_ object: Range<Int>, of text: ByteText) {
        guard isLearning else {
            isLearning = true
            nodes.reserveCapacity(Self.maximumNodes)
            members.reserveCapacity(2 * QuickRecord.maximumDimensions)
            return
        }
        misses += 1
        if misses > Self.maximumMisses {
            nodes.removeAll(keepingCapacity: true)
            (first, misses) = (Self.none, 0)
        }
        var (last, position) = (Self.none, object.lowerBound)
        for member in members {
            let name = member.name.range
            guard let literal = ByteText.Literal(text, position..<member.value.lowerBound) else { return }
            var node = Node(literal: literal, value: member.reading)
            node.name = name.lowerBound - position..<name.upperBound - position
            guard let index = insert(node, behind: last) else { return }
            (last, position) = (index, member.value.range.upperBound)
        }
        guard let literal = ByteText.Literal(text, position..<object.upperBound) else { return }
        var end = Node(literal: literal, value: .end)
        end.hasTime = members.contains { $0.reading == .time || $0.reading == .timeText }
        end.order = Self.order(of: members, text)
        _ = insert(end, behind: last)
    }

    /// Notes that a record was of a known shape.
    @inline(__always)
    mutating func hit() { misses = 0 }

    /// Inserts a node behind another, unless it is there; nil when there is no room for it.
    private mutating func insert(_ node: Node, behind last: Int) -> Int? {
        var index = last == Self.none ? first : nodes[last].next
        while index != Self.none {
            if nodes[index].literal == node.literal, nodes[index].value == node.value { return index }
            index = nodes[index].other
        }
        guard nodes.count < Self.maximumNodes else { return nil }
        var node = node
        index = nodes.count
        if last == Self.none {
            (node.other, first) = (first, index)
        } else {
            (node.other, nodes[last].next) = (nodes[last].next, index)
        }
        nodes.append(node)
        return index
    }

    /// Which of the dimensions comes first in the order of the names' bytes, which second, and so on.
    private static func order(of members: [Member], _ text: ByteText) -> SIMD16<UInt8> {
        let names = members.filter { $0.reading == .dimension || $0.reading == .scalarDimension }.map(\.name.range)
        let sorted = names.indices.sorted { text.compare(names[$0], names[$1]) < 0 }
        var order = SIMD16<UInt8>()
        for (index, place) in sorted.enumerated() { order[index] = UInt8(place) }
        return order
    }
}
