import MeterLine

/// What Lambda wrote of an invocation that it gave up.
///
/// Source: https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html and
/// https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
package struct FailureRecord {
    /// What it says about the invocation; members that are not there are empty.
    package struct Note: Sendable, Equatable {
        /// Why Lambda gave up, for example `RetryAttemptsExhausted`.
        package var condition = ""
        /// The function.
        var functionArn = ""
        /// When it was given up.
        var timestamp = ""
        /// The stream; empty for a direct event.
        var streamArn = ""
        var shardId = ""
        var startSequenceNumber = ""
        var endSequenceNumber = ""
        /// When Kinesis took the first and the last record.
        var firstArrival = ""
        var lastArrival = ""
        var batchSize = ""
    }

    /// What it says about the invocation.
    package var note: Note
    /// The whole event; nil where the destination kept metadata alone.
    package var event: [UInt8]?

    /// Reads a document; nil when it is none of Lambda's.
    package init?(_ text: [UInt8]) {
        switch InputDocument.kind(of: text.span) {
        case .event:
            // A dead-letter queue keeps the event alone.
            note = Note()
            event = text
        case .failureRecord:
            guard let tree = JSONTree(text), let event = InputDocument.event(inFailureRecord: text.span) else {
                return nil
            }
            note = Note(tree)
            self.event = event
        case .failureMetadata:
            guard let tree = JSONTree(text) else { return nil }
            note = Note(tree)
        case .envelope, .logEvents, .unknown: return nil
        }
    }
}

extension FailureRecord.Note {
    fileprivate init(_ tree: JSONTree) {
        let (context, batch) = (tree["requestContext"], tree["KinesisBatchInfo"])
        condition = context?["condition"]?.text ?? ""
        functionArn = context?["functionArn"]?.text ?? ""
        timestamp = tree["timestamp"]?.text ?? ""
        streamArn = batch?["streamArn"]?.text ?? ""
        shardId = batch?["shardId"]?.text ?? ""
        startSequenceNumber = batch?["startSequenceNumber"]?.text ?? ""
        endSequenceNumber = batch?["endSequenceNumber"]?.text ?? ""
        firstArrival = batch?["approximateArrivalOfFirstRecord"]?.text ?? ""
        lastArrival = batch?["approximateArrivalOfLastRecord"]?.text ?? ""
        batchSize = batch?["batchSize"]?.text ?? ""
    }

    /// How far around the arrivals the log events are looked for: CloudWatch Logs delivers within minutes.
    private static let margin: Int64 = 15 * 60_000

    /// What is to be done where the event itself was not kept.
    package var remedy: String {
        guard !streamArn.isEmpty else {
            return "Lambda's record holds no event: the destination was too small for it. Bring its log events with "
                + "metertap backfill --log-group LOG_GROUP \(Self.range(timestamp, timestamp)), for each log group that "
                + "is handed on to \(functionArn); then delete this object"
        }
        return
            "Lambda's record only names what it is about: \(batchSize) Kinesis records of \(streamArn), \(shardId), from "
            + "\(startSequenceNumber) to \(endSequenceNumber). As long as the stream keeps them, let an agent or metertap "
            + "collect read it again from \(firstArrival) on; or bring their log events with metertap backfill --log-group "
            + "LOG_GROUP \(Self.range(firstArrival, lastArrival)), for each log group that is handed on to the stream. Then "
            + "delete this object, and use S3 as failure destination, which keeps the records"
    }

    private static func range(_ first: String, _ last: String) -> String {
        guard let first = Timestamp.rfc3339(Array(first.utf8).span),
            let last = Timestamp.rfc3339(Array(last.utf8).span)
        else { return "--from FROM --to TO" }
        return "--from \(time(first - 4 * margin)) --to \(time(last + margin))"
    }

    private static func time(_ milliseconds: Int64) -> String {
        let seconds = (milliseconds / 1_000) % 86_400
        let parts = [seconds / 3_600, seconds / 60 % 60, seconds % 60].map { $0 < 10 ? "0\($0)" : "\($0)" }
        return "\(Timestamp.date(milliseconds))T\(parts.joined(separator: ":"))Z"
    }
}
