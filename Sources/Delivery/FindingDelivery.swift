public import AWS
public import HTTP
public import MeterLine

/// Delivers findings that a source hands on bit by bit, in batches, to where an agent of the same settings would deliver
/// them: the same sink, the same rejects and manifests, the same identities.
public struct FindingDelivery: Sendable {
    /// So many findings are delivered together.
    private static let findingsOfBatch = 10_000
    /// So many bytes of rejected messages are delivered together.
    private static let rejectedBytesOfBatch = 8 << 20

    /// What reads messages.
    public let lineReader: LineReader
    /// The address of the sink, for people.
    public let sinkName: String
    /// What became of the findings so far.
    public private(set) var report = DeliveryReport()

    private let deliverer: Deliverer
    private let format: BatchFormat
    private var waiting: [Finding] = []
    private var rejectedBytes = 0

    /// Delivers to a sink.
    ///
    /// - Parameters:
    ///   - rejects: keeps rejects, and manifests where the records do not tell their log events.
    ///   - provenance: whether each record says which log event it comes from.
    public init(lineReader: LineReader, sink: any RecordSink, rejects: any ObjectStore, provenance: Bool) {
        self.lineReader = lineReader
        sinkName = sink.name
        deliverer = Deliverer(sink: sink, rejects: rejects)
        format = BatchFormat(provenance: provenance, maximumRecords: sink.maximumRecords)
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
            let isFull = waiting.count >= Self.findingsOfBatch || rejectedBytes >= Self.rejectedBytesOfBatch
            // The findings of one log event stay together: only the first reject of it need hold the whole message.
            if isFull, waiting.last?.origin?.eventId != finding.origin?.eventId { try await flush() }
            waiting.append(finding)
            if case .reject(let reject) = finding { rejectedBytes += reject.content.count }
        }
    }

    /// Delivers what waits: everything that was taken is durable when this returns.
    ///
    /// - Throws: `DeliveryError`; to take and deliver the same findings again does no harm.
    public mutating func flush() async throws(DeliveryError) {
        let findings = waiting
        (waiting, rejectedBytes) = ([], 0)
        try await deliver(findings[...])
    }

    private mutating func deliver(_ findings: ArraySlice<Finding>) async throws(DeliveryError) {
        guard let first = findings.first else { return }
        var builder = BatchBuilder(format: format, scope: [first.origin?.account ?? "", ""])
        for finding in findings {
            let origin = finding.origin
            builder.append(finding, at: Position(name: origin?.eventId ?? "data", time: origin?.timestamp ?? 0))
        }
        let delivery = await deliverer.deliver(builder.finish(), deadline: nil)
        if let error = delivery.error, error.kind == .tooLarge, findings.count > 1 {
            let middle = findings.startIndex + findings.count / 2
            try await deliver(findings[..<middle])
            return try await deliver(findings[middle...])
        }
        report.add(delivery.report)
        if let error = delivery.error { throw error }
    }
}
