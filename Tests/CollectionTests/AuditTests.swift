import Collection
import Meter
import MeterLine
import Testing

/// Makes both sides of a comparison out of the same log events.
private struct Sides {
    static func origin(_ id: Int, stream: String = "s", time: Int64? = nil) -> EventOrigin {
        EventOrigin(
            account: "1", logGroup: "g", logStream: stream, eventId: "\(id)",
            timestamp: time ?? 1_767_323_045_000 + Int64(id))
    }

    /// The only finding in a message.
    static func found(_ members: String, _ origin: EventOrigin) throws -> AuditFound {
        var accounting = Accounting()
        let message = Array("amberflo_meter: {\"customerId\":\"c\",\"meterApiName\":\"m\",\(members)}".utf8)
        let findings = try LineReader().read(message.span, of: origin, accounting: &accounting)
        return try #require(findings.first.flatMap { AuditFound($0) })
    }

    /// What a platform has of what was found.
    static func received(
        _ found: AuditFound, number: Int64 = 1, state: AuditClass = .received, isEdited: Bool = false,
        _ change: (inout ReceivedRecord) -> Void = { _ in }
    ) throws -> AuditReceived {
        let one = try #require(found.record)
        var record = ReceivedRecord(
            meterApiName: one.record.meterApiName, customerId: one.record.customerId ?? "",
            meterValue: one.record.meterValue, meterTimeInMillis: one.record.meterTimeInMillis,
            uniqueId: one.record.uniqueId, dimensions: one.record.dimensions,
            source: RecordSource(
                account: one.origin.account, logGroup: one.origin.logGroup, logStream: one.origin.logStream,
                eventId: one.origin.eventId, timestamp: one.origin.timestamp, ordinal: one.ordinal,
                timeDerived: one.timeDerived))
        change(&record)
        return try #require(AuditReceived(record, number: number, state: state, isEdited: isEdited))
    }
}

@Suite("A window of an audit")
struct AuditWindowTests {
    private let plain = "\"meterValue\":1"
    private let own = "\"meterValue\":1,\"uniqueId\":\"own\""

    @Test("knows what was received from its own log event by its state")
    func received() throws {
        for state in [AuditClass.received, .cancelled, .undefined] {
            let found = try Sides.found(plain, Sides.origin(1))
            let window = AuditWindow(found: [found], received: [try Sides.received(found, state: state)], rejects: [])
            #expect(window.verdicts == [.known(state)])
            #expect(window.extras.isEmpty)
        }
    }

    @Test("asks for what was not received, and for one that an equal record of another time may count for")
    func open() throws {
        let missing = try Sides.found(plain, Sides.origin(1))
        let timeless = try Sides.found(own, Sides.origin(2))
        let window = AuditWindow(
            found: [missing, timeless], received: [try Sides.received(timeless, number: 7, state: .cancelled)],
            rejects: [])
        #expect(window.verdicts == [.open(number: nil), .open(number: 7)])
    }

    @Test("tells what says something else, and what was edited")
    func others() throws {
        let found = try Sides.found(plain, Sides.origin(1))
        let different = try Sides.received(found) { $0.customerId = "d" }
        #expect(AuditWindow(found: [found], received: [different], rejects: []).verdicts == [.known(.different)])
        let edited = try Sides.received(found, isEdited: true) { $0.meterValue = Quantity("2") ?? $0.meterValue }
        #expect(AuditWindow(found: [found], received: [edited], rejects: []).verdicts == [.known(.resolved)])
        let waiting = AuditReject(place: found.place, isResolved: false, isPastRetention: false)
        let old = AuditReject(place: found.place, isResolved: false, isPastRetention: true)
        let resolved = AuditReject(place: found.place, isResolved: true, isPastRetention: false)
        #expect(AuditWindow(found: [found], received: [], rejects: [waiting]).verdicts == [.known(.rejected)])
        #expect(AuditWindow(found: [found], received: [], rejects: [old]).verdicts == [.known(.pastRetention)])
        for rejects in [[waiting, resolved], [resolved, waiting]] {
            #expect(AuditWindow(found: [found], received: [], rejects: rejects).verdicts == [.known(.resolved)])
        }
        let whole = AuditWindow(found: [found], received: [try Sides.received(found)], rejects: [waiting])
        #expect(whole.verdicts == [.known(.received)])
    }

