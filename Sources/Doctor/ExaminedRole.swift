public import AWS

/// What was read of a role in which CloudWatch Logs writes to a stream.
public struct ExaminedRole: Sendable, Hashable {
    /// The ARN.
    public var arn: String
    /// Who may take it on: its trust policy, as JSON.
    public var trust: Reading<String> = .notAsked
    /// What it may do to each stream, by the stream's ARN.
    public var decisions: [String: Reading<[IAMClient.Decision]>] = [:]

    /// Nothing but the role's name is known yet.
    public init(arn: String) {
        self.arn = arn
    }

    /// The name without account and path.
    public var name: String { arn.split(separator: "/").last.map(String.init) ?? arn }
}
