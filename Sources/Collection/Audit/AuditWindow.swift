import MeterLine

/// Compares what stands in the logs with what was received, for one window of log event time.
///
/// It is pure: what it cannot tell it leaves open, to be asked for.
package struct AuditWindow: Sendable {
    /// What is known of one thing that was found.
    package enum Verdict: Sendable, Equatable {
        /// Its class.
        case known(AuditClass)
        /// Whether an equal record was received from elsewhere must be asked; `number` is the record of its own place
        /// that does not count.
        case open(number: Int64?)
    }

    /// What was found, each place once, in the order of time.
    package private(set) var found: [AuditFound]
    /// A verdict for each of `found`.
    package private(set) var verdicts: [Verdict]
    /// What was received from the range and is not in the logs.
    package private(set) var extras: [AuditReceived] = []
    /// How many were matched by stream, time and content, because their event ids do not meet.
    package private(set) var matchedByContent = 0

    private let received: [AuditReceived]
    private var isUsed: [Bool]

    /// Compares.
    package init(found: [AuditFound], received: [AuditReceived], rejects: [AuditReject]) {
        var seen: Set<Fingerprint> = []
        // CloudWatch Logs may answer an event on two pages.
        self.found = found.filter { seen.insert($0.place).inserted }
            .sorted { ($0.origin.timestamp ?? 0, $0.ordinal) < ($1.origin.timestamp ?? 0, $1.ordinal) }
        self.received = received
        isUsed = Array(repeating: false, count: received.count)
        verdicts = []
        compare(RejectIndex(rejects))
        matchByContent()
        extras = received.indices.filter { !isUsed[$0] }.map { received[$0] }
    }

    /// The rejects by their places; one that was resolved wins over one that came again.
    private struct RejectIndex {
        private var rejects: [Fingerprint: AuditReject] = [:]

        init(_ all: [AuditReject]) {
            for reject in all where rejects[reject.place]?.isResolved != true { rejects[reject.place] = reject }
        }

        subscript(place: Fingerprint) -> AuditReject? { rejects[place] }
    }

    private mutating func compare(_ rejects: RejectIndex) {
        let byPlace = Dictionary(grouping: received.indices) { received[$0].place }
        for one in found {
            let candidates = byPlace[one.place] ?? []
            let reject = rejects[one.place]
            if let content = one.content, let same = candidates.first(where: { received[$0].content == content }) {
                isUsed[same] = true
                verdicts.append(verdict(one, received[same]))
                continue
            }
            for index in candidates { isUsed[index] = true }
            let isEdited = reject?.isResolved == true || candidates.contains { received[$0].isEdited }
            verdicts.append(verdict(one, hasOther: !candidates.isEmpty, isEdited: isEdited, reject))
        }
    }

    /// Of a record that was received from its own log event.
    private func verdict(_ found: AuditFound, _ received: AuditReceived) -> Verdict {
        // An equal one of another time may count in its place.
        if received.state == .cancelled, found.isTimeless { return .open(number: received.number) }
        return .known(received.state)
    }

    /// Of one that was not received as it is.
    private func verdict(
        _ found: AuditFound, hasOther: Bool, isEdited: Bool, _ reject: AuditReject?
    ) -> Verdict {
        if isEdited { return .known(.resolved) }
        guard found.record != nil else { return .known(hasOther ? .resolved : .rejected) }
        if hasOther { return .known(.different) }
        guard let reject else { return .open(number: nil) }
        return .known(reject.isPastRetention ? .pastRetention : .rejected)
    }

    /// What is left on both sides is matched by stream, time and content in streams of which no event id meets, and
    /// where one side came out of an export.
    private mutating func matchByContent() {
        let left = received.indices.filter { !isUsed[$0] }
        guard !left.isEmpty else { return }
        let metStreams = Set(received.indices.filter { isUsed[$0] }.map { received[$0].stream })
        let isExport = found.contains { ExportedEvents.isId($0.origin.eventId) }
        let candidates = left.filter {
            isExport || received[$0].isFromExport || !metStreams.contains(received[$0].stream)
        }
        var byLoosePlace = Dictionary(grouping: candidates) { received[$0].loosePlace }
        for index in found.indices where verdicts[index] == .open(number: nil) {
            guard let content = found[index].content, !byLoosePlace.isEmpty else { continue }
            let origin = found[index].origin
            let place = Fingerprint(
                logStream: origin.logStream, timestamp: origin.timestamp, ordinal: found[index].ordinal,
                content: content)
            guard let match = byLoosePlace[place]?.popLast() else { continue }
            isUsed[match] = true
            verdicts[index] = verdict(found[index], received[match])
            matchedByContent += 1
        }
    }

    /// The class of what was open, by what is known of an equal record.
    ///
    /// - Parameters:
    ///   - number: the verdict's own number.
    ///   - isFirst: whether no other log event was given the record of the answer before.
    package static func settle(
        _ found: AuditFound, number: Int64?, _ answer: AuditAnswer, isFirst: Bool
    ) -> AuditClass {
        switch answer.state {
        case .missing where number == nil, .pastRetention: return answer.state
        // It was received from its own log event, and is at hand no more: it was taken back.
        case .missing: return .cancelled
        default:
            if let number { return answer.number == number ? answer.state : .duplicate }
            guard let place = answer.place else { return isFirst ? answer.state : .duplicate }
            return place == found.place ? answer.state : .duplicate
        }
    }
}