    @Test("never asks for what is no record")
    func rejected() throws {
        let bad = try Sides.found("\"meterValue\":\"many\"", Sides.origin(1))
        #expect(bad.record == nil)
        #expect(AuditWindow(found: [bad], received: [], rejects: []).verdicts == [.known(.rejected)])
        let good = try Sides.found(plain, Sides.origin(1))
        let window = AuditWindow(found: [bad], received: [try Sides.received(good)], rejects: [])
        #expect(window.verdicts == [.known(.resolved)])
        #expect(window.extras.isEmpty)
    }

    @Test("takes a log event that came on two pages once, and sorts by time")
    func twice() throws {
        let late = try Sides.found(plain, Sides.origin(1, time: 9))
        let early = try Sides.found(plain, Sides.origin(2, time: 5))
        let window = AuditWindow(found: [late, early, late], received: [], rejects: [])
        #expect(window.found.map(\.place) == [early.place, late.place])
    }

    @Test("tells what is not in the logs")
    func extra() throws {
        let ghost = try Sides.received(Sides.found(plain, Sides.origin(1)))
        let window = AuditWindow(found: [], received: [ghost], rejects: [])
        #expect(window.extras.map(\.place) == [ghost.place])
    }

    @Test("matches by content, with multiplicity, where no id of the stream meets")
    func byContent() throws {
        let time: Int64 = 1_767_323_045_000
        let found = try (1...3).map { try Sides.found(plain, Sides.origin($0, time: time)) }
        let others = try (11...12).map { try Sides.received(Sides.found(plain, Sides.origin($0, time: time))) }
        let window = AuditWindow(found: found, received: others, rejects: [])
        #expect(window.matchedByContent == 2)
        #expect(window.verdicts.count { $0 == .known(.received) } == 2)
        #expect(window.verdicts.count { $0 == .open(number: nil) } == 1)
        #expect(window.extras.isEmpty)
        // One id that meets, and the others are what they seem: missing and extra.
        let met = AuditWindow(found: found, received: others + [try Sides.received(found[0])], rejects: [])
        #expect(met.matchedByContent == 0)
        #expect(met.extras.count == 2)
        // The stream under another name, as an export writes it, has no id that could meet.
        let slash = try (1...3).map { try Sides.found(plain, Sides.origin($0, stream: "a/b", time: time)) }
        let hyphen = try (11...12).map {
            try Sides.received(Sides.found(plain, Sides.origin($0, stream: "a-b", time: time)))
        }
        let both = AuditWindow(found: slash, received: hyphen + [try Sides.received(slash[0])], rejects: [])
        #expect(both.matchedByContent == 2)
        #expect(both.extras.isEmpty)
    }

    @Test("settles what was asked for")
    func settle() throws {
        let found = try Sides.found(own, Sides.origin(1))
        func settle(_ answer: AuditAnswer, number: Int64? = nil, isFirst: Bool = true) -> AuditClass {
            AuditWindow.settle(found, number: number, answer, isFirst: isFirst)
        }
        let elsewhere = Fingerprint(["elsewhere"])
        #expect(settle(AuditAnswer(state: .missing)) == .missing)
        #expect(settle(AuditAnswer(state: .pastRetention)) == .pastRetention)
        #expect(settle(AuditAnswer(state: .received, number: 3, place: elsewhere)) == .duplicate)
        #expect(settle(AuditAnswer(state: .received, number: 3, place: found.place)) == .received)
        #expect(settle(AuditAnswer(state: .undefined, number: 3)) == .undefined)
        #expect(settle(AuditAnswer(state: .received, number: 3), isFirst: false) == .duplicate)
        #expect(settle(AuditAnswer(state: .received, number: 3, place: elsewhere), number: 7) == .duplicate)
        #expect(settle(AuditAnswer(state: .cancelled, number: 7, place: found.place), number: 7) == .cancelled)
    }
}

