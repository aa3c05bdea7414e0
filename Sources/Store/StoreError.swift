/// Why the store could not do what it was asked.
public struct StoreError: Error, Sendable, CustomStringConvertible {
    /// What kind of trouble it is.
    public enum Kind: String, Sendable {
        /// What was asked breaks a rule; asking again is of no use.
        case invalid
        /// What was asked needs records that retention has dropped.
        case pastRetention
        /// What was asked contradicts what is there.
        case conflict
        /// What was asked for is not there.
        case notFound
        /// The disk is full, the database is locked or the file cannot be read; asking again may help.
        case unavailable
        /// A sum is larger than can be held exactly.
        case overflow
        /// The database is not one that this version can open.
        case incompatible
        /// The database file is damaged; only a backup helps.
        case damaged
        /// Anything else.
        case failed
    }

    /// What kind of trouble it is.
    public var kind: Kind
    /// What happened and what to do, for people.
    public var description: String

    /// Makes an error.
    public init(_ kind: Kind, _ description: String) {
        self.kind = kind
        self.description = description
    }
}
