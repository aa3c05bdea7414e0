import Collection
import Hummingbird
import Meter
import Platform
import Store

/// Whether everything is all right.
struct OverviewScreen: Sendable {
    private static let minutes: Int64 = 60
    private static let newest = 200
    private static let maximumAudits = 10

    let parts: PlatformParts
    let pages: Pages
    let connections: Console.Connections

    var screens: [Screen] { [Screen(.get, "/overview", .read, show)] }

    private struct Content {
        struct Finding {
            let style: String
            let title: String
            let detail: String
            let path: String
            let action: String
        }

        struct Check {
            let name: String
            let detail: String
            let isOK: Bool
        }

        struct Audit {
            let path: String
            let logGroup: String
            let range: String
            let time: Time
            let found: String
            let result: String
            let style: String
        }

        struct Source {
            let name: String
            let received: String
            let accepted: String
            let duplicate: String
            let rejected: String
            let last: Time?
            let isSilent: Bool
            let spark: String
        }

        let isWell: Bool
        let hasFindings: Bool
        let isEmpty: Bool
        let findings: [Finding]
        let perMinute: String
        let lag: String?
        let rejected: String
        let undefined: String
        let wide: String
        let narrow: String
        let chart: String
        let sum: String
        let sources: [Source]
        let checks: [Check]
        let audits: [Audit]
    }

    private func show(_ visit: Visit) async throws -> Response {
        let time = parts.now()
        let pipeline = try await parts.store.pipeline()
        let silent = parts.silence.silent(in: pipeline, now: time)
        let checks = await parts.readiness.checks()
        let start = time / Arrivals.length * Arrivals.length - (Self.minutes - 1) * Arrivals.length
        let arrivals = try await parts.store.arrivals(since: start)
        let audits = Self.standing(try await parts.store.audits(limit: Self.newest))
        let diagnoses = try await DoctorScreen.standing(parts.store)
        let failing = await connections().filter { $0.problem != nil }
        let findings =
            findings(pipeline, silent, checks) + failing.prefix(5).map(Self.finding)
            + audits.filter { !$0.isClean }.map(Self.finding)
            + diagnoses.filter { $0.counts.loss > 0 }.map(Self.finding)
        let content = Content(
            isWell: findings.isEmpty && pipeline.received > 0, hasFindings: !findings.isEmpty,
            isEmpty: pipeline.received == 0, findings: findings,
            perMinute: Self.perMinute(arrivals, start), lag: try await lag(), rejected: Show.count(pipeline.rejected),
            undefined: Show.count(pipeline.undefinedMeters.count), wide: PipelinePicture(pipeline: pipeline).wide,
            narrow: PipelinePicture(pipeline: pipeline).narrow, chart: Self.chart(arrivals, start),
            sum: "\(Show.count(pipeline.received)) = \(Show.count(pipeline.counted)) counted + "
                + "\(Show.count(pipeline.duplicate)) duplicate + \(Show.count(pipeline.cancelled)) cancelled + "
                + "\(Show.count(pipeline.undefined)) undefined + \(Show.count(pipeline.rejected)) rejected",
            sources: pipeline.sources.map { Self.source($0, silent, arrivals, start) },
            checks: checks.map { .init(name: $0.name, detail: Show.sentence($0.detail), isOK: $0.isOK) },
            audits: audits.prefix(Self.maximumAudits).map(Self.audit))
        return try pages.show(
            Page(title: "Overview", section: .overview, template: "overview", content: content), to: visit)
    }

    /// What somebody should look at, the worst first.
    private func findings(
        _ pipeline: Pipeline, _ silent: SilenceWatch.Silent, _ checks: [Readiness.Check]
    ) -> [Content.Finding] {
        var findings: [Content.Finding] = []
        for check in checks where !check.isOK {
            findings.append(
                .init(
                    style: "bad", title: "The check \(check.name) fails", detail: Show.sentence(check.detail),
                    path: Link("/overview").text + "#checks", action: "Checks"))
        }
        for source in pipeline.sources where silent.sources.contains(source.intake) {
            findings.append(
                .init(
                    style: "bad", title: "\(Show.text(SourceName.text(source.intake))) is silent",
                    detail: "It usually reports. Its usage may be missing from the bill until it reports again.",
                    path: Link("/overview").text + "#sources", action: "Sources"))
        }
        for meter in silent.meters.prefix(5) {
            findings.append(
                .init(
                    style: "bad", title: "The meter \(Show.text(meter.meterApiName)) is silent",
                    detail: "Its records usually come. An outage looks like zero usage.",
                    path: Link("/events", [("meter", meter.meterApiName)]).text, action: "Its events"))
        }
        for object in pipeline.sources where object.objects.failed > 0 {
            findings.append(
                .init(
                    style: "bad", title: "\(Show.count(object.objects.failed)) objects could not be read",
                    detail: "Each has a reason below failed-requests/ in \(Show.text(object.intake.name)). "
                        + "Their records are not billed.",
                    path: Link("/overview").text + "#sources", action: "Sources"))
        }
        let waiting = pipeline.rejected - pipeline.dismissedRejects - pipeline.expiredRejects
        if waiting > 0 {
            findings.append(
                .init(
                    style: "warn", title: "\(Show.count(waiting)) rejects wait",
                    detail: "They are not billed until they are edited.", path: Link("/rejects").text,
                    action: "Rejects"))
        }
        if !pipeline.undefinedMeters.isEmpty {
            findings.append(
                .init(
                    style: "warn", title: "\(Show.count(pipeline.undefinedMeters.count)) meters are not defined",
                    detail: "\(Show.count(pipeline.undefined)) records count as soon as they are.",
                    path: Link("/rejects").text + "#undefined", action: "Undefined meters"))
        }
        return findings
    }

