public import MeterLine

/// The agent's work on one event: read it, deliver what it holds, and say what is durable.
public struct Agent: Sendable {
    /// What an invocation answers and logs.
    public struct Outcome: Sendable {
        /// The answer, as JSON.
        public var answer: [UInt8]
        /// One line of accounting without a line break; nil when there is nothing to log.
        public var log: String?
        /// Why the invocation must end with an error instead of the answer, so that Lambda tries it again.
        public var failure: DeliveryError?
    }

    /// How long before the deadline the agent stops its own work, at most.
    private static let margin = Duration.seconds(2)

    private let lineReader: LineReader
    private let deliverer: Deliverer
    private let format: BatchFormat
    private let logsEverything: Bool
    private let kinesis: KinesisDelivery
    private let check: AgentCheck

    /// Makes an agent.
    ///
    /// - Parameters:
    ///   - rejects: keeps rejects, and manifests where the records do not tell their log events.
    ///   - provenance: whether each record says which log event it comes from.
    ///   - logsEverything: whether invocations in which nothing went wrong are logged too.
    ///   - cores: how many cores there are for one event. The records that come of it are the same with any number.
    public init(
        reader: LineReader, sink: any RecordSink, rejects: any ObjectStore, provenance: Bool,
        logsEverything: Bool = true, cores: Int = 1
    ) {
        lineReader = reader
        deliverer = Deliverer(sink: sink, rejects: rejects)
        format = BatchFormat(provenance: provenance, of: sink)
        self.logsEverything = logsEverything
        check = AgentCheck(sink: sink, rejects: rejects, provenance: provenance)
        kinesis = KinesisDelivery(lineReader: reader, deliverer: deliverer, format: format, cores: cores)
    }

    /// Handles one event.
    ///
    /// - Parameters:
    ///   - requestID: names the invocation in the log.
    ///   - deadline: when Lambda ends the invocation; nil for none.
    /// - Returns: for a Kinesis event the partial batch response, which names the first record that is not durable;
    ///   for a direct event `null`, or its failure when it is not durable; for a check what `AgentCheck` answers.
    /// - Throws: `LambdaEvent.Unsupported`.
    public func handle(
        _ event: [UInt8], requestID: String, deadline: ContinuousClock.Instant?
    ) async throws(LambdaEvent.Unsupported) -> Outcome {
        let deadline = deadline.map(Self.workingDeadline)
        switch try LambdaEvent(event.span) {
        case .kinesis(let records):
            return await handle(records, of: event, requestID, deadline)
        case .direct(let data):
            return await handle(data, of: event, requestID, deadline)
        case .check:
            return Outcome(answer: await check.answer(deadline: deadline))
        }
    }

    /// Delivers what is in an event, without an answer to Lambda.
    ///
    /// - Throws: `LambdaEvent.Unsupported`.
    package func deliver(_ event: [UInt8]) async throws(LambdaEvent.Unsupported) -> KinesisDelivery.Outcome {
        switch try LambdaEvent(event.span) {
        case .kinesis(let records):
            return await kinesis.deliver(records, of: event, deadline: nil)
        case .direct(let data):
            var outcome = KinesisDelivery.Outcome()
            let batch = readDirect(KinesisEnvelopes.data(data, of: event), &outcome.accounting)
            let delivery = await deliverer.deliver(batch, deadline: nil)
            outcome.report = delivery.report
            outcome.error = delivery.error
            return outcome
        case .check:
            return KinesisDelivery.Outcome()
        }
    }

    /// The deadline less what it takes to answer: a tenth of the time that is left, and no more than the margin.
    private static func workingDeadline(_ deadline: ContinuousClock.Instant) -> ContinuousClock.Instant {
        let remaining = ContinuousClock.now.duration(to: deadline)
        return deadline - min(margin, max(.zero, remaining / 10))
    }

    // MARK: - Kinesis

    private func handle(
        _ records: [LambdaEvent.KinesisRecord], of event: [UInt8], _ requestID: String,
        _ deadline: ContinuousClock.Instant?
    ) async -> Outcome {
        var account = InvocationAccount(source: "kinesis", requestID: requestID, kinesisRecords: records.count)
        let outcome = await kinesis.deliver(records, of: event, deadline: deadline)
        account.accounting = outcome.accounting
        account.report = outcome.report
        account.error = outcome.error.map { Self.explain($0, deadline) }
        account.acknowledged = outcome.acknowledged
        return Outcome(answer: Self.answer(records, durable: outcome.acknowledged), log: log(account))
    }

