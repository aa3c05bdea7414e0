public import AWS

/// Why records or rejects are not durable where they should be.
///
/// Nothing is lost by it: the caller does not acknowledge.
public struct DeliveryError: Error, Sendable, CustomStringConvertible {
    /// What is to be done about it.
    public enum Kind: String, Sendable {
        /// Somebody has to mend a setting or a permission; until then every delivery fails.
        case configuration
        /// The same delivery may succeed later.
        case transient
        /// The object is larger than the store takes; smaller ones may be taken.
        case tooLarge
        /// The time for this piece of work was over.
        case deadline
    }

    /// What is to be done about it.
    public var kind: Kind
    /// What happened, where, and what to do.
    ///
    /// Holds neither payload nor secrets.
    public var description: String

    /// Makes an error.
    public init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }

    /// The error of a call to AWS.
    public init(_ error: AWSError) {
        let kind: Kind =
            switch error.kind {
            case .transient: .transient
            case .configuration, .refused: .configuration
            case .tooLarge: .tooLarge
            }
        self.init(kind, error.description)
    }
}
