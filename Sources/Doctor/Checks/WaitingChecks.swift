import AWS
import Redrive

/// What waits for somebody, and what was proven of late.
enum WaitingChecks {
    /// A week: what an audit finds then, the logs still hold.
    private static let longestWithoutAudit: Int64 = 7 * 86_400_000
    /// Rejects of more than a month ago were seen, or belong to a month that is billed.
    private static let recent: Int64 = 31 * 86_400_000
    private static let millisecondsOfDay: Int64 = 86_400_000

    static func run(_ setUp: SetUp) -> [Finding] {
        let failures = setUp.waiting.sorted { $0.key < $1.key }.compactMap { url, reading in
            reading.error.map { (subject: url, error: $0) }
        }
        return Finding.unreadable(.deadLetters, failures, what: "what waits there to be delivered again")
            + setUp.waiting.sorted { $0.key < $1.key }.flatMap { url, reading in
                (reading.value?.counts ?? []).flatMap { waiting(url, $0, reading.value?.isWhole ?? true, setUp) }
            } + audits(setUp) + identities(setUp)
    }

    // MARK: - What waits

    private static func waiting(
        _ url: String, _ count: ExaminedWaiting.Count, _ isWhole: Bool, _ setUp: SetUp
    ) -> [Finding] {
        let objects = "\(isWhole ? "" : "more than ")\(count.objects)"
        let evidence = ["ListObjectsV2: \(objects) objects\(age(count, setUp.now))"]
        switch count.kind {
        case .streamFailure, .directFailure:
            return [
                Finding(
                    .deadLetters, .loss, url, "\(objects) batches that Lambda gave up wait here.",
                    consequence: "The meters in them are on no bill until they are delivered again.",
                    remedy: "Mend what made them fail, then `metertap redrive \(url)`.", evidence: evidence)
            ]
        case .rejects:
            if setUp.platform.value?.openRejects == 0 { return [] }
            if let newest = count.newest, setUp.now - newest > recent { return [] }
            return [
                Finding(
                    .rejectsWaiting, .loss, url, "\(objects) objects with rejected lines wait here.",
                    consequence:
                        "Lines that carry a tag and are no valid record are on no bill until somebody mends them.",
                    remedy:
                        "See the reasons with `metertap redrive \(url)`, mend the application, and deliver again what "
                        + "is valid now.", evidence: evidence)
            ]
        case .failedRequest:
            return [
                Finding(
                    .failedRequests, .loss, url, "The reader of the bucket could not take \(objects) objects.",
                    consequence: "The meters in them are on no bill until they are delivered again.",
                    remedy: "See the reasons with `metertap redrive \(url)`, and deliver again what is valid now.",
                    evidence: evidence)
            ]
        }
    }

    private static func age(_ count: ExaminedWaiting.Count, _ now: Int64) -> String {
        guard let oldest = count.oldest else { return "" }
        return ", the oldest of \((now - oldest) / millisecondsOfDay) days ago"
    }

    // MARK: - What is proven

    private static func audits(_ setUp: SetUp) -> [Finding] {
        let failures = setUp.platform.error.map { [(subject: "the platform", error: $0)] } ?? []
        let unreadable = Finding.unreadable(.auditDue, failures, what: "when log groups were audited")
        guard let platform = setUp.platform.value else { return unreadable }
        var due: [String] = []
        var never = 0
        var differing: [ExaminedPlatform.Audit] = []
        for group in (setUp.logGroups.value ?? []).map(\.group) {
            let audit = platform.audits.first { isOf($0, group) }
            if audit == nil { never += 1 }
            if (audit?.time ?? 0) < setUp.now - longestWithoutAudit { due.append(group.name) }
            if let audit, audit.matchedByContent > 0 { differing.append(audit) }
        }
        return unreadable + auditDue(due, never: never) + differing.map(matchedByContent)
    }

    /// Names are compared by bytes, as CloudWatch Logs does.
    private static func isOf(_ audit: ExaminedPlatform.Audit, _ group: CloudWatchLogsClient.LogGroup) -> Bool {
        audit.account == group.account && audit.logGroup.utf8.elementsEqual(group.name.utf8)
    }

    private static func auditDue(_ due: [String], never: Int) -> [Finding] {
        guard let first = due.first else { return [] }
        return [
            Finding(
                .auditDue, .risk, Finding.told(due), "There was no audit in the last seven days.",
                consequence: "What was dropped before the agent shows nowhere else; found too late, it is no longer in "
                    + "the logs, and never on a bill.",
                remedy: "Run `metertap audit --log-group \(first)` every day, by cron for example.",
                evidence: ["\(due.count) log groups, \(never) of them never audited"])
        ]
    }

    private static func matchedByContent(_ audit: ExaminedPlatform.Audit) -> Finding {
        Finding(
            .eventIdentity, .risk, audit.logGroup,
            "The last audit found \(audit.matchedByContent) records only by what is in them: log events that are read back "
                + "have other ids than those of the subscription.",
            consequence:
                "A record without a uniqueId of its own that comes both ways, by the agent and by a backfill, is "
                + "billed twice.",
            remedy: "Use one way for a log group and a time: no `metertap backfill` or `collect` where the agent "
                + "delivers; repair with `metertap audit --repair`, which compares first. Or let the application write a "
                + "uniqueId.", evidence: ["matchedByContent \(audit.matchedByContent)"])
    }

    private static func identities(_ setUp: SetUp) -> [Finding] {
        let failures = setUp.identities.error.map { [(subject: "delivered records", error: $0)] } ?? []
        return Finding.unreadable(.eventIdentity, failures, what: "whether log events have one id on every way")
            + (setUp.identities.value ?? []).filter { !$0.isFound && $0.events > 0 }.map { identity in
                Finding(
                    .eventIdentity, .risk, identity.logGroup,
                    "A log event that was delivered has another id when it is read back.",
                    consequence: "A record without a uniqueId of its own that comes both ways, by the agent and by a "
                        + "backfill, is billed twice.",
                    remedy:
                        "Use one way for a log group and a time: no `metertap backfill` or `collect` where the agent "
                        + "delivers. Or let the application write a uniqueId.",
                    evidence: ["FilterLogEvents: \(identity.events) log events of the same time, none with the id"])
            }
    }
}