    private static func answer(_ records: [LambdaEvent.KinesisRecord], durable: Int) -> [UInt8] {
        guard durable < records.count else { return Array("{\"batchItemFailures\":[]}".utf8) }
        var answer = Array("{\"batchItemFailures\":[{\"itemIdentifier\":".utf8)
        appendJSONString(records[durable].sequenceNumber, to: &answer)
        answer.append(contentsOf: "}]}".utf8)
        return answer
    }

    // MARK: - Direct

    private func handle(
        _ encoded: LambdaEvent.EncodedData, of event: [UInt8], _ requestID: String,
        _ deadline: ContinuousClock.Instant?
    ) async -> Outcome {
        var account = InvocationAccount(source: "direct", requestID: requestID, kinesisRecords: 0)
        let batch = readDirect(KinesisEnvelopes.data(encoded, of: event), &account.accounting)
        let delivery = await deliverer.deliver(batch, deadline: deadline)
        account.report = delivery.report
        account.error = delivery.error.map { Self.explain($0, deadline) }
        return Outcome(answer: Array("null".utf8), log: log(account), failure: account.error)
    }

    private func readDirect(_ data: [UInt8], _ accounting: inout Accounting) -> Batch {
        var reader = EnvelopeReader(lineReader: lineReader)
        var builder: BatchBuilder?
        reader.read(data.span, source: .data(name: "direct event"), accounting: &accounting) { finding in
            let origin = finding.origin
            if builder == nil { builder = BatchBuilder(format: format, scope: [origin?.account ?? "", ""]) }
            builder?.append(finding, at: Position(origin))
        }
        guard let builder = builder.take() else { return Batch(scope: []) }
        return builder.finish()
    }

    /// An error that came because the invocation's time was over says so.
    private static func explain(_ error: DeliveryError, _ deadline: ContinuousClock.Instant?) -> DeliveryError {
        guard error.kind == .transient, let deadline, ContinuousClock.now >= deadline - .milliseconds(50) else {
            return error
        }
        return DeliveryError(
            .deadline,
            "The invocation's time was over before everything was delivered; what is not acknowledged comes again. When "
                + "this repeats, give the function more time, or the event source mapping a smaller batch. "
                + error.description)
    }

    private func log(_ account: InvocationAccount) -> String? {
        logsEverything || account.error != nil || account.accounting.rejected + account.report.refused > 0
            ? account.line : nil
    }
}

extension Finding {
    /// The log event it was found in; nil for data that is no envelope.
    package var origin: EventOrigin? {
        switch self {
        case .record(let found): return found.origin
        case .reject(let reject):
            guard case .event(let origin) = reject.source else { return nil }
            return origin
        }
    }
}

/// The figures of one invocation: `records` + `rejects` = `delivered` + `rejected` once everything is durable.
private struct InvocationAccount {
    let source: String
    let requestID: String
    let kinesisRecords: Int
    var accounting = Accounting()
    var report = DeliveryReport()
    var acknowledged = 0
    var error: DeliveryError?
    private let start = ContinuousClock.now

    init(source: String, requestID: String, kinesisRecords: Int) {
        self.source = source
        self.requestID = requestID
        self.kinesisRecords = kinesisRecords
    }

    /// One line of JSON.
    ///
    /// It holds figures alone: no text from a log line, so that it can never feed the agent.
    var line: String {
        var output: [UInt8] = []
        var object = JSONObjectWriter(&output)
        object.member("metertap", error == nil ? "delivered" : "failed", &output)
        object.member("requestId", requestID, &output)
        object.member("source", source, &output)
        if source == "kinesis" {
            object.member("kinesisRecords", kinesisRecords, &output)
            object.member("acknowledged", acknowledged, &output)
        }
        NDJSON.appendMembers(of: accounting, namesIgnoredKeys: false, to: &object, &output)
        object.member("delivered", report.delivered, &output)
        object.member("rejected", report.rejected, &output)
        object.member("refusedBySink", report.refused, &output)
        object.member("parts", report.parts, &output)
        object.member("bytes", report.bytes, &output)
        let elapsed = ContinuousClock.now - start
        object.member("milliseconds", Int(elapsed / .milliseconds(1)), &output)
        if let error {
            object.member("errorKind", error.kind.rawValue, &output)
            object.member("error", error.description, &output)
        }
        object.end(&output)
        return String(decoding: output, as: UTF8.self)
    }
}
