import AWS
import Attachment
import Doctor
import HTTP
import Meter
import MeterLine
import Platform
import Store

/// The doctor that the console asks: `metertap doctor` without arguments, with the platform's own credentials.
enum ConsoleDoctor {
    /// Nil where no region of AWS is set, for then there is nothing to look at.
    static func make(_ settings: Settings, _ parts: PlatformParts) throws -> ResidentDoctor? {
        let aws = try AWSSettings.ofProcess()
        guard let region = aws.region else { return nil }
        let tags = settings[.tags].map(LineReader.tags(separatedByCommas:)) ?? []
        let examiner = Examiner(
            .init(selection: Selection(), tags: tags),
            session: LogSession.make(try AsyncHTTPTransport(caBundle: aws.caBundle), aws),
            platform: { logGroups in await ExaminedPlatform.read(parts.store, of: logGroups) })
        return ResidentDoctor(parts) { who in
            let report = DiagnosisReport(Diagnosis(await examiner.examine()), region: region)
            return StoredDiagnosis(report, who: who, noted: parts.now())
        }
    }
}

extension ExaminedPlatform {
    private static let mostAudits = 1_000
    /// Of so many log groups the last audit is read whole.
    private static let mostWhole = 100
    /// Of so many log groups a record is read back from the log.
    private static let mostSamples = 5

    /// What `metertap doctor` asks a platform for, of the platform in this process.
    fileprivate static func read(
        _ store: any Store, of logGroups: [CloudWatchLogsClient.LogGroup]
    ) async -> Reading<ExaminedPlatform> {
        do throws(StoreError) {
            let pipeline = try await store.pipeline()
            // A platform that never had one may not read the bucket of rejects at all.
            let knowsRejects = pipeline.rejected + pipeline.resolvedRejects > 0
            return .read(
                ExaminedPlatform(
                    audits: try await audits(store, logGroups), samples: try await samples(store, logGroups),
                    openRejects: knowsRejects ? pipeline.rejected : nil))
        } catch {
            return .failed(
                AWSError(
                    kind: .refused, code: "PlatformUnreadable", message: "\(error)", operation: "Reading the platform"))
        }
    }

    private static func audits(
        _ store: any Store, _ logGroups: [CloudWatchLogsClient.LogGroup]
    ) async throws(StoreError) -> [Audit] {
        let newest = try await store.audits(limit: mostAudits)
        var audits: [Audit] = []
        for group in logGroups {
            guard let audit = newest.first(where: { $0.account == group.account && $0.logGroup == group.name }),
                let id = audit.id
            else { continue }
            let whole = audits.count < mostWhole ? try await store.audit(id) : nil
            audits.append(
                Audit(
                    account: audit.account, logGroup: audit.logGroup, time: audit.time,
                    matchedByContent: whole?.detail?.matchedByContent ?? 0))
        }
        return audits
    }

    private static func samples(
        _ store: any Store, _ logGroups: [CloudWatchLogsClient.LogGroup]
    ) async throws(StoreError) -> [Sample] {
        var samples: [Sample] = []
        for group in logGroups.prefix(mostSamples) {
            var query = EventQuery()
            query.logGroup = group.name
            query.limit = 1
            guard let source = try await store.events(query).events.first?.record.source,
                source.account == group.account, let timestamp = source.timestamp
            else { continue }
            samples.append(Sample(logGroup: group.name, eventID: source.eventId, timestamp: timestamp))
        }
        return samples
    }
}

extension StoredDiagnosis {
    fileprivate init(_ report: DiagnosisReport, who: String, noted: Int64) {
        let looked = report.looked
        self.init(
            noted: noted, who: who, account: report.account, region: report.region, time: report.time,
            looked: .init(
                logGroups: looked.logGroups, streams: looked.streams, functions: looked.functions,
                checks: looked.checks),
            findings: report.findings.map { finding in
                .init(
                    check: finding.check.rawValue, severity: Severity(finding.severity), subject: finding.subject,
                    finding: finding.finding, consequence: finding.consequence, remedy: finding.remedy,
                    evidence: finding.evidence)
            })
    }
}

extension StoredDiagnosis.Severity {
    fileprivate init(_ severity: Doctor.Finding.Severity) {
        self =
            switch severity {
            case .loss: .loss
            case .risk: .risk
            case .unknown: .unknown
            case .note: .note
            }
    }
}
