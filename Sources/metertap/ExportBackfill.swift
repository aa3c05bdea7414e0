import AWS
import ArgumentParser
import Collection
import Delivery
import Gzip
import HTTP
import MeterLine

/// Brings the records of an export of CloudWatch Logs to a sink, without those that it received by another way.
///
/// An export tells no event ids. So its log events are put into the order of time and compared with what was received, as
/// an audit compares those of CloudWatch Logs; what is missing is delivered.
struct ExportBackfill {
    private static let chunkBytes = 4 << 20

    private let command: BackfillCommand
    private let target: BackfillTarget
    private let export: String
    private let logGroup: String
    private let range: Range<Int64>

    init(
        _ command: BackfillCommand, _ target: BackfillTarget, _ range: Range<Int64>, export: String, logGroup: String
    ) {
        self.command = command
        self.target = target
        self.range = range
        self.export = export
        self.logGroup = CloudWatchLogsClient.LogGroup.name(of: logGroup)
    }

    func run() async throws {
        let bucket = try Location(export, setting: "--export").bucket(target.session, setting: "--export")
        var rejects = try await target.delivery()
        let account = try await account()
        var checkpoint = try target.checkpoint(
            command.checkpoint, work: [account, logGroup, rejects.sinkName, bucket.name])
        let events = ExportedEvents(
            lineReader: rejects.lineReader, account: account, logGroup: logGroup, range: range)
        let read = try await read(bucket, into: events, &rejects)
        var result = Result(account: account, events: events, objects: read.objects, bytes: read.bytes)
        do {
            if let times = events.times {
                switch target.sink {
                case .ingest:
                    let client = try await PlatformClient(sink: target).forLongWork()
                    try await compare(
                        times, PlatformReceipts(client: client, account: account, logGroup: logGroup), &checkpoint,
                        &result)
                case .bucket, .directory:
                    try await compare(
                        times, try await bucketReceipts(account, times), &checkpoint, &result)
                case .standardOutput:
                    try await compare(times, UncheckedReceipts(delivery: rejects), &checkpoint, &result)
                }
            }
        } catch {
            report(result, rejects.report, checkpoint, isComplete: false)
            throw Failure.brokenOff(error)
        }
        checkpoint.remove()
        report(result, rejects.report, checkpoint, isComplete: true)
        if result.notTaken > 0 {
            throw Failure(
                message: "\(Display.count(result.notTaken)) records were not taken; metertap rejects list shows why",
                code: .badData)
        }
    }

    /// The account of the log group, which is a part of identities.
    private func account() async throws -> String {
        if let account = command.account { return account }
        return try await LogRange.find(logGroup, try CloudWatchLogsClient(target.session), canBeRead: false).account
    }

    // MARK: - Reading

    /// Reads all objects, and delivers what is no valid record.
    private func read(
        _ bucket: any Bucket, into events: ExportedEvents, _ rejects: inout FindingDelivery
    ) async throws -> (objects: Int, bytes: Int) {
        let keys = try await bucket.list("", limit: .max).objects.map(\.key)
        let objects = keys.compactMap { key in ExportObject(key: "task/\(key)").map { (key, $0) } }
        guard !objects.isEmpty else {
            throw Failure(
                message: "\(bucket.name) holds no export: its objects are named <task id>/<log stream>/000000.gz",
                code: .configuration)
        }
        var progress = ProgressLine()
        defer { progress.clear() }
        var bytes = 0
        for (index, (key, object)) in objects.enumerated() {
            do {
                var reading = ExportedEvents.Reading(object)
                var position = 0
                while true {
                    let chunk = try await bucket.get(key, position..<position + Self.chunkBytes)
                    try await rejects.append(try events.read(chunk.span, &reading))
                    position += chunk.count
                    if chunk.count < Self.chunkBytes { break }
                }
                try await rejects.append(try events.finish(reading))
                bytes += position
            } catch let error where error is GzipError || error is ExportLines.Problem {
                throw Failure(
                    message: "the object \(key) of the export cannot be read, so that nothing was delivered: \(error)",
                    code: .badData)
            }
            let left = Display.timeLeft(done: Int64(index + 1), of: Int64(objects.count), progress.seconds)
            progress.show(
                "\(index + 1) of \(objects.count) objects read, \(Display.count(events.accounting.records)) records\(left)"
            )
        }
        try await rejects.flush()
        return (objects.count, bytes)
    }

