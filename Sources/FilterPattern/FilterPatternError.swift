/// Why a filter pattern is none.
public struct FilterPatternError: Error, Sendable, Hashable, CustomStringConvertible {
    /// Where it is wrong: the number of characters in front, from 0.
    public var position: Int
    /// What is wrong, as the rest of a sentence about the pattern.
    public var problem: String
    /// What to do about it.
    public var remedy: String

    /// The whole of it, for people.
    public var description: String {
        "The filter pattern \(problem), at character \(position + 1). \(remedy)"
    }
}
