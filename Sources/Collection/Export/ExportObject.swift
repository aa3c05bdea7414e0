/// An object that an export task of CloudWatch Logs wrote: `prefix/<task id>/<log stream>/000000.gz`.
///
/// https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/S3Export.html
package struct ExportObject: Sendable, Equatable {
    /// The task; one task holds a log event once.
    package let task: String
    /// The log stream, with hyphens where its name has slashes.
    package let stream: String

    /// Reads a key; nil for one that is none of an export's log events, such as `aws-logs-write-test`.
    package init?(key: String) {
        let parts = key.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count >= 3, let name = parts.last, name.hasSuffix(".gz"),
            !name.dropLast(3).isEmpty, name.dropLast(3).utf8.allSatisfy({ (0x30...0x39).contains($0) }),
            !parts[parts.count - 2].isEmpty, !parts[parts.count - 3].isEmpty
        else { return nil }
        task = parts.dropLast(2).joined(separator: "/")
        stream = String(parts[parts.count - 2])
    }
}
