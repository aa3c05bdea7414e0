import Meter
package import MeterLine

/// Reads the lines of rejects, as `NDJSON.append` writes them.
package enum RejectLine {
    /// The reject of a line; nil when the line is none.
    package static func read(_ line: [UInt8]) -> Reject? {
        guard let tree = JSONTree(line), let reason = tree["reason"].flatMap({ RejectReason(rawValue: $0.text) }),
            let source = tree["source"].flatMap(source), let content = content(tree)
        else { return nil }
        return Reject(
            reason: reason, detail: tree["detail"]?.text ?? "", tag: tree["tag"].flatMap(text),
            ordinal: number(tree["ordinal"]).map { Int(clamping: max(0, $0)) } ?? 0, source: source,
            timestamp: number(tree["timestamp"]), content: content)
    }

    private static func source(_ tree: JSONTree) -> Reject.Source? {
        if let logGroup = tree["logGroup"]?.text {
            return .event(
                EventOrigin(
                    account: tree["account"]?.text ?? "", logGroup: logGroup, logStream: tree["logStream"]?.text ?? "",
                    eventId: tree["eventId"]?.text ?? "", timestamp: number(tree["timestamp"])))
        }
        if let stream = tree["stream"]?.text {
            return .kinesis(
                stream: stream, shard: tree["shard"]?.text ?? "",
                sequenceNumber: tree["sequenceNumber"]?.text ?? "")
        }
        return tree["name"].map { .data(name: $0.text) }
    }

    /// The bytes at fault: in base64 where they are no text.
    private static func content(_ tree: JSONTree) -> [UInt8]? {
        if let data = tree["data"] { return Base64.decode(Array(data.text.utf8).span) }
        return tree["message"].flatMap(text).map { Array($0.utf8) }
    }

    private static func text(_ tree: JSONTree) -> String? {
        if case .string(let text) = tree { text } else { nil }
    }

    private static func number(_ tree: JSONTree?) -> Int64? {
        if case .number(let text) = tree { Int64(text) } else { nil }
    }
}
