/// Log groups of one account and region that a collector reads, and how it gets there.
public struct Connection: Sendable {
    /// Where the reading of a connection begins that was never read before.
    public enum Start: Sendable, Equatable {
        /// With what is logged from now on.
        case now
        /// With log events of this time, in milliseconds since 1970.
        case at(Int64)
    }

    /// What it is called in reports; what was read is remembered under it.
    public var name: String
    /// The account that the log groups must belong to; nil for whichever it is.
    public var account: String?
    /// The region; nil for the process's.
    public var region: String?
    /// The role to assume; nil for the process's own credentials.
    public var roleARN: String?
    /// What the role's owner asks for, to tell its customers apart.
    public var externalID: String?
    /// Which log groups; one that matches several patterns is read once.
    public var logGroups: [LogGroupPattern]
    /// The words that mark a record; nil for the collector's.
    public var tags: [String]?
    /// Where the reading begins.
    public var start: Start

    /// Describes a connection.
    public init(
        name: String, account: String? = nil, region: String? = nil, roleARN: String? = nil, externalID: String? = nil,
        logGroups: [LogGroupPattern], tags: [String]? = nil, start: Start = .now
    ) {
        self.name = name
        self.account = account
        self.region = region
        self.roleARN = roleARN
        self.externalID = externalID
        self.logGroups = logGroups
        self.tags = tags
        self.start = start
    }

    /// The account as far as it is known before a call: the role's, or the one that is asked for.
    var knownAccount: String {
        let parts = (roleARN ?? "").split(separator: ":", omittingEmptySubsequences: false)
        return parts.count > 4 ? String(parts[4]) : account ?? ""
    }
}
