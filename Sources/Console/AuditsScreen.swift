import Hummingbird
import Platform
import Store

/// What audits have found: a list, and each one's page.
struct AuditsScreen: Sendable {
    private static let newest = 200

    let parts: PlatformParts
    let pages: Pages

    var screens: [Screen] {
        [
            Screen(.get, "/audits", .read, list),
            Screen(.get, "/audits/{id}", .read, show),
        ]
    }

    // MARK: - The list

    private struct Row {
        let path: String
        let time: Time
        let who: String
        let logGroup: String
        let range: String
        let found: String
        let result: String
        let style: String
        let repaired: String
    }

    private struct List {
        let rows: [Row]
        let isEmpty: Bool
        let isCut: Bool
        let newest: String
    }

    private func list(_ visit: Visit) async throws -> Response {
        let audits = try await parts.store.audits(limit: Self.newest + 1)
        let content = List(
            rows: audits.prefix(Self.newest).map(Self.row), isEmpty: audits.isEmpty,
            isCut: audits.count > Self.newest, newest: Show.count(Self.newest))
        return try pages.show(
            Page(title: "Audits", section: .audits, template: "audits", content: content), to: visit)
    }

    private static func row(_ audit: StoredAudit) -> Row {
        Row(
            path: path(audit), time: Time(audit.time), who: Show.name(audit.who), logGroup: Show.name(audit.logGroup),
            range: range(audit), found: Show.count(audit.found), result: result(audit),
            style: audit.isClean ? "good" : "bad", repaired: Show.count(audit.repaired))
    }

    /// Where an audit's page is.
    static func path(_ audit: StoredAudit) -> String { Link("/audits/\(audit.id ?? 0)").text }

    /// The range as people read it.
    static func range(_ audit: StoredAudit) -> String {
        "\(Time.bucket(audit.from, "minute")) to \(Time.bucket(audit.to, "minute")) UTC"
    }

    /// What came out, in a few words.
    static func result(_ audit: StoredAudit) -> String {
        var parts: [String] = []
        if audit.missing > audit.repaired { parts.append("\(Show.count(audit.missing - audit.repaired)) missing") }
        if audit.different > 0 { parts.append("\(Show.count(audit.different)) different") }
        if let count = audit.recordNotBehindTag, count > 0 {
            parts.append("\(Show.count(count)) not after \(count == 1 ? "its tag" : "their tag")")
        }
        if parts.isEmpty { parts.append("clean") }
        if audit.extra > 0 { parts.append("\(Show.count(audit.extra)) not in the logs") }
        if audit.repaired > 0 { parts.append("\(Show.count(audit.repaired)) repaired") }
        return parts.joined(separator: ", ")
    }

    // MARK: - One audit

    private struct Class {
        let name: String
        let count: String
        let meaning: String
        let share: String
        let isBad: Bool
    }

    private struct Missing {
        let time: Time
        let stream: String
        let event: String
        let meter: String
        let customer: String
        let value: String
    }

    private struct Content {
        let logGroup: String
        let result: String
        let style: String
        let account: String
        let range: String
        let time: Time
        let who: String
        let found: String
        let events: String?
        let mentions: String?
        let notBehindTag: String?
        let hasDetail: Bool
        let picture: String?
        let classes: [Class]
        let sum: String
        let extra: String?
        let repaired: String?
        let reasons: [String]
        let hasReasons: Bool
        let streams: [String]
        let hasStreams: Bool
        let missing: [Missing]
        let hasMissing: Bool
        let moreMissing: String?
        let wasRepaired: Bool
        let command: String?
    }

    private static let meanings: [String: String] = [
        "received": "stored, and counted",
        "duplicate": "equal to the record of another log event; counted once",
        "cancelled": "taken back, or a cancel",
        "rejected": "no valid record; waits to be edited",
        "resolved": "was no valid record, and was edited",
        "undefined": "stored, but nobody has defined the meter",
        "pastRetention": "older than what the platform keeps; nothing can be said",
        "missing": "not received when the audit looked",
        "different": "received from this log event, but saying something else",
    ]

    private func show(_ visit: Visit) async throws -> Response {
        guard let id = Int64(visit.parameter("id")), let audit = try await parts.store.audit(id) else {
            throw APIError(.notFound, "there is no audit of this number")
        }
        let detail = audit.detail
        let classes = Self.classes(audit, detail)
        let left = audit.missing - (detail?.missingRecords.count ?? 0)
        let content = Content(
            logGroup: Show.name(audit.logGroup), result: Self.result(audit), style: audit.isClean ? "good" : "bad",
            account: Show.name(audit.account), range: Self.range(audit), time: Time(audit.time),
            who: Show.name(audit.who), found: Show.count(audit.found), events: detail.map { Show.count($0.events) },
            mentions: audit.mentions.map { Show.count($0) },
            notBehindTag: audit.recordNotBehindTag.flatMap { $0 > 0 ? Show.count($0) : nil },
            hasDetail: detail != nil,
            picture: detail.map { AuditPicture(audit: audit, detail: $0).svg }, classes: classes.map(\.shown),
            sum: "\(Show.count(audit.found)) = "
                + classes.filter { $0.count > 0 }.map { "\(Show.count($0.count)) \($0.name)" }.joined(separator: " + "),
            extra: audit.extra > 0 ? Show.count(audit.extra) : nil,
            repaired: audit.repaired > 0 ? Show.count(audit.repaired) : nil,
            reasons: (detail?.reasons ?? []).map(Show.text), hasReasons: detail?.reasons.isEmpty == false,
            streams: (detail?.missingStreams ?? []).map(Show.name), hasStreams: detail?.missingStreams.isEmpty == false,
            missing: (detail?.missingRecords ?? []).map(Self.missing),
            hasMissing: detail?.missingRecords.isEmpty == false,
            moreMissing: detail != nil && left > 0 ? Show.count(left) : nil, wasRepaired: audit.repaired > 0,
            command: audit.missing > audit.repaired ? Self.command(audit) : nil)
        return try pages.show(
            Page(title: "Audit of \(Show.text(audit.logGroup))", section: .audits, template: "audit", content: content),
            to: visit)
    }

    private static func classes(_ audit: StoredAudit, _ detail: AuditDetail?) -> [(
        name: String, count: Int, shown: Class
    )] {
        guard let detail else { return [] }
        return AuditRoutes.classes.map { name in
            let count = detail.classes[name] ?? 0
            let share = audit.found > 0 ? Double(count) / Double(audit.found) : 0
            return (
                name, count,
                Class(
                    name: name, count: Show.count(count), meaning: meanings[name] ?? "", share: Chart.share(share),
                    isBad: count > 0 && (name == "missing" || name == "different"))
            )
        }
    }

    private static func missing(_ record: AuditDetail.Missing) -> Missing {
        Missing(
            time: Time(record.timestamp), stream: Show.name(record.logStream),
            event: Show.text("\(record.eventId) / \(record.ordinal)"), meter: Show.name(record.meterApiName),
            customer: Show.name(record.customerId), value: Show.number(record.meterValue))
    }

    /// What repairs it, as a shell takes it.
    private static func command(_ audit: StoredAudit) -> String {
        "metertap audit --log-group \(Show.word(audit.logGroup)) --from \(Time.iso(audit.from)) --to \(Time.iso(audit.to)) --repair"
    }
}
