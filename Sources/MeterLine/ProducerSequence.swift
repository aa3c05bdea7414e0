/// The number that a producer gave to what it wrote, one after the other, so that an audit can see what never reached
/// CloudWatch Logs.
public struct ProducerSequence: Sendable, Hashable {
    /// Who counts, for example a host or a process; not empty, at most 256 bytes.
    public var source: String
    /// The number, from 0; a producer adds 1 for each object that it writes.
    public var number: Int64

    /// Names a number of a source.
    public init(source: String, number: Int64) {
        self.source = source
        self.number = number
    }
}

/// What stands under `sequence` in a record.
enum WrittenSequence {
    case absent
    case valid(ProducerSequence)
    case invalid
}
