import AWS
import Collection
import Meter
import MeterLine

/// What an audit found, for people and for programs.
struct AuditReport {
    /// Log events this young may still be on their way.
    private static let settlingTime: Int64 = 15 * 60_000
    /// The platform keeps no more of a list.
    private static let maximumListed = 100

    let group: CloudWatchLogsClient.LogGroup
    let times: Range<Int64>
    let accounting: Accounting
    let cost: LogGroupReader.Cost
    let counts: AuditCounts
    let pattern: MissingPattern
    let timeline: AuditTimeline
    let firstMissing: [FoundRecord]
    let sequences: SequenceGaps
    let records: String
    let usesPattern: Bool
    let repairs: Bool
    let now: Int64

    /// Whether everything in the logs was received as it is, or is now.
    var isClean: Bool { counts.isClean }

    // MARK: - For programs

    /// One object with all figures.
    var json: String { json(listing: .max) }

    /// What the platform keeps: as `json`, with no list longer than the platform takes.
    var note: String { json(listing: Self.maximumListed) }

    private func json(listing most: Int) -> String {
        var output: [UInt8] = []
        var object = JSONObjectWriter(&output)
        object.member("account", group.account, &output)
        object.member("logGroup", group.name, &output)
        object.member("from", times.lowerBound, &output)
        object.member("to", times.upperBound, &output)
        object.member("found", counts.found, &output)
        for name in AuditClass.allCases { object.member(name.rawValue, counts[name], &output) }
        object.member("extra", counts.extra, &output)
        object.member("expired", counts.expired, &output)
        object.member("repaired", counts.repaired, &output)
        object.member("matchedByContent", counts.matchedByContent, &output)
        object.member("events", accounting.events, &output)
        object.member("mentions", accounting.mentions, &output)
        object.member("recordNotBehindTag", counts.recordNotBehindTag, &output)
        object.member("calls", cost.calls, &output)
        object.member("bytesRead", cost.bytes, &output)
        object.member("rangesBegunAnew", cost.restarts, &output)
        object.literal("pattern", usesPattern ? "true" : "false", &output)
        object.member("records", records, &output)
        object.name("gaps", &output)
        appendGaps(to: &output)
        object.name("reasons", &output)
        appendJSONList(Array((reasons + sequenceReport.sentences).prefix(most)), to: &output)
        object.name("missingStreams", &output)
        appendJSONList(Array(pattern.missingStreams.prefix(most)), to: &output)
        object.name("timeline", &output)
        appendJSONArray(timeline.buckets, to: &output) { bucket, output in
            var object = JSONObjectWriter(&output)
            object.member("from", bucket.from, &output)
            object.member("found", bucket.found, &output)
            object.member("missing", bucket.missing, &output)
            object.end(&output)
        }
        object.name("missingRecords", &output)
        appendJSONArray(firstMissing, to: &output, Self.append)
        guard most == .max else {
            object.end(&output)
            return String(decoding: output, as: UTF8.self)
        }
        object.member("repeatedInMessage", accounting.repeatedInMessage, &output)
        object.member("unreadableCopies", accounting.unreadableCopies, &output)
        object.name("sequences", &output)
        sequenceReport.append(to: &output)
        object.end(&output)
        return String(decoding: output, as: UTF8.self)
    }

    private var sequenceReport: SequenceReport {
        SequenceReport(sequences: sequences, invalid: accounting.invalidSequence)
    }

    /// A missing record, by what tells it from others.
    private static func append(_ found: FoundRecord, to output: inout [UInt8]) {
        var object = JSONObjectWriter(&output)
        object.member("logStream", found.origin.logStream, &output)
        object.member("eventId", found.origin.eventId, &output)
        object.member("timestamp", found.origin.timestamp ?? 0, &output)
        object.member("ordinal", found.ordinal, &output)
        object.member("uniqueId", found.record.uniqueId, &output)
        object.member("meterApiName", found.record.meterApiName, &output)
        object.member("customerId", found.record.customerId ?? "", &output)
        object.member("meterValue", found.record.meterValue.text, &output)
        object.end(&output)
    }

