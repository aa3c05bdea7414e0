import MeterLine

/// What the agent answers when it is asked whether it could deliver.
///
/// It asks each place where it writes whether it may, and stores nothing there. The answer to `{"metertap":"check"}`:
///
/// ```json
/// {"metertap":"check","version":"0.1.0",
///  "sink":{"url":"s3://meters/","writable":true},
///  "rejects":{"url":"s3://meters/","writable":false,"errorKind":"configuration","error":"S3 PutObject …"}}
/// ```
///
/// `manifest` is there too where records do not tell their log events.
struct AgentCheck: Sendable {
    let sink: any RecordSink
    let rejects: any ObjectStore
    let provenance: Bool

    /// How long a place is asked that does not answer.
    private static let patience = Duration.seconds(10)

    /// The answer, as JSON without secrets.
    func answer(deadline: ContinuousClock.Instant?) async -> [UInt8] {
        let patience = ContinuousClock.now + Self.patience
        let deadline = min(deadline ?? patience, patience)
        var output: [UInt8] = []
        var object = JSONObjectWriter(&output)
        object.member("metertap", LambdaEvent.checkName, &output)
        object.member("version", Release.version, &output)
        let sinkError = await Self.error { () throws(DeliveryError) in try await sink.check(deadline: deadline) }
        object.name("sink", &output)
        Self.append(sink.name, sinkError, to: &output)
        for kind in provenance ? [Part.Kind.rejects] : [.rejects, .manifest] {
            let error = await Self.error { () throws(DeliveryError) in
                try await rejects.check(kind, deadline: deadline)
            }
            object.name(kind.rawValue, &output)
            Self.append(rejects.name, error, to: &output)
        }
        object.end(&output)
        return output
    }

    private static func append(_ url: String, _ error: DeliveryError?, to output: inout [UInt8]) {
        var object = JSONObjectWriter(&output)
        object.member("url", url, &output)
        object.literal("writable", error == nil ? "true" : "false", &output)
        if let error {
            object.member("errorKind", error.kind.rawValue, &output)
            object.member("error", error.description, &output)
        }
        object.end(&output)
    }

    private static func error(_ check: () async throws(DeliveryError) -> Void) async -> DeliveryError? {
        do throws(DeliveryError) {
            try await check()
            return nil
        } catch {
            return error
        }
    }
}
