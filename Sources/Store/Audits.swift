import FoundationEssentials
import GRDB

/// What an audit of a range of a log group found; the audit itself names every record.
public struct StoredAudit: Sendable, Codable {
    /// Its number, from 1; nil before it is noted.
    public var id: Int64?
    /// When it was noted, in milliseconds since 1970.
    public var time: Int64
    /// The name of the key that noted it.
    public var who: String
    /// The account of the log group.
    public var account: String
    /// The log group.
    public var logGroup: String
    /// Where the range begins, in milliseconds since 1970.
    public var from: Int64
    /// Where it ends.
    public var to: Int64
    /// How many values stood behind tags.
    public var found: Int
    /// How many of them were not received.
    public var missing: Int
    /// How many were received as something else.
    public var different: Int
    /// How many were received that the logs do not hold.
    public var extra: Int
    /// How many of the missing ones were ingested by it.
    public var repaired: Int
    /// How many tags had no value; nil where the audit did not report it.
    public var mentions: Int?
    /// How many rejects are records that aren't after their tag; nil where the audit did not report it.
    public var recordNotBehindTag: Int?
    /// What else it told; nil when it told no more, and in lists.
    public var detail: AuditDetail?

    /// Makes a note.
    public init(
        time: Int64, who: String, account: String, logGroup: String, from: Int64, to: Int64, found: Int, missing: Int,
        different: Int, extra: Int, repaired: Int, mentions: Int? = nil, recordNotBehindTag: Int? = nil,
        detail: AuditDetail? = nil
    ) {
        self.time = time
        self.who = who
        self.account = account
        self.logGroup = logGroup
        self.from = from
        self.to = to
        self.found = found
        self.missing = missing
        self.different = different
        self.extra = extra
        self.repaired = repaired
        self.mentions = mentions
        self.recordNotBehindTag = recordNotBehindTag
        self.detail = detail
    }

    /// Whether everything in the logs was received as it is, or is now.
    public var isClean: Bool { missing <= repaired && different == 0 && (recordNotBehindTag ?? 0) == 0 }
}

/// What an audit told beside its main figures, as far as it is kept.
public struct AuditDetail: Sendable, Codable {
    /// A stretch of log event time of which nothing was received.
    public struct Gap: Sendable, Codable {
        /// The first missing record's time, in milliseconds since 1970.
        public var from: Int64
        /// The last missing record's time.
        public var to: Int64
        /// How many are missing.
        public var missing: Int
    }

    /// A stretch of log event time, as the picture shows it.
    public struct Bucket: Sendable, Codable {
        /// Where it begins, in milliseconds since 1970; it ends where the next one begins.
        public var from: Int64
        /// How much stood behind tags.
        public var found: Int
        /// How much of that was not received.
        public var missing: Int
    }

    /// A record that was not received.
    public struct Missing: Sendable, Codable {
        /// The log stream.
        public var logStream: String
        /// The log event's id.
        public var eventId: String
        /// The log event's time, in milliseconds since 1970.
        public var timestamp: Int64
        /// The place among the values of its log event.
        public var ordinal: Int
        /// The record's own id, or what its log event gives it.
        public var uniqueId: String
        /// The meter.
        public var meterApiName: String
        /// The customer.
        public var customerId: String
        /// The value.
        public var meterValue: String
    }

    /// How many log events were read.
    public var events: Int
    /// Whether CloudWatch Logs looked for the tags, so that its pattern is not proved.
    public var pattern: Bool
    /// How many are of each class, by its name; together they are everything that was found.
    public var classes: [String: Int]
    /// How many were matched by stream, time and content.
    public var matchedByContent: Int
    /// How many of the extra ones are older than the log group keeps its events.
    public var expired: Int
    /// Where records are missing, the first ones.
    public var gaps: [Gap]
    /// Why they may be, in sentences.
    public var reasons: [String]
    /// The log streams of which nothing was received, the first ones.
    public var missingStreams: [String]
    /// What was found and is missing, by time.
    public var timeline: [Bucket]
    /// The missing records, the first ones.
    public var missingRecords: [Missing]

    /// Makes a detail.
    public init(
        events: Int, pattern: Bool, classes: [String: Int], matchedByContent: Int, expired: Int, gaps: [Gap],
        reasons: [String], missingStreams: [String], timeline: [Bucket], missingRecords: [Missing]
    ) {
        self.events = events
        self.pattern = pattern
        self.classes = classes
        self.matchedByContent = matchedByContent
        self.expired = expired
        self.gaps = gaps
        self.reasons = reasons
        self.missingStreams = missingStreams
        self.timeline = timeline
        self.missingRecords = missingRecords
    }
}

// The protocol documents what is public here.
// swift-format-ignore: AllPublicDeclarationsHaveDocumentation
extension SQLiteStore {
    public func note(_ audit: StoredAudit) async throws(StoreError) -> StoredAudit {
        try await write { db in
            try db.execute(
                sql: "INSERT INTO audit (definition) VALUES (?)", arguments: [try JSONEncoder().encode(audit)])
            var noted = audit
            noted.id = db.lastInsertedRowID
            if audit.repaired > 0 {
                let after = Array("{\"audit\":\(db.lastInsertedRowID),\"repaired\":\(audit.repaired)}".utf8)
                try Change.append(
                    who: audit.who, what: "audit.repair", subject: audit.logGroup, after: after, time: audit.time, db)
            }
            return noted
        }
    }

    public func audits(limit: Int) async throws(StoreError) -> [StoredAudit] {
        try await read { db in
            try Row.fetchAll(db, sql: "SELECT id, definition FROM audit ORDER BY id DESC LIMIT ?", arguments: [limit])
                .map { row in
                    var audit = try Self.audit(row)
                    audit.detail = nil
                    return audit
                }
        }
    }

    public func audit(_ id: Int64) async throws(StoreError) -> StoredAudit? {
        try await read { db in
            try Row.fetchOne(db, sql: "SELECT id, definition FROM audit WHERE id = ?", arguments: [id])
                .map { try Self.audit($0) }
        }
    }

    private static func audit(_ row: Row) throws -> StoredAudit {
        var audit = try JSONDecoder().decode(StoredAudit.self, from: row["definition"] as Data)
        audit.id = row["id"]
        return audit
    }
}