    private func appendGaps(to output: inout [UInt8]) {
        appendJSONArray(pattern.gaps, to: &output) { gap, output in
            var object = JSONObjectWriter(&output)
            object.member("from", gap.from, &output)
            object.member("to", gap.to, &output)
            object.member("missing", gap.missing, &output)
            object.end(&output)
        }
    }

    // MARK: - For people

    private static let meanings: [(AuditClass, String)] = [
        (.received, "stored, and counted"),
        (.duplicate, "equal to the record of another log event; counted once"),
        (.cancelled, "taken back, or a cancel"),
        (.rejected, "no valid record; waits to be edited"),
        (.resolved, "was no valid record, and was edited"),
        (.undefined, "stored, but nobody has defined the meter"),
        (.pastRetention, "older than what the platform keeps; nothing can be said"),
        (.missing, "not received, and not billed"),
        (.different, "received from this log event, but saying something else"),
    ]

    private var restarts: String {
        guard cost.restarts > 0 else { return "" }
        return
            " CloudWatch Logs answered page tokens that led nowhere: \(Display.count(cost.restarts)) times a range was "
            + "begun anew with narrower times, and all of it was read."
    }

    func print() {
        Terminal.output(
            "Log group \(group.name) of account \(group.account), \(CommandTime.text(times.lowerBound)) to "
                + "\(CommandTime.text(times.upperBound)) UTC: \(Display.count(accounting.events)) log events in "
                + "\(Display.count(cost.calls)) calls, \(Display.bytes(cost.bytes)).\(restarts)\n")
        var table = Table("class", ">records", "what it means")
        for (name, meaning) in Self.meanings { table.add([name.rawValue, Display.count(counts[name]), meaning]) }
        table.add(["found", Display.count(counts.found), "all of the above"])
        if counts.extra > 0 {
            table.add(["extra", Display.count(counts.extra), "received from this range, and not in the logs"])
        }
        table.add(["mentions", Display.count(accounting.mentions), "tags without a value; not in found"])
        table.add([
            "recordNotBehindTag", Display.count(counts.recordNotBehindTag),
            "rejects with a record that isn't after its tag; in found",
        ])
        let copies = accounting.repeatedInMessage + accounting.unreadableCopies
        if copies > 0 {
            table.add(["copies", Display.count(copies), "of a record in the same log event; not in found"])
        }
        if repairs { table.add(["repaired", Display.count(counts.repaired), "of the missing ones, ingested now"]) }
        table.print(orElse: "")
        Terminal.output("")
        for sentence in reasons + sequenceReport.sentences + advice { Terminal.output(Table.printable(sentence)) }
    }

    /// Why records may be missing, as far as when and where they are tells.
    private var reasons: [String] {
        var sentences = pattern.gaps.map { gap in
            let range = "from \(CommandTime.text(gap.from)) to \(CommandTime.text(gap.to)) UTC"
            let count = Display.count(gap.missing)
            if gap.isAtStart && gap.isAtEnd {
                return "None of the \(count) records \(range) was received: nothing delivers this log group here."
            }
            if gap.isAtStart {
                return
                    "Nothing was received before \(CommandTime.text(gap.to)) UTC (\(count) records): the log group was "
                    + "subscribed to after that."
            }
            if gap.isAtEnd {
                return
                    "Nothing was received any more \(range) (\(count) records): look whether the subscription filter "
                    + "is still there, and the agent's errors."
            }
            return
                "Nothing was received \(range) (\(count) records): the subscription filter was away, or its destination "
                + "refused, for then CloudWatch Logs drops events without a trace."
        }
        let streams = pattern.missingStreams
        if !streams.isEmpty {
            let names = streams.prefix(5).joined(separator: ", ") + (streams.count > 5 ? ", …" : "")
            sentences.append("Nothing was received of \(streams.count) log streams: \(names).")
        }
        let inGaps = pattern.gaps.reduce(0) { $0 + $1.missing }
        if counts[.missing] > inGaps, inGaps > 0 || !streams.isEmpty {
            sentences.append("\(Display.count(counts[.missing] - inGaps)) others are missing here and there.")
        }
        return sentences
    }

