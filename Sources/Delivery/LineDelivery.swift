/// Delivers lines of records as they stand in an object, in parts that the sink takes.
package struct LineDelivery: Sendable {
    private let sink: any RecordSink
    private let scope: [String]
    private var waiting: [[UInt8]] = []
    private var waitingBytes = 0
    private var newest = Int64.min
    private var taken = 0
    /// What became of the lines so far.
    package private(set) var report = DeliveryReport()
    /// How many lines the sink refused for good.
    package private(set) var refused = 0

    /// Delivers to a sink.
    ///
    /// - Parameter scope: what the places of the lines are unique in, for the names of objects.
    package init(sink: any RecordSink, scope: [String]) {
        self.sink = sink
        self.scope = scope
    }

    /// Takes a line without a line break, and delivers those that wait when they are many.
    ///
    /// - Parameter time: the record's time, in milliseconds since 1970.
    /// - Throws: `DeliveryError`; to deliver the same lines again does no harm.
    package mutating func append(_ line: [UInt8], time: Int64) async throws(DeliveryError) {
        waiting.append(line + [UInt8(ascii: "\n")])
        waitingBytes += line.count
        newest = max(newest, time)
        if waiting.count == sink.maximumRecords ?? .max || waitingBytes >= BatchBuilder.closingBytes {
            try await flush()
        }
    }

    /// Delivers what waits: everything that was taken is durable, or refused, when this returns.
    ///
    /// - Throws: as `append`.
    package mutating func flush() async throws(DeliveryError) {
        var builder = PartBuilder(.records, scope: scope)
        for line in waiting {
            builder.append(line, lines: 1, at: [Position(name: "\(taken)", time: newest)])
            taken += 1
        }
        (waiting, waitingBytes, newest) = ([], 0, .min)
        guard let part = builder.finish() else { return }
        let delivery = await sink.deliver(part, deadline: nil)
        if let error = delivery.error { throw error }
        refused += delivery.refused.count
        report.delivered += delivery.settled - delivery.refused.count
        report.parts += 1
        report.bytes += part.body.count
    }
}
