package import MeterLine

/// What an audit compares the logs with: a platform or a bucket.
package protocol Receipts {
    /// The records that were received from a range of log event times; nil when there are more than `limit`.
    ///
    /// It is asked for ranges in the order of time; one may come again with an earlier end.
    mutating func received(_ times: Range<Int64>, limit: Int) async throws -> [AuditReceived]?
    /// What was received from the range and is no valid record.
    mutating func rejects(_ times: Range<Int64>) async throws -> [AuditReject]
    /// What is known of records like these; as many answers, in their order.
    mutating func find(_ records: [AuditFound]) async throws -> [AuditAnswer]
    /// Takes records in, durably.
    mutating func ingest(_ records: [FoundRecord]) async throws
}

/// The figures of an audit.
package struct AuditCounts: Sendable, Equatable {
    /// How many found things are of each class; together they are everything that was found.
    package private(set) var classes: [AuditClass: Int] = [:]
    /// How many records were received from the range that the logs do not have.
    package var extra = 0
    /// How many of `extra` the log group's retention may have dropped.
    package var expired = 0
    /// How many of the missing ones were ingested.
    package var repaired = 0
    /// How many were matched by stream, time and content, because their event ids do not meet.
    package var matchedByContent = 0
    /// How many rejects are records next to a tag, but not after it; those that were edited are left out.
    ///
    /// They are among the classes too. They look meant, so an audit with any isn't clean.
    package var recordNotBehindTag = 0

    /// Starts at zero.
    package init() {}

    /// Everything that was found.
    package var found: Int { classes.values.reduce(0, +) }

    /// Whether everything in the logs was received as it is, or is now.
    package var isClean: Bool { self[.missing] == repaired && self[.different] == 0 && recordNotBehindTag == 0 }

    /// How many are of a class.
    package subscript(name: AuditClass) -> Int {
        get { classes[name, default: 0] }
        set { classes[name] = newValue }
    }
}