/// Log events that all hold a record which is not after its tag, and some mentions.
private struct NotBehindTag: LogEventSource {
    let count: Int

    func read(
        _ times: Range<Int64>, accounting: inout Accounting, cost: inout LogGroupReader.Cost,
        _ body: ([Finding]) async throws -> Bool
    ) async throws {
        accounting.mentions += 3
        accounting.rejects[.recordNotBehindTag, default: 0] += count
        let findings = (0..<count).map { number in
            Finding.reject(
                Reject(
                    reason: .recordNotBehindTag, detail: "", tag: "amberflo_meter", ordinal: 0,
                    source: .event(Sides.origin(number)), timestamp: Sides.origin(number).timestamp, content: []))
        }
        _ = try await body(findings)
    }
}

/// A platform that has received nothing but the rejects, of which one was edited.
private struct WithRejects: Receipts {
    let found: [AuditFound]
    let isResolved: (Int) -> Bool

    func received(_ times: Range<Int64>, limit: Int) async throws -> [AuditReceived]? { [] }

    func rejects(_ times: Range<Int64>) async throws -> [AuditReject] {
        found.enumerated().map {
            AuditReject(place: $0.element.place, isResolved: isResolved($0.offset), isPastRetention: false)
        }
    }

    func find(_ records: [AuditFound]) async throws -> [AuditAnswer] {
        records.map { _ in AuditAnswer(state: .missing) }
    }
    func ingest(_ records: [FoundRecord]) async throws {}
}

@Suite struct RecordNotBehindTagTests {
    private func audit(_ count: Int, isResolved: @escaping (Int) -> Bool = { _ in false }) async throws -> Audit<
        WithRejects
    > {
        var findings: [AuditFound] = []
        let source = NotBehindTag(count: count)
        var (accounting, cost) = (Accounting(), LogGroupReader.Cost())
        try await source.read(0..<1, accounting: &accounting, cost: &cost) {
            findings = $0.compactMap { AuditFound($0) }
            return true
        }
        let target = WithRejects(found: findings, isResolved: isResolved)
        var audit = Audit(reader: source, target: target, repairs: false, expiresBefore: 0)
        try await audit.run(0..<1_000, onProgress: { _ in }, onLine: { _ in })
        return audit
    }

    @Test func `a record that is not after its tag is counted by itself, and is not clean`() async throws {
        let audit = try await audit(4)
        #expect(audit.accounting.mentions == 3)
        #expect(audit.counts.recordNotBehindTag == 4)
        #expect(audit.counts[.rejected] == 4 && audit.counts.found == 4)
        #expect(!audit.counts.isClean)
    }

    @Test func `one that was edited is clean, and mentions always are`() async throws {
        let some = try await audit(4) { $0 < 3 }
        #expect(some.counts.recordNotBehindTag == 1 && some.counts[.resolved] == 3)
        #expect(!some.counts.isClean)
        #expect(try await audit(4) { _ in true }.counts.isClean)
        let none = try await audit(0)
        #expect(none.accounting.mentions == 3 && none.counts.isClean)
    }
}

@Suite("The time line of an audit")
struct AuditTimelineTests {
    @Test(
        "cuts any range into readable stretches, not too many",
        arguments: [
            (0..<1, 1_000, 1), (0..<86_400_000, 900_000, 96), (5_000_000..<5_600_000, 10_000, 60),
            (0..<31 * 86_400_000, 43_200_000, 62), (0..<253_402_300_799_999, 253_402_300_799_999, 1),
        ] as [(Range<Int64>, Int64, Int)])
    func stretches(times: Range<Int64>, length: Int64, count: Int) {
        let timeline = AuditTimeline(times)
        #expect(timeline.length == length)
        #expect(timeline.buckets.count == count && count <= AuditTimeline.maximumBuckets)
        #expect(timeline.buckets.allSatisfy { $0.from % length == 0 })
    }

