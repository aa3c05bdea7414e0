package import Delivery
import Meter
import MeterLine

/// Brings what waits in a bucket once more through the pipeline: first as a plan, then object by object.
///
/// Identities and the names of objects are made of what there is, so that to do it again changes nothing. An object is
/// finished only when everything in it is durable, so that a crash leaves it waiting.
package struct Redriver: Sendable {
    /// What becomes of an object once everything in it is durable.
    package enum Ending: Sendable {
        /// It is kept below `redriven/`.
        case moved
        /// It is deleted.
        case deleted
        /// It is left where it is, and waits still.
        case kept
    }

    let bucket: any Bucket
    /// What stands before each key: the bucket's prefix, or the directory's path.
    let context: String
    let parts: DeliveryParts
    private let agent: Agent

    /// - Parameters:
    ///   - bucket: what holds what waits.
    ///   - context: what stands before each key: the bucket's prefix, or the directory's path.
    ///   - parts: reads and takes what is delivered again.
    package init(bucket: any Bucket, context: String, parts: DeliveryParts) {
        self.bucket = bucket
        self.context = context
        self.parts = parts
        agent = Agent(
            reader: parts.reader, sink: parts.sink, rejects: parts.rejects, provenance: parts.provenance)
    }

    /// Delivers what is in an object, and finishes it when all of that is durable.
    ///
    /// - Returns: the figures, and whether the object is finished.
    /// - Throws: `DeliveryError`, and what the bucket throws. To do it again does no harm.
    package func carryOut(
        _ planned: RedriveItem, ending: Ending
    ) async throws -> (figures: RedriveFigures, isFinished: Bool) {
        guard planned.state == .ready else { return (RedriveFigures(), false) }
        var item = RedriveItem(planned.object, planned.kind)
        let isDone: Bool
        switch item.kind {
        case .streamFailure, .directFailure: isDone = try await redrive(failure: &item)
        case .rejects: isDone = try await redrive(rejects: &item)
        case .failedRequest: isDone = try await redrive(failedRequest: &item)
        }
        if isDone { try await finish(item.object, ending) }
        return (item.found, isDone)
    }

    private func finish(_ object: BucketObject, _ ending: Ending) async throws {
        switch ending {
        case .moved: try await bucket.move(object, to: WaitingKind.doneFolder + object.key)
        case .deleted: try await bucket.delete(object.key)
        case .kept: break
        }
    }

    private func redrive(failure item: inout RedriveItem) async throws -> Bool {
        let text = try await ObjectText.document(item.object, of: bucket)
        guard let event = FailureRecord(text)?.event else { return false }
        let outcome = try await agent.deliver(event)
        item.found.events = outcome.accounting.events
        item.found.records = outcome.accounting.records
        item.found.rejects = outcome.accounting.rejected
        item.found.add(outcome.report)
        if let error = outcome.error { throw error }
        return true
    }

    private func redrive(rejects item: inout RedriveItem) async throws -> Bool {
        let written = WrittenKeys(parts.rejects)
        var delivery = FindingDelivery(
            lineReader: parts.reader, sink: parts.sink, rejects: written, provenance: parts.provenance)
        try await readRejects(&item) { try await delivery.append($0) }
        try await delivery.flush()
        item.found.add(delivery.report)
        // What is rejected just as before stands under the same name: it is this very object.
        let path = "\(context)/\(item.object.key)".split(separator: "/").joined(separator: "/")
        return !written.contains("/\(path)")
    }

    private func redrive(failedRequest item: inout RedriveItem) async throws -> Bool {
        let lines = try await failedLines(&item)
        // The name tells the request, so that the same records that fail once more are another object.
        var delivery = LineDelivery(sink: parts.sink, scope: ["failed request", item.object.key])
        for record in lines { try await delivery.append(record.line, time: record.time) }
        try await delivery.flush()
        item.found.records = lines.count
        item.found.add(delivery.report)
        item.found.left = delivery.refused + item.found.rejects
        return item.found.left == 0
    }
}