    // MARK: - Comparing

    private struct Result {
        let account: String
        let events: ExportedEvents
        let objects: Int
        let bytes: Int
        var delivered = 0
        var received = 0
        var notTaken = 0

        mutating func add(_ counts: AuditCounts) {
            delivered += counts.repaired
            notTaken += counts[.missing] - counts.repaired
            received += counts.found - counts[.missing]
        }
    }

    private func bucketReceipts(_ account: String, _ times: Range<Int64>) async throws -> BucketReceipts {
        var progress = ProgressLine()
        defer { progress.clear() }
        return try await BucketReceipts(
            try target.sink.bucket(target.session, setting: "--sink"), account: account, logGroup: logGroup,
            times: times,
            now: UnixTime.now().milliseconds, repairs: try await target.delivery()
        ) { count in progress.show("\(Display.count(count)) objects of the sink read") }
    }

    private func compare(
        _ times: Range<Int64>, _ receipts: some Receipts, _ checkpoint: inout CheckpointFile, _ result: inout Result
    ) async throws {
        var audit = Audit(reader: result.events, target: receipts, repairs: true, expiresBefore: 0)
        defer { result.add(audit.counts) }
        var progress = ProgressLine()
        defer { progress.clear() }
        let isKept = target.sink != .standardOutput
        for part in checkpoint.missing(of: times) {
            try await audit.run(part) { state in
                if isKept { try checkpoint.settleWindow(state.window) }
                let done = part.lowerBound + state.done - times.lowerBound
                let left = Display.timeLeft(done: state.done, of: state.total, progress.seconds)
                progress.show("\(done * 100 / Int64(times.count)) %  compared and delivered\(left)")
            } onLine: { _ in
            }
        }
    }

    private func report(
        _ result: Result, _ rejects: DeliveryReport, _ checkpoint: CheckpointFile, isComplete: Bool
    ) {
        target.report { object, line in
            object.literal("complete", isComplete ? "true" : "false", &line)
            object.literal("resumed", checkpoint.isResumed ? "true" : "false", &line)
            object.member("account", result.account, &line)
            object.member("logGroup", logGroup, &line)
            object.member("objects", result.objects, &line)
            object.member("bytesRead", result.bytes, &line)
            object.member("outsideRange", result.events.outside, &line)
            NDJSON.appendMembers(of: result.events.accounting, namesIgnoredKeys: true, to: &object, &line)
            object.member("alreadyReceived", result.received, &line)
            object.member("delivered", result.delivered, &line)
            object.member("notTaken", result.notTaken, &line)
            object.member("rejected", rejects.rejected, &line)
        }
    }
}

/// Records on their way to where nobody can be asked what was received.
private struct UncheckedReceipts: Receipts {
    var delivery: FindingDelivery
    private var written: Set<Fingerprint> = []

    init(delivery: FindingDelivery) {
        self.delivery = delivery
    }

    func received(_ times: Range<Int64>, limit: Int) async throws -> [AuditReceived]? { [] }

    func rejects(_ times: Range<Int64>) async throws -> [AuditReject] { [] }

    func find(_ records: [AuditFound]) async throws -> [AuditAnswer] {
        records.map { AuditAnswer(state: written.contains($0.place) ? .received : .missing) }
    }

    mutating func ingest(_ records: [FoundRecord]) async throws {
        try await delivery.append(records.map { .record($0) })
        try await delivery.flush()
        written = Set(records.compactMap { AuditFound(.record($0))?.place })
    }
}