    private static func finding(_ status: ConnectionStatus) -> Content.Finding {
        Content.Finding(
            style: "bad", title: "The connection \(Show.text(status.name)) fails",
            detail: Show.text(status.problem?.message ?? ""), path: Link("/connections").text, action: "Connections")
    }

    // MARK: - Audits

    /// What still holds: an audit is settled by a later one of the same log group over all of its range.
    private static func standing(_ audits: [StoredAudit]) -> [StoredAudit] {
        var standing: [StoredAudit] = []
        for audit in audits {
            let isSettled = standing.contains { later in
                isSame(later.account, audit.account) && isSame(later.logGroup, audit.logGroup)
                    && later.from <= audit.from && later.to >= audit.to
            }
            if !isSettled { standing.append(audit) }
        }
        return standing
    }

    private static func finding(_ audit: StoredAudit) -> Content.Finding {
        .init(
            style: "bad", title: "An audit of \(Show.text(audit.logGroup)) is not clean",
            detail: "\(AuditsScreen.result(audit)) in \(AuditsScreen.range(audit)).",
            path: AuditsScreen.path(audit), action: "The audit")
    }

    private static func audit(_ audit: StoredAudit) -> Content.Audit {
        .init(
            path: AuditsScreen.path(audit), logGroup: Show.name(audit.logGroup), range: AuditsScreen.range(audit),
            time: Time(audit.time), found: Show.count(audit.found), result: AuditsScreen.result(audit),
            style: audit.isClean ? "good" : "bad")
    }

    private static func finding(_ diagnosis: StoredDiagnosis) -> Content.Finding {
        let count = diagnosis.counts.loss
        return .init(
            style: "bad", title: "The doctor found \(Show.count(count)) loss\(count == 1 ? "" : "es")",
            detail: "Meters of \(DoctorScreen.name(diagnosis)) are being lost, or are not billed.",
            path: DoctorScreen.path(diagnosis), action: "The diagnosis")
    }

    /// The mean of the last five minutes, the one that runs included.
    private static func perMinute(_ arrivals: [Arrivals], _ start: Int64) -> String {
        let recent = arrivals.filter { $0.minute >= start + (minutes - 5) * Arrivals.length }
        let count = recent.reduce(0) { $0 + $1.received }
        // A fifth is a whole number of tenths, so that nothing is rounded.
        return Show.number(count % 5 == 0 ? "\(count / 5)" : "\(count / 5).\(count % 5 * 2)")
    }

    private static func chart(_ arrivals: [Arrivals], _ start: Int64) -> String {
        var counts: [Int64: Int] = [:]
        for arrival in arrivals { counts[arrival.minute, default: 0] += arrival.received }
        let bars = (0..<minutes).map { index in
            let minute = start + index * Arrivals.length
            let clock = String(Time.iso(minute).dropFirst(11).prefix(5))
            let count = counts[minute] ?? 0
            return Chart.Bar(
                label: clock, title: "\(clock) UTC: \(Show.count(count)) received", value: Double(count))
        }
        return Chart(title: "Records received by minute in the last hour", style: .bars, bars: bars).svg
    }

    /// From the log event, or the record's own time, to its arrival: the median of the newest records.
    private func lag() async throws -> String? {
        var query = EventQuery()
        query.limit = Self.newest
        let lags = try await parts.store.events(query).events.map { event in
            event.received - (event.record.source?.timestamp ?? event.record.meterTimeInMillis)
        }.sorted()
        return lags.isEmpty ? nil : Show.duration(milliseconds: lags[lags.count / 2])
    }

    private static func source(
        _ source: Pipeline.Source, _ silent: SilenceWatch.Silent, _ arrivals: [Arrivals], _ start: Int64
    ) -> Content.Source {
        var counts = [Double](repeating: 0, count: Int(minutes))
        for arrival in arrivals where arrival.intake == source.intake {
            let index = Int((arrival.minute - start) / Arrivals.length)
            if counts.indices.contains(index) { counts[index] = Double(arrival.received) }
        }
        return .init(
            name: Show.text(SourceName.text(source.intake)), received: Show.count(source.received),
            accepted: Show.count(source.received - source.duplicate - source.rejected),
            duplicate: Show.count(source.duplicate), rejected: Show.count(source.rejected),
            last: source.activity.map { Time($0.last) }, isSilent: silent.sources.contains(source.intake),
            spark: Chart.spark(counts, title: "by minute in the last hour"))
    }
}
