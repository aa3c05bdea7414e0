import Meter

/// Writes findings as NDJSON, one a line, with keys in the order of the log-line contract.
public enum NDJSON {
    /// Appends a record's line.
    ///
    /// - Parameter provenance: whether a last key `source` says which log event the record comes from.
    public static func append(_ found: FoundRecord, provenance: Bool, to output: inout [UInt8]) {
        found.withPlaces { RecordLine.append($0, of: $1, $2, provenance: provenance, to: &output) }
    }

    /// Appends the line of a manifest: which log event a delivered record comes from.
    public static func appendManifest(_ found: FoundRecord, to output: inout [UInt8]) {
        found.withPlaces { RecordLine.appendManifest($0, of: $1, $2, to: &output) }
    }

    /// Appends a reject's line.
    ///
    /// `message` is the text at fault. A message that is not UTF-8 stands as base64 too, in a last key `data`, so that
    /// no byte of it is lost; the data of an envelope stands only there.
    public static func append(_ reject: Reject, to output: inout [UInt8]) {
        let isMessage = if case .event = reject.source { true } else { false }
        let isText = isMessage && (try? UTF8Span(validating: reject.content.span)) != nil
        var object = JSONObjectWriter(&output)
        object.member("reason", reject.reason.rawValue, &output)
        object.member("detail", reject.detail, &output)
        if let tag = reject.tag {
            object.member("tag", tag, &output)
        } else {
            object.literal("tag", "null", &output)
        }
        object.member("ordinal", reject.ordinal, &output)
        object.name("source", &output)
        append(reject.source, to: &output)
        object.literal("timestamp", reject.timestamp.map { String($0) } ?? "null", &output)
        object.member("message", isMessage ? String(decoding: reject.content, as: UTF8.self) : "", &output)
        if !isText { object.member("data", Base64.encode(reject.content), &output) }
        object.end(&output)
        output.append(UInt8(ascii: "\n"))
    }

    /// Appends the members of an accounting to an object.
    ///
    /// - Parameter namesIgnoredKeys: whether the names of ignored keys are told, or only how many there were: a name comes
    ///   from a log line and must not stand in the agent's own log.
    package static func appendMembers(
        of accounting: Accounting, namesIgnoredKeys: Bool, to object: inout JSONObjectWriter, _ output: inout [UInt8]
    ) {
        object.member("envelopes", accounting.envelopes, &output)
        object.member("controlMessages", accounting.controlMessages, &output)
        object.member("events", accounting.events, &output)
        object.member("tagged", accounting.tagged, &output)
        object.member("mentions", accounting.mentions, &output)
        object.member("records", accounting.records, &output)
        object.member("rejects", accounting.rejected, &output)
        object.name("reasons", &output)
        append(counts: accounting.rejects.map { ($0.key.rawValue, $0.value) }, to: &output)
        object.member("repeatedInMessage", accounting.repeatedInMessage, &output)
        object.member("unreadableCopies", accounting.unreadableCopies, &output)
        object.member("conflictingCustomer", accounting.conflictingCustomer, &output)
        object.member("invalidSequence", accounting.invalidSequence, &output)
        if namesIgnoredKeys {
            object.name("ignoredKeys", &output)
            append(counts: accounting.ignoredKeys.map { ($0.key, $0.value) }, to: &output)
        } else {
            object.member("ignoredKeys", accounting.ignoredKeys.values.reduce(0, +), &output)
        }
    }

    private static func append(counts: [(String, Int)], to output: inout [UInt8]) {
        var object = JSONObjectWriter(&output)
        for (name, count) in counts.sorted(by: { $0.0 < $1.0 }) { object.member(name, count, &output) }
        object.end(&output)
    }

    private static func append(_ source: Reject.Source, to output: inout [UInt8]) {
        var object = JSONObjectWriter(&output)
        switch source {
        case .event(let origin):
            members(of: origin, &object, &output)
        case .kinesis(let stream, let shard, let sequenceNumber):
            object.member("stream", stream, &output)
            object.member("shard", shard, &output)
            object.member("sequenceNumber", sequenceNumber, &output)
        case .data(let name):
            object.member("name", name, &output)
        }
        object.end(&output)
    }

    private static func members(of origin: EventOrigin, _ object: inout JSONObjectWriter, _ output: inout [UInt8]) {
        object.member("account", origin.account, &output)
        object.member("logGroup", origin.logGroup, &output)
        object.member("logStream", origin.logStream, &output)
        object.member("eventId", origin.eventId, &output)
        object.literal("timestamp", origin.timestamp.map { String($0) } ?? "null", &output)
    }
}
