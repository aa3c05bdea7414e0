import HTTPTypes
import Meter
import MeterLine
package import Store

/// Settles what was rejected: stores it once its line is mended, or lets it be.
package struct RejectEditor: Sendable {
    private let records: any Store
    private let hub: EventHub
    private let now: @Sendable () -> Int64

    init(store: any Store, hub: EventHub, now: @escaping @Sendable () -> Int64) {
        records = store
        self.hub = hub
        self.now = now
    }

    /// Reads a line in a reject's place and stores what it holds.
    ///
    /// - Throws: `APIError`: 422 when the line is still no valid record, 409 when the reject was resolved before;
    ///   nothing is stored then.
    package func store(_ line: [UInt8], for reject: StoredReject, who: String) async throws -> IntakeResult {
        let batch = try Self.batch(line, reject, time: now())
        let result = try await Self.resolve(reject.id, batch, who: who, records)
        hub.announce()
        return result
    }

    /// Settles a reject that needs no fixing.
    ///
    /// - Throws: `APIError` when the reason is empty or too long; `StoreError` when it was settled before.
    package func dismiss(_ id: Int64, reason: String, who: String) async throws -> StoredReject {
        guard reason.contains(where: { !$0.isWhitespace }) else {
            throw APIError(.badRequest, "reason is empty; say why this line needs no fixing")
        }
        let reason = try MeterInput.description(reason) ?? ""
        return try await records.dismiss(id, reason: reason, who: who, time: now())
    }

    private static func batch(_ line: [UInt8], _ reject: StoredReject, time: Int64) throws(APIError) -> IntakeBatch {
        let batch: IntakeBatch
        do throws(IngestReader.Unreadable) {
            batch = try IntakeBatch(
                line, reject.format == .csv ? .csv : .json, intake: IntakeName(kind: .retry, name: "edited rejects"),
                time: time, reader: IngestReader(maximumRecords: IngestRoutes.maximumRecords))
        } catch {
            throw APIError(.unprocessableContent, error.description)
        }
        guard !batch.items.isEmpty else { throw APIError(.unprocessableContent, "the line holds no record") }
        var edited = batch
        edited.items = []
        for item in batch.items {
            switch item {
            case .reject(let reject):
                throw APIError(.unprocessableContent, "\(reject.reason.rawValue): \(reject.detail)")
            case .record(var record, let line):
                // An edited line comes from the log event of the line that was rejected.
                record.source = record.source ?? reject.source
                edited.items.append(.record(record, line: line))
            }
        }
        return edited
    }

    private static func resolve(
        _ id: Int64, _ batch: IntakeBatch, who: String, _ store: any Store
    ) async throws -> IntakeResult {
        do {
            return try await store.resolve(id, with: batch, who: who)
        } catch  where error.kind == .invalid {
            throw APIError(.unprocessableContent, error.description)
        }
    }
}
