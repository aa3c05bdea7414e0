/// A diagnosis as programs read it: what `metertap doctor --json` prints and the platform keeps.
public struct DiagnosisReport: Sendable, Hashable, Encodable {
    /// How much was looked at.
    public struct Looked: Sendable, Hashable, Encodable {
        /// Log groups.
        public var logGroups: Int
        /// Kinesis streams.
        public var streams: Int
        /// Functions that are the agent.
        public var functions: Int
        /// Kinds of checks.
        public var checks: Int
    }

    /// The account of the credentials; empty where it could not be asked for.
    public var account: String
    /// The region that was looked at; empty where none is set.
    public var region: String
    /// When, in milliseconds since 1970.
    public var time: Int64
    /// The worst finding; nil when there is none.
    public var severity: Finding.Severity?
    /// How much was looked at.
    public var looked: Looked
    /// What was found, the worst first.
    public var findings: [Finding]

    /// Says what a diagnosis is about and what it found.
    public init(_ diagnosis: Diagnosis, region: String) {
        let setUp = diagnosis.setUp
        account = setUp.caller.value?.account ?? ""
        self.region = region
        time = setUp.now
        severity = diagnosis.severity
        looked = Looked(
            logGroups: setUp.logGroups.value?.count ?? 0, streams: setUp.streams.count,
            functions: setUp.functions.count, checks: Check.allCases.count)
        findings = diagnosis.findings
    }
}
