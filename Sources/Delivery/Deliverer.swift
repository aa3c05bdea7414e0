import Meter
import MeterLine

/// What became of a batch.
public struct DeliveryReport: Sendable {
    /// Records that are durable in the sink.
    public var delivered = 0
    /// Rejects that are durable in their store.
    public var rejected = 0
    /// Records that the sink refused; they are among `rejected`.
    public var refused = 0
    /// Bytes sent, as compressed.
    public var bytes = 0
    /// Objects stored or requests sent.
    public var parts = 0
}

/// Brings batches to where their records, rejects and manifests belong.
public struct Deliverer: Sendable {
    private let sink: any RecordSink
    private let rejects: any ObjectStore

    /// Makes a deliverer.
    ///
    /// - Parameter rejects: keeps rejects and manifests.
    public init(sink: any RecordSink, rejects: any ObjectStore) {
        self.sink = sink
        self.rejects = rejects
    }

    /// Stores everything of a batch durably before it returns.
    ///
    /// - Throws: `DeliveryError`; then the batch must not be acknowledged. To deliver it again does no harm.
    public func deliver(
        _ batch: Batch, deadline: ContinuousClock.Instant?
    ) async throws(DeliveryError) -> DeliveryReport {
        var report = DeliveryReport()
        var refusals = PartBuilder(.rejects, scope: batch.scope)
        for (index, part) in batch.records.enumerated() {
            let refused = try await sink.deliver(part, deadline: deadline)
            for line in refused {
                Self.append(line, of: batch, part: index, to: &refusals)
            }
            report.delivered += part.lines - refused.count
            report.refused += refused.count
            report.count(part)
        }
        for part in [batch.rejects, refusals.finish()].compactMap({ $0 }) {
            try await rejects.put(part, deadline: deadline)
            report.rejected += part.lines
            report.count(part)
        }
        if let manifest = batch.manifest {
            try await rejects.put(manifest, deadline: deadline)
            report.count(manifest)
        }
        return report
    }

    private static func append(
        _ refused: RefusedLine, of batch: Batch, part: Int, to builder: inout PartBuilder
    ) {
        let record = batch.origins[part][refused.index]
        var line: [UInt8] = []
        NDJSON.append(
            Reject(
                reason: .refusedBySink, detail: refused.answer, tag: nil, ordinal: record.ordinal,
                source: .event(record.origin), timestamp: record.origin.timestamp, content: refused.line),
            to: &line)
        builder.append(line, lines: 1, at: record.position)
    }
}

extension DeliveryReport {
    fileprivate mutating func count(_ part: Part) {
        parts += 1
        bytes += part.body.count
    }

    /// Adds another batch's figures.
    public mutating func add(_ other: DeliveryReport) {
        delivered += other.delivered
        rejected += other.rejected
        refused += other.refused
        bytes += other.bytes
        parts += other.parts
    }
}
