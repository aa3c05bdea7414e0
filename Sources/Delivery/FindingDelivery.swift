public import AWS
public import HTTP
public import MeterLine

/// Delivers findings that a source hands on bit by bit, in batches, to where an agent of the same settings would deliver
/// them: the same sink, the same rejects and manifests, the same identities.
public struct FindingDelivery: Sendable {
    /// So many findings are delivered together.
    private static let findingsOfBatch = 10_000
    /// So many bytes of rejects are delivered together.
    private static let rejectedBytesOfBatch = 8 << 20

    /// What reads messages.
    public let lineReader: LineReader
    /// The address of the sink, for people.
    public let sinkName: String
    /// What became of the findings so far.
    public private(set) var report = DeliveryReport()

    private let deliverer: Deliverer
    private let format: BatchFormat
    /// What is not delivered yet.
    private var waiting: FoundLines
    /// The log event of the finding that was taken last.
    private var lastEvent: String?

    /// Delivers to a sink.
    ///
    /// - Parameters:
    ///   - rejects: keeps rejects, and manifests where the records do not tell their log events.
    ///   - provenance: whether each record says which log event it comes from.
    public init(lineReader: LineReader, sink: any RecordSink, rejects: any ObjectStore, provenance: Bool) {
        self.lineReader = lineReader
        sinkName = sink.name
        deliverer = Deliverer(sink: sink, rejects: rejects)
        format = BatchFormat(provenance: provenance, of: sink)
        var lines = format.lines
        lines.entries = true
        waiting = FoundLines(lines)
    }

    /// Delivers as settings say.
    ///
    /// - Parameter sink: where records go in place of the settings' sink.
    /// - Throws: `SettingError`, `InvalidTag`, `AWSError`.
    public init(
        settings: AgentSettings, session: AWSSession, transport: any HTTPTransport, sink: (any RecordSink)? = nil
    ) async throws {
        let parts = try await DeliveryParts(settings, session, transport)
        self.init(
            lineReader: parts.reader, sink: sink ?? parts.sink, rejects: parts.rejects, provenance: parts.provenance)
    }

    /// Takes findings, and delivers those that wait when they are many.
    ///
    /// - Throws: `DeliveryError`; what was taken since the last `flush` is then not known to be durable.
    public mutating func append(_ findings: [Finding]) async throws(DeliveryError) {
        for finding in findings {
            let event = finding.origin?.eventId
            // The findings of one log event stay together: only the first reject of it need hold the whole message.
            if isMany, event != lastEvent { try await flush() }
            lastEvent = event
            waiting.append(finding)
        }
    }

    /// Lends the lines that wait to `body`, which adds those of whole log events, and delivers them when they are many.
    ///
    /// - Throws: as `append`, or what the body throws.
    package mutating func fill(_ body: (inout FoundLines) throws -> Void) async throws {
        try body(&waiting)
        guard isMany else { return }
        var lines = takeWaiting()
        try await deliver(lines)
        // More comes soon, and has the memory for it.
        lines.removeAll()
        waiting = lines
    }

    private mutating func takeWaiting() -> FoundLines {
        var lines = FoundLines(waiting.format)
        swap(&lines, &waiting)
        return lines
    }

    private var isMany: Bool {
        waiting.count >= Self.findingsOfBatch || waiting.rejects.count >= Self.rejectedBytesOfBatch
    }

    /// Delivers what waits: everything that was taken is durable when this returns.
    ///
    /// - Throws: `DeliveryError`; to take and deliver the same findings again does no harm.
    public mutating func flush() async throws(DeliveryError) {
        try await deliver(takeWaiting())
    }

    private mutating func deliver(_ lines: FoundLines) async throws(DeliveryError) {
        guard lines.count > 0 else { return }
        let origin = lines.entries.first?.origin ?? lines.rejectEntries.lazy.compactMap(\.origin).first
        var builder = BatchBuilder(format: format, scope: [origin?.account ?? "", ""])
        builder.append(lines, at: nil)
        let delivery = await deliverer.deliver(builder.finish(), deadline: nil)
        if let error = delivery.error, error.kind == .tooLarge, lines.count > 1 {
            let middle = (records: (lines.recordCount + 1) / 2, rejects: lines.rejectCount / 2)
            try await deliver(lines.part(records: 0..<middle.records, rejects: 0..<middle.rejects))
            return try await deliver(
                lines.part(
                    records: middle.records..<lines.recordCount, rejects: middle.rejects..<lines.rejectCount))
        }
        report.add(delivery.report)
        if let error = delivery.error { throw error }
    }
}
