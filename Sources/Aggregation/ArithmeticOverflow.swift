/// A result that is outside the range of its type.
///
/// The figures that led to it are still right; nothing wraps around and nothing is rounded.
public struct ArithmeticOverflow: Error, Hashable, CustomStringConvertible {
    /// Makes the error.
    public init() {}

    /// What happened, for a user.
    public var description: String {
        "the figure is too large: a sum must stay below 10^46, a count below 2^63; ask for a shorter time range or fewer records"
    }
}
