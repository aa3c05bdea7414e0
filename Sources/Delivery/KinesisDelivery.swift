public import AWS
import FoundationEssentials
public import HTTP
public import MeterLine

/// Brings what consecutive Kinesis records hold to where it belongs: those of a Lambda event, or those that a collector
/// has read from a shard.
public struct KinesisDelivery: Sendable {
    /// How far a delivery came.
    public struct Outcome: Sendable {
        /// How many of the first records are durable, with everything that was found in them.
        public var acknowledged = 0
        /// What was found in the records that were read.
        public var accounting = Accounting()
        /// What became of it.
        public var report = DeliveryReport()
        /// Why it went no further; nil when all records are durable.
        public var error: DeliveryError?
        /// The figures of the first batches, as far as everything in them is durable: what a retry need not repeat.
        public var whole = Whole()
    }

    /// The figures of batches in which everything is durable: `accounting.found` = `report.delivered` +
    /// `report.rejected`.
    public struct Whole: Sendable {
        /// How many Kinesis records there were.
        public var count = 0
        /// What was found in them.
        public var accounting = Accounting()
        /// What became of it.
        public var report = DeliveryReport()
    }

    /// The address of the sink, for people; empty where nobody asks.
    public let sinkName: String
    private let lineReader: LineReader
    private let deliverer: Deliverer
    private let format: BatchFormat
    private let cores: Int

    /// - Parameter cores: how many cores there are for the envelopes. What comes of them is the same with any number.
    init(lineReader: LineReader, deliverer: Deliverer, format: BatchFormat, cores: Int, sinkName: String = "") {
        self.lineReader = lineReader
        self.deliverer = deliverer
        self.format = format
        self.cores = cores
        self.sinkName = sinkName
    }

    /// Delivers to a sink.
    ///
    /// - Parameters:
    ///   - rejects: keeps rejects, and manifests where the records do not tell their log events.
    ///   - provenance: whether each record says which log event it comes from.
    ///   - cores: how many cores there are for the envelopes. What comes of them is the same with any number.
    public init(
        lineReader: LineReader, sink: any RecordSink, rejects: any ObjectStore, provenance: Bool, cores: Int = 1
    ) {
        self.init(
            lineReader: lineReader, deliverer: Deliverer(sink: sink, rejects: rejects),
            format: BatchFormat(provenance: provenance, maximumRecords: sink.maximumRecords), cores: cores,
            sinkName: sink.name)
    }

    /// Delivers as settings say.
    ///
    /// - Throws: `SettingError`, `InvalidTag`, `AWSError`.
    public init(settings: AgentSettings, session: AWSSession, transport: any HTTPTransport) async throws {
        let parts = try await DeliveryParts(settings, session, transport)
        self.init(
            lineReader: parts.reader, sink: parts.sink, rejects: parts.rejects, provenance: parts.provenance,
            cores: settings.hasSeveralCores ? ProcessInfo.processInfo.activeProcessorCount : 1)
    }

    /// Reads records, batch after batch, and stores what they hold, until all is durable or something fails.
    ///
    /// To deliver records again does no harm.
    ///
    /// - Parameters:
    ///   - records: in the order of the shard; several shards one after the other.
    ///   - event: the bytes in which the data of the records stands.
    public func deliver(
        _ records: [LambdaEvent.KinesisRecord], of event: [UInt8], deadline: ContinuousClock.Instant?
    ) async -> Outcome {
        let envelopes = KinesisEnvelopes(records: records, event: event, lineReader: lineReader, format: format)
        return await withTaskGroup { group in
            let outcome = await deliver(envelopes, &group, deadline)
            group.cancelAll()
            return outcome
        }
    }

    private func deliver(
        _ envelopes: KinesisEnvelopes, _ group: inout KinesisReader.Group, _ deadline: ContinuousClock.Instant?
    ) async -> Outcome {
        let records = envelopes.records
        var outcome = Outcome()
        var reader = KinesisReader(envelopes, cores: cores)
        var next = 0
        var maximum = records.count
        while next < records.count, outcome.error == nil {
            let range = next..<min(records.count, next + maximum)
            let (batch, end, accounting) = await read(range, of: records, &reader, &group, deadline)
            guard end > next else {
                outcome.error = DeliveryError(.deadline, "the invocation's time was over before all records were read")
                break
            }
            let delivery = await deliverer.deliver(batch, deadline: deadline)
            if let error = delivery.error, error.kind == .tooLarge, end - next > 1 {
                maximum = (end - next) / 2
                continue
            }
            outcome.accounting.add(accounting)
            outcome.report.add(delivery.report)
            outcome.error = delivery.error
            next += batch.sources.prefix { delivery.isDurable($0) }.count
            guard delivery.error == nil else { continue }
            outcome.whole.count = next
            outcome.whole.accounting.add(accounting)
            outcome.whole.report.add(delivery.report)
        }
        outcome.acknowledged = next
        return outcome
    }

    /// Reads Kinesis records, of which there is one at least, into one batch, until it is large enough or the shard
    /// changes.
    private func read(
        _ range: Range<Int>, of records: [LambdaEvent.KinesisRecord], _ reader: inout KinesisReader,
        _ group: inout KinesisReader.Group, _ deadline: ContinuousClock.Instant?
    ) async -> (Batch, end: Int, Accounting) {
        var accounting = Accounting()
        let first = records[range.lowerBound]
        var builder = BatchBuilder(format: format, scope: [first.stream, first.shard])
        // Half of the time is for delivery: what was read but not delivered would only be read again.
        let readingDeadline = deadline.map { $0 - max(.zero, ContinuousClock.now.duration(to: $0)) / 2 }
        var index = range.lowerBound
        while index < range.upperBound, builder.uncompressedBytes < BatchBuilder.closingBytes {
            let record = records[index]
            guard record.stream == first.stream, record.shard == first.shard else { break }
            if let limit = index == range.lowerBound ? deadline : readingDeadline, ContinuousClock.now >= limit {
                break
            }
            let position = Position(name: record.sequenceNumber, time: record.arrival ?? 0)
            accounting.add(await reader.read(index, into: &builder, at: position, &group))
            builder.endSource()
            index += 1
        }
        return (builder.finish(), index, accounting)
    }
}
