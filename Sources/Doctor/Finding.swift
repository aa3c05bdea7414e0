/// Something that loses meters, or will, with what follows for the bill and what to do about it.
public struct Finding: Sendable, Hashable, Encodable {
    /// How bad it is; the worst of a diagnosis makes the exit code.
    public enum Severity: String, Sendable, Hashable, CaseIterable, Comparable, Encodable {
        /// Worth knowing; nothing is lost by it.
        case note
        /// It could not be looked at, so that nobody knows.
        case unknown
        /// Meters will be lost, late or counted wrongly when something else goes wrong.
        case risk
        /// Meters are being lost or counted wrongly, or are not billed until somebody does something.
        case loss

        /// From harmless to bad.
        public static func < (one: Severity, other: Severity) -> Bool {
            one.rank < other.rank
        }

        private var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }
    }

    /// Which check it comes from.
    public var check: Check
    /// How bad it is.
    public var severity: Severity
    /// What it is about: a log group's name, an ARN, a bucket's URL.
    public var subject: String
    /// What is so, in a sentence.
    public var finding: String
    /// What follows for the bill, in a sentence.
    public var consequence: String
    /// What to do, in a sentence, with the command where there is one.
    public var remedy: String
    /// What was read that shows it, for example `DescribeSubscriptionFilters: 2 filters, none of them ours`.
    public var evidence: [String]

    /// Describes a finding.
    public init(
        _ check: Check, _ severity: Severity, _ subject: String, _ finding: String, consequence: String,
        remedy: String, evidence: [String]
    ) {
        self.check = check
        self.severity = severity
        self.subject = subject
        self.finding = finding
        self.consequence = consequence
        self.remedy = remedy
        self.evidence = evidence
    }
}
