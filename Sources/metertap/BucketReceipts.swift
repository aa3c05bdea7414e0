import Collection
import Delivery
import Gzip
import Meter
import MeterLine

/// What a bucket holds of a log group.
struct BucketReceipts: Receipts {
    private static let maximumInflatedBytes = 64 << 20

    private let held: HeldRecords
    private var repairs: FindingDelivery?

    /// Reads the bucket: all objects that may hold records of the range.
    ///
    /// - Parameters:
    ///   - repairs: where missing records go; nil when they are not repaired.
    init(
        _ bucket: any Bucket, account: String, logGroup: String, times: Range<Int64>, now: Int64,
        repairs: FindingDelivery?, onObject: (Int) -> Void
    ) async throws {
        held = HeldRecords(account: account, logGroup: logGroup, times: times)
        self.repairs = repairs
        try await bucket.readObjects(of: "ingest/records", about: times, now: now) { bytes, key, count in
            try Self.read(bytes, key, into: held)
            onObject(count)
        }
    }

    private static func read(_ bytes: [UInt8], _ key: String, into held: HeldRecords) throws {
        var gunzip = Gunzip(limit: maximumInflatedBytes)
        var failure: (any Error)?
        var ignored: [[UInt8]: Int] = [:]
        do {
            let text =
                key.hasSuffix(".gz") ? try gunzip.decompress(bytes.span) { MeterLine.bytes(of: $0) } : bytes
            var quick = QuickReceivedReader()
            try IngestReader().read(text, format: .json, ignoredKeys: &ignored) { text, line in
                guard failure == nil, let record = quick.read(text, line) else { return false }
                do { try held.add(record) } catch { failure = error }
                return true
            } _: { item, line in
                guard failure == nil, case .record(let record) = item else { return }
                do { try record.withPlaces(line: line) { try held.add($0) } } catch { failure = error }
            }
        } catch {
            throw Failure(
                message: "the object \(key) cannot be read, so that its records are unknown: \(error)", code: .badData)
        }
        if let failure { throw failure }
    }

    func received(_ times: Range<Int64>, limit: Int) async throws -> [AuditReceived]? {
        try held.received(times, limit: limit)
    }

    /// A bucket of records has no rejects; where they are, nothing is edited.
    func rejects(_ times: Range<Int64>) async throws -> [AuditReject] { [] }

    func find(_ records: [AuditFound]) async throws -> [AuditAnswer] { try records.map { try held.find($0) } }

    mutating func ingest(_ records: [FoundRecord]) async throws {
        guard var delivery = repairs else { return }
        try await delivery.append(records.map { .record($0) })
        try await delivery.flush()
        repairs = delivery
        for record in records {
            var line: [UInt8] = []
            NDJSON.append(record, provenance: true, to: &line)
            var ignored: [[UInt8]: Int] = [:]
            var failure: (any Error)?
            try IngestReader().read(line, format: .json, ignoredKeys: &ignored) { item, _ in
                guard case .record(var received) = item else { return }
                // Known by its identity; its place was passed by already.
                received.source = nil
                do { try received.withPlaces { try held.add($0) } } catch { failure = error }
            }
            if let failure { throw failure }
        }
    }
}
