import AWS
import HTTP
import Meter
import MeterLine

/// What the applications write, as the log events of the last day show it.
enum WrittenChecks {
    static func run(_ setUp: SetUp) -> [Finding] {
        unread(setUp) + tagsWritten(setUp) + nearMisses(setUp) + recordsValid(setUp) + recordTime(setUp)
            + identityTime(setUp)
            + silence(setUp) + centralized(setUp)
    }

    private static func written(_ group: ExaminedLogGroup) -> WrittenEvents { group.written.value ?? WrittenEvents() }

    private static func unread(_ setUp: SetUp) -> [Finding] {
        let failures = setUp.groups.compactMap { group in group.written.error.map { (group.group.name, $0) } }
        let refused = Finding.unreadable(
            .tagsWritten, failures, what: "what applications write, and whether the filters hand it on")
        guard !setUp.unreadLogGroups.isEmpty else { return refused }
        return refused + [
            Finding(
                .tagsWritten, .note, Finding.told(setUp.unreadLogGroups),
                "There are so many log groups that the log events of \(setUp.unreadLogGroups.count) were not read.",
                consequence: "What their applications write, and whether it reaches the bill, was not checked.",
                remedy: "Look at them by themselves, with --log-group or --prefix.",
                evidence: [Finding.told(setUp.unreadLogGroups, most: 500)])
        ]
    }

    private static func tagsWritten(_ setUp: SetUp) -> [Finding] {
        setUp.groups.compactMap { group -> Finding? in
            let written = written(group)
            return written.otherTags.isEmpty ? nil : otherTags(written, group, setUp)
        }
    }

    /// Log events that look like records that were meant, and that nothing takes for any.
    private static func nearMisses(_ setUp: SetUp) -> [Finding] {
        setUp.groups.flatMap { group -> [Finding] in
            let written = written(group)
            return NearMiss.allCases.compactMap { kind in
                guard let count = written.nearMisses[kind], count > 0 else { return nil }
                let (what, remedy) = told(kind, written, setUp)
                let place = written.nearMissPlaces[kind].map {
                    ", for example \($0.id) of " + UnixTime(milliseconds: $0.timestamp).iso8601Milliseconds
                }
                return Finding(
                    .nearMisses, .risk, group.group.name,
                    "\(count) \(count == 1 ? "log event" : "log events") of the last day without a tag \(what).",
                    consequence: "If these are meant as records, they aren't billed: only a record after a tag is.",
                    remedy: remedy, evidence: ["FilterLogEvents: \(count) log events\(place ?? "")"])
            }
        }
    }

    private static func told(_ kind: NearMiss, _ written: WrittenEvents, _ setUp: SetUp) -> (String, String) {
        let tags = setUp.agentTags.joined(separator: ", ")
        switch kind {
        case .otherSpelling:
            let spellings = written.spellings.joined(separator: ", ")
            let all = (setUp.agentTags + written.spellings).joined(separator: ",")
            return (
                "have one in another case or spelling before an object: \(spellings)",
                "Write the tag letter by letter as one of \(tags). Or add the spelling: set METERTAP_TAGS of the agent to "
                    + "\(all), and run `metertap attach` with --tags \(all). Then run `metertap backfill` for the time before."
            )
        case .withinWord:
            return (
                "have one within a longer word before an object",
                "Write the tag as a word of its own: no letter, digit or _ right before or after it. Or add the whole word "
                    + "to METERTAP_TAGS of the agent, and run `metertap attach` with the same --tags."
            )
        case .withoutTag:
            return (
                "have an object with a meter's name and a value",
                "Write a tag right before the object, for example amberflo_meter: {…}. The agent knows \(tags)."
            )
        }
    }

    private static func otherTags(_ written: WrittenEvents, _ group: ExaminedLogGroup, _ setUp: SetUp) -> Finding {
        let tags = written.otherTags.keys.sorted()
        let count = written.otherTags.values.reduce(0, +)
        let all = (setUp.agentTags + tags).joined(separator: ",")
        return Finding(
            .tagsWritten, .loss, group.group.name,
            "\(count) records of the last day stand under \(tags.joined(separator: ", ")), which the agent is not told "
                + "to look for.",
            consequence: "None of them is delivered or billed.",
            remedy: "Set METERTAP_TAGS of the agent to \(all), run `metertap attach` with --tags \(all), then "
                + "`metertap backfill` for the time before.",
            evidence: tags.map { "FilterLogEvents: \(written.otherTags[$0] ?? 0) records under \($0)" })
    }