    private var advice: [String] {
        var sentences: [String] = []
        let left = counts[.missing] - counts.repaired
        if left > 0, repairs {
            sentences.append("\(Display.count(left)) could not be repaired: metertap rejects list shows why.")
        } else if left > 0 {
            sentences.append("Run the same command with --repair to ingest what is missing.")
        }
        if counts[.different] > 0 {
            sentences.append("What is different is not repaired: look at both sides, and cancel what is wrong.")
        }
        if counts.recordNotBehindTag > 0 {
            sentences.append(
                "\(Display.count(counts.recordNotBehindTag)) log lines contain a tag and a record that isn't after it. They "
                    + "aren't billed. Change the application to write the tag right before the record, and fix the "
                    + "rejected lines: metertap rejects list shows them.")
        }
        if counts[.undefined] > 0 { sentences.append("Define the meters that metertap meters list lacks.") }
        if counts.matchedByContent > 0 {
            sentences.append(
                "\(Display.count(counts.matchedByContent)) records were matched by stream, time and content: the event ids "
                    + "of their streams are not those that the agent saw.")
        }
        if counts.expired > 0 {
            sentences.append(
                "\(Display.count(counts.expired)) of the extra ones are older than the log group keeps its events.")
        }
        if usesPattern {
            sentences.append(
                "CloudWatch Logs looked for the tags: that its pattern finds every tag is not proved by this audit.")
        }
        if times.upperBound > now - Self.settlingTime {
            sentences.append("The end of the range is recent: what is missing there may still be on its way.")
        }
        sentences.append(
            (isClean ? "Nothing that the logs hold is missing. " : "") + "\(records) names every record with its class."
        )
        return sentences
    }
}

/// A line of the file that names every record.
enum AuditLine {
    static func append<Target: Receipts>(_ line: Audit<Target>.Line, to output: inout [UInt8]) {
        switch line {
        case .found(let found, let name, let isRepaired): append(found, name, isRepaired: isRepaired, to: &output)
        case .extra(let extra, let isExpired):
            var object = JSONObjectWriter(&output)
            object.member("class", "extra", &output)
            object.literal("expired", isExpired ? "true" : "false", &output)
            if extra.number > 0 { object.member("number", extra.number, &output) }
            if let uniqueId = extra.record.uniqueId { object.member("uniqueId", uniqueId, &output) }
            object.member("meterApiName", extra.record.meterApiName, &output)
            object.literal("meterValue", extra.record.meterValue.text, &output)
            object.member("meterTimeInMillis", extra.record.meterTimeInMillis, &output)
            object.member("customerId", extra.record.customerId, &output)
            if let source = extra.record.source {
                object.name("source", &output)
                let origin = EventOrigin(
                    account: source.account, logGroup: source.logGroup, logStream: source.logStream,
                    eventId: source.eventId, timestamp: source.timestamp)
                append(origin, ordinal: source.ordinal, to: &output)
            }
            object.end(&output)
            output.append(UInt8(ascii: "\n"))
        }
    }

    private static func append(
        _ found: AuditFound, _ name: AuditClass, isRepaired: Bool, to output: inout [UInt8]
    ) {
        var object = JSONObjectWriter(&output)
        object.member("class", name.rawValue, &output)
        if isRepaired { object.literal("repaired", "true", &output) }
        switch found.item {
        case .record(let record):
            // A record's own line goes on in the same object. What was received is only named.
            let brace = output.count
            if name == .received {
                NDJSON.appendManifest(record, to: &output)
            } else {
                NDJSON.append(record, provenance: true, to: &output)
            }
            output[brace] = UInt8(ascii: ",")
        case .reject(let reason, let detail, let origin, let ordinal):
            object.member("reason", reason.rawValue, &output)
            object.member("detail", detail, &output)
            object.name("source", &output)
            append(origin, ordinal: ordinal, to: &output)
            object.end(&output)
            output.append(UInt8(ascii: "\n"))
        }
    }

    private static func append(_ origin: EventOrigin, ordinal: Int, to output: inout [UInt8]) {
        var object = JSONObjectWriter(&output)
        object.member("account", origin.account, &output)
        object.member("logGroup", origin.logGroup, &output)
        object.member("logStream", origin.logStream, &output)
        object.member("eventId", origin.eventId, &output)
        object.literal("timestamp", origin.timestamp.map { "\($0)" } ?? "null", &output)
        object.member("ordinal", ordinal, &output)
        object.end(&output)
    }
}
