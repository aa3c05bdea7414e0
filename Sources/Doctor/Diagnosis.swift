/// What all checks found.
public struct Diagnosis: Sendable, Hashable {
    /// What was found, the worst first.
    public var findings: [Finding]
    /// What was read.
    public var setUp: SetUp

    /// Looks at a set-up with every check.
    public init(_ setUp: SetUp) {
        self.setUp = setUp
        findings = Self.checks.flatMap { $0(setUp) }
            .enumerated()
            .sorted { ($1.element.severity, $0.offset) < ($0.element.severity, $1.offset) }
            .map(\.element)
    }

    /// The worst; nil when nothing was found.
    public var severity: Finding.Severity? { findings.map(\.severity).max() }

    /// Each looks at the set-up alone, so that they can be read, tested and left out one by one.
    private static let checks: [@Sendable (SetUp) -> [Finding]] = [
        CallerChecks.run,
        LogGroupChecks.run,
        FilterChecks.run,
        WrittenChecks.run,
        StreamChecks.run,
        MappingChecks.run,
        FunctionChecks.run,
        SinkChecks.run,
        WaitingChecks.run,
    ]
}
