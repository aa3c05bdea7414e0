/// What lies in a bucket and can be delivered again.
public enum WaitingKind: String, Sendable, CaseIterable {
    /// Lambda gave up a batch of a stream: `aws/lambda/<mapping>/<shard>/YYYY/MM/DD/…`, with the whole event in it.
    ///
    /// Source: https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
    case streamFailure
    /// Lambda gave up a direct event: `aws/lambda/async/<function>/YYYY/MM/DD/…`, with the whole event in it.
    ///
    /// Source: https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    case directFailure
    /// What carried a tag but is no valid record, or was refused by the sink: `rejects/<date>/…`.
    case rejects
    /// A reader of the bucket could not take an object, and tells why: `failed-requests/<date>/<its key>.reason.txt`.
    case failedRequest

    /// Where all of it is told to be, below the prefix of a bucket.
    static let folders = ["aws/lambda/", "failed-requests/", "rejects/"]
    /// What was delivered again is kept below it.
    package static let doneFolder = "redriven/"

    /// What an object is by its key; nil when its key tells nothing that waits.
    ///
    /// - Parameter context: what stands before the key: the prefix of its bucket, or the path of its directory.
    package init?(key: String, in context: String = "") {
        guard !key.utf8.starts(with: Self.doneFolder.utf8) else { return nil }
        let folders = "\(context)/\(key)".split(separator: "/").dropLast()
        if key.hasSuffix(".reason.txt"), folders.contains("failed-requests") {
            self = .failedRequest
        } else if let lambda = folders.indices.dropLast().first(where: {
            folders[$0] == "aws" && folders[$0 + 1] == "lambda"
        }), lambda + 2 < folders.endIndex {
            self = folders[lambda + 2] == "async" ? .directFailure : .streamFailure
        } else if key.hasSuffix(".ndjson.gz"), folders.contains("rejects") {
            self = .rejects
        } else {
            return nil
        }
    }
}
