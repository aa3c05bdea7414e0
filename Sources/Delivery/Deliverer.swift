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

/// How far the delivery of a batch came.
public struct Delivery: Sendable {
    /// The figures of what is durable.
    public fileprivate(set) var report = DeliveryReport()
    /// Why it went no further; nil when everything is durable.
    public fileprivate(set) var error: DeliveryError?
    /// Whether the rejects that the batch came with are durable.
    fileprivate var hasRejects = false
    /// Whether the manifest is durable.
    fileprivate var hasManifest = false
    /// How many of the first records are durable: in the sink, or as rejects when the sink refused them.
    fileprivate var records = 0

    /// Whether all that came of a Kinesis record is durable.
    public func isDurable(_ source: Batch.Source) -> Bool {
        source.recordsEnd <= records && (hasManifest || !source.hasRecords) && (hasRejects || !source.hasRejects)
    }

    /// Keeps the first error, but for one that is mended by smaller batches.
    fileprivate mutating func fail(_ error: DeliveryError?) {
        if self.error == nil || error?.kind == .tooLarge { self.error = error ?? self.error }
    }
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

    /// Stores everything of a batch durably, as far as it can. To deliver a batch again does no harm.
    ///
    /// A failure of one store keeps nothing from another: records go to the sink also when rejects cannot be kept.
    public func deliver(_ batch: Batch, deadline: ContinuousClock.Instant?) async -> Delivery {
        var delivery = Delivery()
        // The manifest comes first: what it names and the sink does not have yet is found missing by an audit; what the
        // sink has and no manifest names could not be audited at all.
        delivery.hasManifest = await put(batch.manifest, deadline, &delivery)
        for (index, part) in batch.records.enumerated() {
            guard await deliver(part, index, of: batch, deadline, &delivery) else { break }
        }
        delivery.hasRejects = await put(batch.rejects, deadline, &delivery)
        if delivery.hasRejects { delivery.report.rejected += batch.rejects?.lines ?? 0 }
        return delivery
    }

    /// Delivers one part of records, and keeps those that the sink refuses; whether all of it is settled.
    private func deliver(
        _ part: Part, _ index: Int, of batch: Batch, _ deadline: ContinuousClock.Instant?, _ delivery: inout Delivery
    ) async -> Bool {
        let outcome = await sink.deliver(part, deadline: deadline)
        delivery.fail(outcome.error)
        delivery.report.delivered += outcome.settled - outcome.refused.count
        if outcome.settled > 0 { delivery.report.count(part) }
        var refusals = PartBuilder(.rejects, scope: batch.scope)
        for line in outcome.refused { Self.append(line, of: batch, part: index, to: &refusals) }
        let kept = refusals.finish()
        guard await put(kept, deadline, &delivery) else { return false }
        delivery.report.rejected += kept?.lines ?? 0
        delivery.report.refused += kept?.lines ?? 0
        delivery.records += outcome.settled
        return outcome.error == nil
    }

    /// Stores a part beside the records, if there is one; whether that is done.
    private func put(
        _ part: Part?, _ deadline: ContinuousClock.Instant?, _ delivery: inout Delivery
    ) async -> Bool {
        guard let part else { return true }
        do throws(DeliveryError) {
            try await rejects.put(part, deadline: deadline)
        } catch {
            delivery.fail(error)
            return false
        }
        delivery.report.count(part)
        return true
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
