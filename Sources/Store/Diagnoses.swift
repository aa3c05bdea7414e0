import FoundationEssentials
import GRDB

/// What `metertap doctor` found in an account and region.
public struct StoredDiagnosis: Sendable, Codable {
    /// The most diagnoses of one account and region that are kept.
    public static let mostOfAPlace = 50
    /// The most diagnoses that are kept of all.
    public static let most = 5_000
    /// The most findings of one that are kept: the worst.
    public static let mostFindings = 200
    /// The most that is kept of what shows a finding.
    public static let mostEvidence = 20

    /// How bad a finding is.
    public enum Severity: String, Sendable, Codable, CaseIterable {
        /// Meters are being lost or counted wrongly.
        case loss
        /// They will be when something else goes wrong.
        case risk
        /// It could not be looked at.
        case unknown
        /// Worth knowing; nothing is lost by it.
        case note
    }

    /// Something that was found.
    public struct Finding: Sendable, Codable {
        /// Which check it comes from, for example `filter-present`.
        public var check: String
        /// How bad it is.
        public var severity: Severity
        /// What it is about: a log group, an ARN, a bucket.
        public var subject: String
        /// What is so.
        public var finding: String
        /// What follows for the bill.
        public var consequence: String
        /// What to do; commands stand between backticks.
        public var remedy: String
        /// What was read that shows it.
        public var evidence: [String]

        /// Makes a finding.
        public init(
            check: String, severity: Severity, subject: String, finding: String, consequence: String, remedy: String,
            evidence: [String]
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

    /// How much was looked at.
    public struct Looked: Sendable, Codable {
        /// Log groups.
        public var logGroups: Int
        /// Kinesis streams.
        public var streams: Int
        /// Functions that are the agent.
        public var functions: Int
        /// Kinds of checks.
        public var checks: Int

        /// Counts what was looked at.
        public init(logGroups: Int, streams: Int, functions: Int, checks: Int) {
            self.logGroups = logGroups
            self.streams = streams
            self.functions = functions
            self.checks = checks
        }
    }

    /// How many findings are of each severity.
    public struct Counts: Sendable, Codable {
        /// What loses meters.
        public var loss = 0
        /// What is a risk.
        public var risk = 0
        /// What could not be looked at.
        public var unknown = 0
        /// What is worth knowing.
        public var note = 0

        /// The count of a severity.
        public subscript(_ severity: Severity) -> Int {
            switch severity {
            case .loss: loss
            case .risk: risk
            case .unknown: unknown
            case .note: note
            }
        }

        fileprivate init(_ findings: [Finding]) {
            for finding in findings {
                switch finding.severity {
                case .loss: loss += 1
                case .risk: risk += 1
                case .unknown: unknown += 1
                case .note: note += 1
                }
            }
        }
    }

    /// Its number, from 1; nil before it is noted.
    public var id: Int64?
    /// When it was noted, in milliseconds since 1970.
    public var noted: Int64
    /// The name of the key that noted it, or who asked for it in the console.
    public var who: String
    /// The account; empty where it could not be asked for.
    public var account: String
    /// The region; empty where none is set.
    public var region: String
    /// When it was looked, in milliseconds since 1970 by the clock of the machine that looked.
    public var time: Int64
    /// The worst of all findings; nil when there is none.
    public var severity: Severity?
    /// How many findings there are of each severity, those that are not kept included.
    public var counts: Counts
    /// How much was looked at.
    public var looked: Looked
    /// The findings, the worst first; nil in lists.
    public var findings: [Finding]?

    /// Makes a note of what was found: all of it is counted, and the worst is kept.
    public init(
        noted: Int64, who: String, account: String, region: String, time: Int64, looked: Looked, findings: [Finding]
    ) {
        self.noted = noted
        self.who = who
        self.account = account
        self.region = region
        self.time = time
        self.looked = looked
        counts = Counts(findings)
        let sorted = Severity.allCases.flatMap { severity in findings.filter { $0.severity == severity } }
        severity = sorted.first?.severity
        self.findings = sorted.prefix(Self.mostFindings).map { finding in
            var finding = finding
            finding.evidence = Array(finding.evidence.prefix(Self.mostEvidence))
            return finding
        }
    }
}

// The protocol documents what is public here.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension SQLiteStore {
    public func note(_ diagnosis: StoredDiagnosis) async throws(StoreError) -> StoredDiagnosis {
        try await write { db in
            var head = diagnosis
            head.findings = nil
            let (account, region) = (Data(diagnosis.account.utf8), Data(diagnosis.region.utf8))
            try db.execute(
                sql: "INSERT INTO diagnosis (account, region, definition, findings) VALUES (?, ?, ?, ?)",
                arguments: [
                    account, region, try JSONEncoder().encode(head), try JSONEncoder().encode(diagnosis.findings ?? []),
                ])
            var noted = diagnosis
            noted.id = db.lastInsertedRowID
            try Self.dropOldDiagnoses(account, region, db)
            return noted
        }
    }

    private static func dropOldDiagnoses(_ account: Data, _ region: Data, _ db: Database) throws {
        try db.execute(
            sql: """
                DELETE FROM diagnosis WHERE id IN (
                    SELECT id FROM diagnosis WHERE account = ? AND region = ? ORDER BY id DESC LIMIT -1 OFFSET ?)
                """, arguments: [account, region, StoredDiagnosis.mostOfAPlace])
        try db.execute(
            sql: "DELETE FROM diagnosis WHERE id IN (SELECT id FROM diagnosis ORDER BY id DESC LIMIT -1 OFFSET ?)",
            arguments: [StoredDiagnosis.most])
    }

    public func diagnoses(limit: Int) async throws(StoreError) -> [StoredDiagnosis] {
        try await diagnoses("SELECT id, definition FROM diagnosis ORDER BY id DESC LIMIT ?", limit)
    }

    public func latestDiagnoses(limit: Int) async throws(StoreError) -> [StoredDiagnosis] {
        try await diagnoses(
            """
            SELECT id, definition FROM diagnosis
            WHERE id IN (SELECT MAX(id) FROM diagnosis GROUP BY account, region) ORDER BY id DESC LIMIT ?
            """, limit)
    }

    private func diagnoses(_ sql: String, _ limit: Int) async throws(StoreError) -> [StoredDiagnosis] {
        try await read { db in try Row.fetchAll(db, sql: sql, arguments: [limit]).map { try Self.diagnosis($0) } }
    }

    public func diagnosis(_ id: Int64) async throws(StoreError) -> StoredDiagnosis? {
        try await read { db in
            guard
                let row = try Row.fetchOne(
                    db, sql: "SELECT id, definition, findings FROM diagnosis WHERE id = ?", arguments: [id])
            else { return nil }
            var diagnosis = try Self.diagnosis(row)
            diagnosis.findings = try JSONDecoder().decode(
                [StoredDiagnosis.Finding].self, from: row["findings"] as Data)
            return diagnosis
        }
    }

    private static func diagnosis(_ row: Row) throws -> StoredDiagnosis {
        var diagnosis = try JSONDecoder().decode(StoredDiagnosis.self, from: row["definition"] as Data)
        diagnosis.id = row["id"]
        return diagnosis
    }
}
