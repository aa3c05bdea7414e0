import AWS
import Doctor
import Meter
import MeterLine

extension ExaminedPlatform {
    private static let mostAudits = "1000"
    /// Of so many log groups the details of the last audit are read.
    private static let mostDetails = 100
    /// Of so many log groups a record is read back from the log.
    private static let mostSamples = 5

    /// What a platform tells of log groups: their last audits, a record of each, and the rejects that wait.
    static func read(
        _ client: PlatformClient, of logGroups: [CloudWatchLogsClient.LogGroup]
    ) async -> Reading<ExaminedPlatform> {
        do {
            let audits = try await audits(client, of: Set(logGroups.map { [$0.account, $0.name] }))
            var samples: [Sample] = []
            for group in logGroups.prefix(mostSamples) {
                if let sample = try await sample(client, group) { samples.append(sample) }
            }
            let pipeline = try await client.get("/pipeline")
            func count(_ name: String) -> Int { Int(pipeline[name]?.text ?? "") ?? 0 }
            // One that knows of none may not read the bucket of rejects at all.
            let knowsRejects = count("rejected") + count("resolvedRejects") > 0
            return .read(
                ExaminedPlatform(
                    audits: audits, samples: samples, openRejects: knowsRejects ? count("rejected") : nil))
        } catch {
            return .failed(
                AWSError(
                    kind: .refused, code: "PlatformUnreadable", message: "\(error)", operation: "Reading the platform"))
        }
    }

    /// The newest audit of each log group, with its details.
    private static func audits(
        _ client: PlatformClient, of logGroups: Set<[String]>
    ) async throws -> [Audit] {
        var rest = logGroups
        var audits: [Audit] = []
        for tree in try await client.get("/audits", [("limit", mostAudits)]).elements {
            guard var audit = Audit(tree), rest.remove([audit.account, audit.logGroup]) != nil else { continue }
            // The list tells figures alone.
            if let id = tree["id"]?.text, audits.count < mostDetails {
                let detail = try await client.get("/audits/\(id)")["detail"]
                audit.matchedByContent = Int(detail?["matchedByContent"]?.text ?? "") ?? 0
            }
            audits.append(audit)
        }
        return audits
    }

    private static func sample(
        _ client: PlatformClient, _ group: CloudWatchLogsClient.LogGroup
    ) async throws -> Sample? {
        let bytes = try await client.bytes("/events", [("source", group.name), ("limit", "1")])
        guard let page = PlatformPage.events(bytes.span) else { throw client.strange }
        guard let source = page.events.first?.record.source, source.account == group.account,
            let timestamp = source.timestamp
        else { return nil }
        return Sample(logGroup: group.name, eventID: source.eventId, timestamp: timestamp)
    }
}

extension ExaminedPlatform.Audit {
    fileprivate init?(_ tree: JSONTree) {
        guard let account = tree["account"]?.text, let logGroup = tree["logGroup"]?.text,
            let time = Int64(tree["time"]?.text ?? "")
        else { return nil }
        self.init(account: account, logGroup: logGroup, time: time)
    }
}