    @Test("counts everything once, also at the edges of the range")
    func counts() {
        var timeline = AuditTimeline(1_500..<10_500)
        for time in stride(from: Int64(1_500), to: 10_500, by: 500) {
            timeline.note(at: time, isMissing: time >= 9_000)
        }
        #expect(timeline.buckets.map(\.found).reduce(0, +) == 18)
        #expect(timeline.buckets.first == AuditTimeline.Bucket(from: 1_000, found: 1))
        #expect(timeline.buckets.last == AuditTimeline.Bucket(from: 10_000, found: 1, missing: 1))
        #expect(timeline.buckets.map(\.missing).reduce(0, +) == 3)
    }
}

@Suite("The pattern of what is missing")
struct MissingPatternTests {
    private func pattern(_ minutes: [(Int64, String, Bool)]) -> MissingPattern {
        var pattern = MissingPattern()
        for (minute, stream, isMissing) in minutes {
            pattern.note(Sides.origin(0, stream: stream, time: minute * 60_000), isMissing: isMissing)
        }
        pattern.finish()
        return pattern
    }

    @Test("is a gap where nothing was received for a while")
    func gap() {
        let minutes = (0..<60).map { (Int64($0), "s", (20..<30).contains($0)) }
        let gaps = pattern(minutes).gaps
        #expect(gaps.map { $0.from..<$0.to } == [20 * 60_000..<29 * 60_000])
        #expect(gaps.map(\.missing) == [10])
        #expect(gaps.map(\.isAtStart) == [false])
        #expect(gaps.map(\.isAtEnd) == [false])
    }

    @Test("tells a gap at the start and one at the end")
    func ends() {
        let gaps = pattern((0..<60).map { (Int64($0), "s", $0 < 10 || $0 >= 50) }).gaps
        #expect(gaps.map(\.isAtStart) == [true, false])
        #expect(gaps.map(\.isAtEnd) == [false, true])
    }

    @Test("is none where single records are missing")
    func scattered() {
        #expect(pattern((0..<60).map { (Int64($0), "s", $0 % 3 == 0) }).gaps.isEmpty)
    }

    @Test("names the streams of which nothing was received")
    func streams() {
        let minutes = (0..<60).map { (minute: Int) -> (Int64, String, Bool) in
            let isEven = minute % 2 == 0
            return (Int64(minute), isEven ? "a" : "b", isEven)
        }
        #expect(pattern(minutes).missingStreams == ["a"])
        #expect(pattern(minutes.map { ($0.0, $0.1, true) }).missingStreams.isEmpty)
    }
}

@Suite("A page of the platform")
struct PlatformPageTests {
    @Test("is read with its numbers as they are written")
    func events() throws {
        let source =
            #"{"account":"1","logGroup":"g","logStream":"s\u00e9","eventId":"9","timestamp":5,"ordinal":2,"timeDerived":true}"#
        let page = #"""
            {"events":[{"number":7,"receivedTimeInMillis":1,"state":"counted","uniqueId":"u","meterApiName":"m",
            "meterValue":12345678901234567890.000000000000000000000000000001,"meterTimeInMillis":1767323045000,
            "customerId":"c","dimensions":{"a":"b"},"duplicates":0,"source":\#(source),
            "intake":{"kind":"retry","name":"x"}}],"cursor":"7"}
            """#
        let events = PlatformPage.events(Array(page.utf8).span)
        let read = try #require(events)
        #expect(read.cursor == "7")
        let event = try #require(read.events.first)
        #expect(event.number == 7)
        #expect(event.state == "counted")
        #expect(event.isEdited)
        #expect(event.record.meterValue.text == "12345678901234567890.000000000000000000000000000001")
        #expect(event.record.source?.logStream == "s\u{e9}")
        #expect(event.record.source?.ordinal == 2)
        #expect(event.record.source?.timeDerived == true)
    }

    @Test(
        "is none when something in it makes no sense", arguments: ["", "[]", "{\"events\":[5]}", "{\"events\":[{}]}"])
    func fault(page: String) {
        let events = PlatformPage.events(Array(page.utf8).span)
        #expect(events == nil)
    }
}