/// Re-reads a range of a log group and compares it, record by record, with what was received.
///
/// The range is taken in windows that hold a bounded number of records, so that its length costs no memory.
package struct Audit<Target: Receipts> {
    /// One thing that the audit tells of.
    package enum Line {
        /// Something that was found, its class, and whether it was repaired.
        case found(AuditFound, AuditClass, isRepaired: Bool)
        /// A record that was received and is not in the logs, and whether the log group's retention may have dropped it.
        case extra(AuditReceived, isExpired: Bool)
    }

    /// How far it is.
    package struct Progress {
        /// The part that was compared last; what was missing in it is durable now, where it is repaired.
        package var window: Range<Int64>
        /// How much of the range is compared, in milliseconds.
        package var done: Int64
        /// How long the range is, in milliseconds.
        package var total: Int64
    }

    /// So many records of each side are held at a time.
    private static var recordsOfWindow: Int { 20_000 }
    /// So many log events without a tag weigh as much as a record, so that progress is seen where there are no records.
    private static var eventsOfRecord: Int { 50 }
    /// So many missing records are kept, to be named where the file that names all of them is not at hand.
    private static var maximumMissing: Int { 100 }
    /// So many are asked for, or repaired, at a time.
    private static var recordsOfRequest: Int { 1_000 }

    /// What the log events held.
    package private(set) var accounting = Accounting()
    /// What the reading took.
    package private(set) var cost = LogGroupReader.Cost()
    /// The figures.
    package private(set) var counts = AuditCounts()
    /// Where records are missing.
    package private(set) var pattern = MissingPattern()
    /// How much was found and is missing, by time.
    package private(set) var timeline = AuditTimeline(0..<1)
    /// The first missing records.
    package private(set) var firstMissing: [FoundRecord] = []
    /// What never reached the logs, as far as producers count what they write.
    package private(set) var sequences = SequenceGaps()

    private let reader: any LogEventSource
    private var target: Target
    private let repairs: Bool
    private let expiresBefore: Int64
    /// Which records without a source were given to a log event.
    private let claims = LineCounter()

    /// Makes an audit.
    ///
    /// - Parameters:
    ///   - repairs: whether what is missing is ingested.
    ///   - expiresBefore: the log group keeps no log events of before this time.
    package init(reader: any LogEventSource, target: Target, repairs: Bool, expiresBefore: Int64) {
        self.reader = reader
        self.target = target
        self.repairs = repairs
        self.expiresBefore = expiresBefore
    }

    /// Compares a range.
    ///
    /// - Parameters:
    ///   - times: log event times in milliseconds since 1970.
    ///   - onLine: takes everything that was found, in the order of log event time, and what is extra.
    package mutating func run(
        _ times: Range<Int64>, onProgress: (Progress) throws -> Void, onLine: (Line) throws -> Void
    ) async throws {
        timeline = AuditTimeline(times)
        var windows = TimeWindows(times, target: Self.recordsOfWindow)
        while let window = windows.current {
            var reading = Reading(accounting: Accounting(), cost: cost)
            let limit = window.count > 1 ? Self.recordsOfWindow : Int.max
            try await read(window, limit: limit, &reading)
            cost = reading.cost
            // A window of one millisecond has no limit, and all others can be narrower.
            if reading.isOverLimit {
                windows.narrow(seen: reading.latest)
                continue
            }
            guard let received = try await target.received(window, limit: limit) else {
                windows.narrow(seen: window.upperBound)
                continue
            }
            accounting.add(reading.accounting)
            let weight = max(reading.weight, received.count)
            let rejects = try await target.rejects(window)
            try await settle(AuditWindow(found: reading.found, received: received, rejects: rejects), onLine)
            windows.finish(found: max(weight, reading.accounting.events / Self.eventsOfRecord))
            try onProgress(
                Progress(window: window, done: window.upperBound - times.lowerBound, total: Int64(times.count)))
        }
        pattern.finish()
        sequences.finish()
    }

    /// What was read of one window.
    private struct Reading {
        var accounting: Accounting
        var cost: LogGroupReader.Cost
        var found: [AuditFound] = []
        var weight = 0
        var latest: Int64 = 0
        var isOverLimit = false
    }

    private func read(_ window: Range<Int64>, limit: Int, _ reading: inout Reading) async throws {
        var (accounting, cost) = (reading.accounting, reading.cost)
        defer { (reading.accounting, reading.cost) = (accounting, cost) }
        try await reader.read(window, accounting: &accounting, cost: &cost) { findings in
            for finding in findings {
                guard let found = AuditFound(finding) else { continue }
                reading.found.append(found)
                reading.weight += found.weight
                reading.latest = max(reading.latest, found.origin.timestamp ?? 0)
            }
            reading.isOverLimit = reading.weight > limit
            return !reading.isOverLimit
        }
    }

    /// Gives everything in a window its class, repairs what is missing, and tells of it.
    private mutating func settle(_ window: AuditWindow, _ onLine: (Line) throws -> Void) async throws {
        let classes = try await answers(window)
        counts.matchedByContent += window.matchedByContent
        let missing = window.found.indices.filter { classes[$0] == .missing }
        let repaired = repairs ? try await repair(missing.map { window.found[$0] }) : []
        let isRepaired = Set(zip(missing, repaired).filter { $0.1 }.map { $0.0 })
        noteSequences(of: window.found)
        for (index, found) in window.found.enumerated() {
            let name = classes[index] ?? .missing
            counts[name] += 1
            counts.recordNotBehindTag += found.isNotBehindTag && name != .resolved ? 1 : 0
            counts.repaired += isRepaired.contains(index) ? 1 : 0
            timeline.note(at: found.origin.timestamp ?? 0, isMissing: name == .missing)
            if name == .missing, let record = found.record, firstMissing.count < Self.maximumMissing {
                firstMissing.append(record)
            }
            if let isMissing = Self.isMissing(found, name) { pattern.note(found.origin, isMissing: isMissing) }
            try onLine(.found(found, name, isRepaired: isRepaired.contains(index)))
        }
        for extra in window.extras {
            let isExpired = extra.timestamp < expiresBefore
            counts.extra += 1
            counts.expired += isExpired ? 1 : 0
            try onLine(.extra(extra, isExpired: isExpired))
        }
    }

    /// Takes the numbers that producers gave, each once for a log event: all values of an object have its number.
    private mutating func noteSequences(of window: [AuditFound]) {
        var seen: Set<Fingerprint> = []
        for found in window {
            guard let sequence = found.sequence, let time = found.origin.timestamp else { continue }
            let origin = found.origin
            let place = Fingerprint([origin.logStream, origin.eventId, sequence.source, String(sequence.number)])
            if seen.insert(place).inserted { sequences.note(sequence, at: time) }
        }
    }

    /// Whether a record did not arrive; nil where that cannot be told of its own log event.
    private static func isMissing(_ found: AuditFound, _ name: AuditClass) -> Bool? {
        guard found.record != nil, name != .duplicate, name != .pastRetention else { return nil }
        return name == .missing
    }

    /// The class of each thing that was found, with what must be asked for.
    private mutating func answers(_ window: AuditWindow) async throws -> [AuditClass?] {
        var classes = [AuditClass?](repeating: nil, count: window.found.count)
        var open: [(index: Int, number: Int64?)] = []
        for (index, verdict) in window.verdicts.enumerated() {
            switch verdict {
            case .known(let name): classes[index] = name
            case .open(let number): open.append((index, number))
            }
        }
        for start in stride(from: 0, to: open.count, by: Self.recordsOfRequest) {
            let part = open[start..<min(open.count, start + Self.recordsOfRequest)]
            let answers = try await target.find(part.map { window.found[$0.index] })
            for (asked, answer) in zip(part, answers) {
                let found = window.found[asked.index]
                classes[asked.index] = AuditWindow.settle(
                    found, number: asked.number, answer, isFirst: try isFirst(found, answer))
            }
        }
        return classes
    }

    /// Whether the record of an answer was given to no log event before.
    private func isFirst(_ found: AuditFound, _ answer: AuditAnswer) throws -> Bool {
        guard found.hasOwnId, let number = answer.number, answer.place == nil else { return true }
        let key = LineCounter.Key(high: 0, low: UInt64(bitPattern: number))
        return try claims.countBefore(key) == 0
    }

    /// Ingests records, and tells of each whether it is known from then on.
    private mutating func repair(_ missing: [AuditFound]) async throws -> [Bool] {
        var repaired: [Bool] = []
        for start in stride(from: 0, to: missing.count, by: Self.recordsOfRequest) {
            let part = Array(missing[start..<min(missing.count, start + Self.recordsOfRequest)])
            try await target.ingest(part.compactMap(\.record))
            repaired += try await target.find(part).map { $0.state != .missing && $0.state != .pastRetention }
        }
        return repaired
    }
}
