import Collection
import Delivery
import FoundationEssentials
import Gzip
import Meter
import MeterLine

/// What a sink that nobody can read has taken, as the manifests say: for each record its log event.
///
/// A manifest is written after the sink has taken the records of a part. It holds the identity of each, not what it says.
struct ManifestReceipts: Receipts {
    private static let maximumInflatedBytes = 64 << 20

    /// A line of a manifest.
    private struct Line: Decodable {
        struct Source: Decodable {
            var account: String
            var logGroup: String
            var logStream: String
            var eventId: String
            var ordinal: Int
        }

        var uniqueId: String
        var meterApiName: String
        var source: Source
    }

    private let listed = LineCounter()
    private var repairs: FindingDelivery?

    /// Reads the manifests that may be about the range.
    ///
    /// - Parameters:
    ///   - bucket: where manifests and rejects are.
    ///   - repairs: where missing records go; nil when they are not repaired.
    init(
        _ bucket: any Bucket, account: String, logGroup: String, times: Range<Int64>, now: Int64,
        repairs: FindingDelivery?, onObject: (Int) -> Void
    ) async throws {
        self.repairs = repairs
        try await bucket.readObjects(of: "manifest", about: times, now: now) { bytes, key, count in
            try read(bytes, key, account: account, logGroup: logGroup)
            onObject(count)
        }
    }

    private func read(_ bytes: [UInt8], _ key: String, account: String, logGroup: String) throws {
        var gunzip = Gunzip(limit: Self.maximumInflatedBytes)
        let decoder = JSONDecoder()
        do {
            let text = try gunzip.decompress(bytes.span) { MeterLine.bytes(of: $0) }
            for line in text.split(separator: UInt8(ascii: "\n")) {
                let entry = try decoder.decode(Line.self, from: Data(line))
                let source = entry.source
                guard source.account.utf8.elementsEqual(account.utf8),
                    source.logGroup.utf8.elementsEqual(logGroup.utf8)
                else { continue }
                let place = Fingerprint(
                    account: source.account, logGroup: source.logGroup, logStream: source.logStream,
                    eventId: source.eventId, ordinal: source.ordinal)
                _ = try listed.countBefore(Self.key(place, uniqueId: entry.uniqueId, meter: entry.meterApiName))
            }
        } catch {
            throw Failure(
                message: "the manifest \(key) cannot be read, so that it is unknown which records were taken: \(error)",
                code: .badData)
        }
    }

    private static func key(_ place: Fingerprint, uniqueId: String, meter: String) -> LineCounter.Key {
        let print = Fingerprint(["\(place.high) \(place.low)", uniqueId, meter])
        return LineCounter.Key(high: print.high, low: print.low)
    }

    /// Which records a range has is asked one by one.
    func received(_ times: Range<Int64>, limit: Int) async throws -> [AuditReceived]? { [] }

    /// Nobody edits what was rejected here.
    func rejects(_ times: Range<Int64>) async throws -> [AuditReject] { [] }

    func find(_ records: [AuditFound]) async throws -> [AuditAnswer] {
        try records.map { found in
            guard let record = found.record?.record else { return AuditAnswer(state: .missing) }
            let key = Self.key(found.place, uniqueId: record.uniqueId, meter: record.meterApiName)
            return AuditAnswer(state: try listed.count(key) > 0 ? .received : .missing)
        }
    }

    mutating func ingest(_ records: [FoundRecord]) async throws {
        guard var delivery = repairs else { return }
        let refused = delivery.report.refused
        try await delivery.append(records.map { .record($0) })
        try await delivery.flush()
        repairs = delivery
        // What the sink refused is a reject by now, and stays missing; which ones they are the next audit tells.
        guard delivery.report.refused == refused else { return }
        for finding in records.map(Finding.record) {
            guard let found = AuditFound(finding), let record = found.record?.record else { continue }
            _ = try listed.countBefore(
                Self.key(found.place, uniqueId: record.uniqueId, meter: record.meterApiName))
        }
    }
}