    private static func recordsValid(_ setUp: SetUp) -> [Finding] {
        setUp.groups.flatMap { group -> [Finding] in
            let written = written(group)
            var findings: [Finding] = []
            if written.rejected > 0 { findings.append(rejects(written, group)) }
            if written.conflictingCustomer > 0 {
                findings.append(
                    Finding(
                        .recordsValid, .risk, group.group.name,
                        "\(written.conflictingCustomer) records of the last day name two customers.",
                        consequence: "Only one of them is billed, which may be the wrong one.",
                        remedy: "Write one of customerId and tenant_id; docs/log-line.md tells which one counts.",
                        evidence: ["FilterLogEvents: \(written.conflictingCustomer) records with two customers"]))
            }
            return findings
        }
    }

    private static func rejects(_ written: WrittenEvents, _ group: ExaminedLogGroup) -> Finding {
        let reasons = written.rejects.sorted { ($1.value, $0.key.rawValue) < ($0.value, $1.key.rawValue) }
        let told = reasons.map { "\($0.value) \($0.key.rawValue)" }.joined(separator: ", ")
        return Finding(
            .recordsValid, .loss, group.group.name,
            "\(written.rejected) of \(written.found) lines with a tag of the last day are no valid records: \(told).",
            consequence: "They are kept as rejects, and are not billed until somebody mends them.",
            remedy:
                "docs/log-line.md tells the remedy for each reason; `metertap attach --explain` shows what is read in a "
                + "line. Mend the application, then deliver what was rejected with `metertap redrive`.",
            evidence: ["FilterLogEvents: \(told)\(written.isComplete ? "" : ", in the latest log events alone")"])
    }

    private static func recordTime(_ setUp: SetUp) -> [Finding] {
        setUp.groups.flatMap { group -> [Finding] in
            let written = written(group)
            return [
                (written.early, "over an hour after", "the clock of the application is wrong, or its time zone"),
                (written.late, "over a month before", "they belong to a month that may be billed already"),
            ].filter { $0.0 > 0 }.map { count, how, why in
                Finding(
                    .recordTime, .risk, group.group.name,
                    "\(count) records of the last day tell a time that is \(how) their log event's.",
                    consequence: "They are billed at that time: \(why).",
                    remedy:
                        "Write meterTimeInMillis in UTC when the usage happens, or leave it out: then the log event's "
                        + "time counts.",
                    evidence: ["FilterLogEvents: \(count) of \(written.records) records"])
            }
        }
    }

    /// Amberflo's rule for duplicates takes the time in; the platform here leaves out one that a log event gave.
    private static func identityTime(_ setUp: SetUp) -> [Finding] {
        guard setUp.goesToAmberflo else { return [] }
        return setUp.groups.compactMap { group -> Finding? in
            let count = written(group).ownIdWithoutTime
            guard count > 0 else { return nil }
            return Finding(
                .identityTime, .risk, group.group.name,
                "\(count) records of the last day have a uniqueId and no time of their own, and go to Amberflo.",
                consequence:
                    "Such a record takes the time of its log event: when the application logs it a second time, "
                    + "it has another one, and is billed twice.",
                remedy: "Write meterTimeInMillis beside uniqueId, the same whenever the record is logged again.",
                evidence: ["FilterLogEvents: \(count) of \(written(group).records) records"])
        }
    }

    private static func silence(_ setUp: SetUp) -> [Finding] {
        let silent = setUp.groups.filter { group in
            guard let written = group.written.value, setUp.isMeant(group) else { return false }
            return written.receives == true && written.isComplete && !written.isTagged && written.nearMisses.isEmpty
        }
        return setUp.about(
            silent, .silence, .risk, "Log events came in the last day, but none with a record.",
            consequence: "If there was usage, it was not logged as records, and is not billed.",
            remedy:
                "Check that the application still writes records (its log level, its release), and under which tag: "
                + "the agent knows \(setUp.agentTags.joined(separator: ", ")).",
            evidence: "FilterLogEvents: no tag in 24 hours")
    }

    /// Centralization copies log events of other accounts and regions, and `@aws.account` tells where from.
    ///
    /// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/CloudWatchLogs_Centralization.html
    private static func centralized(_ setUp: SetUp) -> [Finding] {
        setUp.groups.compactMap { group -> Finding? in
            let fields = (group.filters.value ?? []).flatMap { filter in
                (filter.emitSystemFields ?? [])
                    + (filter.fieldSelectionCriteria?.contains("@aws.") == true ? ["fieldSelectionCriteria"] : [])
            }
            guard !fields.isEmpty, setUp.ourFilters(of: group)?.isEmpty == false else { return nil }
            return Finding(
                .centralized, .risk, group.group.name,
                "Its filters tell log events of other accounts or regions apart, as copies have that were centralized "
                    + "here.",
                consequence:
                    "A copy has another owner than its original, so that a record without a uniqueId of its own "
                    + "gets another identity: subscribed in both places it is billed twice.",
                remedy:
                    "Subscribe either the originals or the copies: `metertap detach --log-group \(group.group.name) "
                    + "--destination-arn …` takes our filter off here.",
                evidence: ["DescribeSubscriptionFilters: \(Set(fields).sorted().joined(separator: ", "))"])
        }
    }
}
