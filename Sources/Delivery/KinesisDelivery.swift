public import AWS
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

    /// - Parameter cores: how many cores there are. The records that come of an event are the same with any number.
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
    ///   - cores: how many cores there are. The records that come of an event are the same with any number.
    public init(
        lineReader: LineReader, sink: any RecordSink, rejects: any ObjectStore, provenance: Bool, cores: Int = 1
    ) {
        self.init(
            lineReader: lineReader, deliverer: Deliverer(sink: sink, rejects: rejects),
            format: BatchFormat(provenance: provenance, of: sink), cores: cores,
            sinkName: sink.name)
    }

    /// Delivers as settings say.
    ///
    /// - Throws: `SettingError`, `InvalidTag`, `AWSError`.
    public init(settings: AgentSettings, session: AWSSession, transport: any HTTPTransport) async throws {
        let parts = try await DeliveryParts(settings, session, transport)
        self.init(
            lineReader: parts.reader, sink: parts.sink, rejects: parts.rejects, provenance: parts.provenance,
            cores: settings.cores)
    }

    /// Reads records and stores what they hold, until all is durable or something fails.
    ///
    /// With several cores what stands behind the record that failed may be durable too. To deliver records again does no
    /// harm.
    ///
    /// - Parameters:
    ///   - records: in the order of the shard; several shards one after the other.
    ///   - event: the bytes in which the data of the records stands.
    public func deliver(
        _ records: [LambdaEvent.KinesisRecord], of event: [UInt8], deadline: ContinuousClock.Instant?
    ) async -> Outcome {
        var schedule = schedule(records, of: event, deadline: deadline)
        await withTaskGroup(of: KinesisSchedule.Done.self) { group in
            let envelopes = schedule.envelopes
            while true {
                while let step = schedule.next(at: .now) {
                    group.addTask { await perform(step, of: envelopes, deadline) }
                }
                guard let done = await group.next() else { return }
                schedule.take(done, at: .now)
            }
        }
        return schedule.outcome
    }

    /// What is to be done with records.
    package func schedule(
        _ records: [LambdaEvent.KinesisRecord], of event: [UInt8], deadline: ContinuousClock.Instant?
    ) -> KinesisSchedule {
        let envelopes = KinesisEnvelopes(records: records, event: event, lineReader: lineReader, format: format)
        return KinesisSchedule(envelopes, cores: cores, deadline: deadline, at: .now)
    }

    /// Does one step of a schedule.
    package func perform(
        _ step: KinesisSchedule.Step, of envelopes: KinesisEnvelopes, _ deadline: ContinuousClock.Instant?
    ) async -> KinesisSchedule.Done {
        switch step {
        case .read(let run): .read(run, envelopes.read(run, deadline: deadline))
        case .deliver(let piece): .delivered(piece, await deliver(piece, of: envelopes, deadline))
        }
    }

    private func deliver(
        _ piece: KinesisSchedule.Piece, of envelopes: KinesisEnvelopes, _ deadline: ContinuousClock.Instant?
    ) async -> Outcome {
        guard let found = piece.found else { return await deliverInTurn(piece.range, of: envelopes, deadline) }
        let batch = batch(of: found, in: piece.range, of: envelopes)
        let delivery = await deliverer.deliver(batch, deadline: deadline)
        if delivery.error?.kind == .tooLarge, found.count > 1 {
            return await deliverInTurn(piece.range, of: envelopes, deadline, maximum: found.count / 2)
        }
        var outcome = Outcome()
        outcome.add(delivery, of: batch, found.reduce(into: Accounting()) { $0.add($1.accounting) })
        return outcome
    }

    private func batch(
        of found: [KinesisEnvelopes.Found], in range: Range<Int>, of envelopes: KinesisEnvelopes
    ) -> Batch {
        var builder = envelopes.builder(for: range.lowerBound)
        for (index, found) in zip(range, found) {
            builder.append(found.lines, at: envelopes.position(index))
            builder.endSource()
        }
        return builder.finish()
    }

    /// Reads records of one shard one after the other, and delivers them batch after batch, in memory that does not depend
    /// on what they hold.
    ///
    /// - Parameter maximum: how many records a batch may hold.
    private func deliverInTurn(
        _ range: Range<Int>, of envelopes: KinesisEnvelopes, _ deadline: ContinuousClock.Instant?,
        maximum: Int = .max
    ) async -> Outcome {
        var outcome = Outcome()
        var reader = EnvelopeReader(lineReader: lineReader)
        var maximum = min(maximum, range.count)
        while outcome.acknowledged < range.count, outcome.error == nil {
            let rest = range.dropFirst(outcome.acknowledged).prefix(maximum)
            let (batch, accounting) = read(rest, of: envelopes, &reader, deadline)
            guard !batch.sources.isEmpty else {
                outcome.error = DeliveryError(.deadline, "the invocation's time was over before all records were read")
                break
            }
            let delivery = await deliverer.deliver(batch, deadline: deadline)
            if delivery.error?.kind == .tooLarge, batch.sources.count > 1 {
                maximum = batch.sources.count / 2
            } else {
                outcome.add(delivery, of: batch, accounting)
            }
        }
        return outcome
    }

    /// Reads records into one batch until it is large enough.
    private func read(
        _ range: Range<Int>, of envelopes: KinesisEnvelopes, _ reader: inout EnvelopeReader,
        _ deadline: ContinuousClock.Instant?
    ) -> (Batch, Accounting) {
        var accounting = Accounting()
        var builder = envelopes.builder(for: range.lowerBound)
        // Half of the time is for delivery: what was read but not delivered would only be read again.
        let readingDeadline = deadline.map { $0 - max(.zero, ContinuousClock.now.duration(to: $0)) / 2 }
        for index in range {
            if let limit = index == range.lowerBound ? deadline : readingDeadline, ContinuousClock.now >= limit {
                break
            }
            builder.move(to: envelopes.position(index))
            accounting.add(
                builder.fill { lines, whenGrown in envelopes.read(index, &reader, into: &lines, whenGrown: whenGrown) })
            builder.endSource()
            if builder.uncompressedBytes >= BatchBuilder.closingBytes { break }
        }
        return (builder.finish(), accounting)
    }
}

extension KinesisDelivery.Outcome {
    /// Adds what came of the next batch.
    fileprivate mutating func add(_ delivery: Delivery, of batch: Batch, _ found: Accounting) {
        accounting.add(found)
        report.add(delivery.report)
        error = delivery.error
        acknowledged += batch.sources.prefix { delivery.isDurable($0) }.count
        guard error == nil else { return }
        whole.count = acknowledged
        whole.accounting.add(found)
        whole.report.add(delivery.report)
    }

    /// Adds what came of the records from one on; those before it have been added.
    mutating func add(_ other: Self, from start: Int) {
        accounting.add(other.accounting)
        report.add(other.report)
        error = error ?? other.error
        if acknowledged == start { acknowledged += other.acknowledged }
        guard whole.count == start else { return }
        whole.count += other.whole.count
        whole.accounting.add(other.whole.accounting)
        whole.report.add(other.whole.report)
    }
}
