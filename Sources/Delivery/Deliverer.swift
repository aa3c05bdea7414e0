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

    /// Starts at zero.
    public init() {}
}

/// How far the delivery of a batch came.
public struct Delivery: Sendable {
    /// The figures of what is durable.
    public fileprivate(set) var report = DeliveryReport()
    /// Why it went no further; nil when everything is durable.
    public fileprivate(set) var error: DeliveryError?
    /// Whether the rejects that the batch came with are durable.
    fileprivate var hasRejects = false
    /// How many of the first records are durable: in the sink, with their manifest, or as rejects when it refused them.
    fileprivate var records = 0

    /// Whether all that came of a Kinesis record is durable.
    public func isDurable(_ source: Batch.Source) -> Bool {
        source.recordsEnd <= records && (hasRejects || !source.hasRejects)
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

    /// Stores everything of a batch durably, as far as it can.
    ///
    /// To deliver a batch again does no harm.
    ///
    /// A failure of one store keeps nothing from another: records go to the sink also when rejects cannot be kept.
    public func deliver(_ batch: Batch, deadline: ContinuousClock.Instant?) async -> Delivery {
        var delivery = Delivery()
        for index in batch.records.indices {
            guard await deliverPart(index, of: batch, deadline, &delivery) else { break }
        }
        delivery.hasRejects = await put(batch.rejects, deadline, &delivery)
        if delivery.hasRejects { delivery.report.rejected += batch.rejects?.lines ?? 0 }
        return delivery
    }

    /// Delivers one part of records with its manifest, and keeps the records that the sink refuses as rejects; whether
    /// all of it is done.
    private func deliverPart(
        _ index: Int, of batch: Batch, _ deadline: ContinuousClock.Instant?, _ delivery: inout Delivery
    ) async -> Bool {
        let part = batch.records[index]
        var outcome = await sink.deliver(part, deadline: deadline)
        delivery.fail(outcome.error)
        delivery.report.delivered += outcome.settled - outcome.refused.count
        if outcome.settled > 0 { delivery.report.count(part) }
        if await put(batch.rejects(of: outcome.refused, ofPart: index), deadline, &delivery) {
            delivery.report.rejected += outcome.refused.count
            delivery.report.refused += outcome.refused.count
        } else {
            // What stands before the first refused record is settled all the same.
            outcome.settled = outcome.refused.first?.index ?? 0
        }
        if await !put(batch.manifest(ofPart: index, outcome), deadline, &delivery) {
            // Only refused records need no place in a manifest.
            outcome.settled = zip(outcome.refused, 0...).prefix { $0.index == $1 }.count
        }
        delivery.records += outcome.settled
        return outcome.settled == part.lines
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
}

extension Batch {
    /// The rejects that records become when the sink refuses them.
    fileprivate func rejects(of refused: [RefusedLine], ofPart index: Int) -> Part? {
        var builder = PartBuilder(.rejects, scope: scope)
        for line in refused {
            let record = origins[index][line.index]
            var reject = Reject(
                reason: .refusedBySink, detail: "", tag: nil, ordinal: record.ordinal,
                source: .event(record.origin), timestamp: record.origin.timestamp, content: line.line)
            var identity: [UInt8] = []
            NDJSON.append(reject, to: &identity)
            // The answer may hold a time or a request's id; it must not make another object of the same refusal.
            reject.detail = line.answer
            var text: [UInt8] = []
            NDJSON.append(reject, to: &text)
            builder.append(text, lines: 1, at: [record.position], identity: identity)
        }
        return builder.finish()
    }

    /// The manifest of the records that the sink took.
    fileprivate func manifest(ofPart index: Int, _ outcome: PartDelivery) -> Part? {
        guard !manifests.isEmpty, outcome.settled > 0 else { return nil }
        let whole = manifests[index]
        if outcome.settled == whole.lines, outcome.refused.isEmpty { return whole }
        guard let text = try? whole.text() else { return whole }
        let refused = Set(outcome.refused.map(\.index))
        var builder = PartBuilder(.manifest, scope: scope)
        let lines = text.split(separator: UInt8(ascii: "\n")).prefix(outcome.settled)
        for (line, text) in lines.enumerated() where !refused.contains(line) {
            builder.append(text + [UInt8(ascii: "\n")], lines: 1, at: [origins[index][line].position])
        }
        return builder.finish()
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
