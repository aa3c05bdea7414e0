/// A set of characters: those of ASCII one by one, all others together.
struct CharacterSet: Sendable, Equatable {
    private var low: UInt64 = 0
    private var high: UInt64 = 0
    private var holdsOthers = false

    /// Every character.
    static let any = !CharacterSet()
    /// What `\d` stands for.
    static let digits = CharacterSet("0"..."9")
    /// What `\w` stands for.
    static let word = CharacterSet("a"..."z").union(CharacterSet("A"..."Z")).union(digits).union(CharacterSet("_"))
    /// What `\s` stands for.
    static let whitespace = CharacterSet("\t"..."\r").union(CharacterSet(" "))

    init() {}

    init(_ character: Unicode.Scalar) {
        insert(character)
    }

    init(_ range: ClosedRange<Unicode.Scalar>) {
        for value in range.lowerBound.value...range.upperBound.value { insert(value) }
    }

    static prefix func ! (set: CharacterSet) -> CharacterSet {
        var inverse = CharacterSet()
        inverse.low = ~set.low
        inverse.high = ~set.high
        inverse.holdsOthers = !set.holdsOthers
        return inverse
    }

    mutating func insert(_ character: Unicode.Scalar) { insert(character.value) }

    private mutating func insert(_ value: UInt32) {
        switch value {
        case ..<64: low |= 1 << UInt64(value)
        case ..<128: high |= 1 << UInt64(value - 64)
        default: holdsOthers = true
        }
    }

    func union(_ other: CharacterSet) -> CharacterSet {
        var both = self
        both.low |= other.low
        both.high |= other.high
        both.holdsOthers = holdsOthers || other.holdsOthers
        return both
    }

    func contains(_ character: Unicode.Scalar) -> Bool {
        switch character.value {
        case ..<64: low & (1 << UInt64(character.value)) != 0
        case ..<128: high & (1 << UInt64(character.value - 64)) != 0
        default: holdsOthers
        }
    }
}
