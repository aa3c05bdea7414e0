import Aggregation
import Meter
import Store
import Testing

extension StorePromise {
    /// The hour in which most of these records lie, two days before the newest.
    private static let old = start + hour

    /// Sends so many records of the old hour that one step of dropping leaves some, and one that is two days newer.
    private static func fill(_ store: any Store) async throws {
        let records = try (0..<12_000).map { number in
            try record("\(number)", at: old + Int64(number % 60) * minute, ["region": "eu", "plan": "\(number % 7)"])
        }
        for begin in stride(from: 0, to: records.count, by: 4_000) {
            _ = try await store.ingest(batch(records[begin..<begin + 4_000].map(\.item)))
        }
        try await store.send(try record("newest", at: start + 2 * day, ["region": "eu"]))
    }

    /// Moves the mark behind the old hour and drops some of its records, but not all.
    private static func dropHalf(_ store: any Store) async throws {
        _ = try await store.closeRecords(keeping: 24, at: start + 2 * day)
        _ = try await store.closeRecords(keeping: 24, at: start + 2 * day)
        let left = try await store.allEvents().count
        #expect(left > 1_000 && left < 12_000)
    }

    /// What every answer must be after `fill`, whatever happened since.
    private static func expectAll(_ store: any Store) async throws {
        for interval in [Interval.hour, .day, .week, .month] {
            #expect(try await store.figure(by: interval) == "12001")
            #expect(try await store.figure("calls", .count, by: interval) == "12001")
        }
    }

    static let retention: [StorePromise] = [
        StorePromise("no definition changes what is frozen, also while its records are being dropped") { store in
            var definition = try await store.define(meter(dimensions: ["region"]))
            try await fill(store)
            try await dropHalf(store)
            for dimensions in [["plan"], [], ["region", "plan"]] {
                definition.dimensions = dimensions
                definition = try await store.update(definition, who: "tester")
                try await expectAll(store)
                while try await store.closeRecords(keeping: 24, at: start + 2 * day) > 10_000 {}
                try await expectAll(store)
            }
            try await store.close(before: start + day)
            try await expectAll(store)
        },
        StorePromise("a meter that is deleted and defined again keeps its frozen usage") { store in
            var definition = try await store.define(meter(dimensions: ["region"]))
            try await fill(store)
            try await dropHalf(store)
            definition.lockingStatus = .deprecated
            _ = try await store.update(definition, who: "tester")
            _ = try await store.deleteMeter(id: definition.id, who: "tester", time: start)
            try await store.close(before: start + day)
            try await store.define(meter(dimensions: ["plan"]))
            try await expectAll(store)
        },
        StorePromise("what was frozen without dimensions is in answers by dimensions that came later") { store in
            var definition = try await store.define(meter())
            try await store.send(
                try record("a", value: "2", at: old, ["region": "eu"]),
                try record("b", value: "3", at: old + 5 * hour, ["region": "eu"]),
                try record("newest", value: "4", at: start + 2 * day, ["region": "eu"]))
            try await store.close(before: old + hour)
            definition.dimensions = ["region"]
            _ = try await store.update(definition, who: "tester")
            for _ in 1...2 {
                for interval in [Interval.hour, .day, .month] {
                    let query = UsageQuery(
                        meterApiName: "calls", interval: interval, range: start..<start + 40 * day,
                        groupBy: [.dimension("region")], fillsGaps: false)
                    #expect(try await store.usage(query).series.map(\.groupValue) == ["2", "7"])
                }
                try await store.close(before: start + 2 * day)
            }
        },
        StorePromise("a cancel without a time takes back nothing that is frozen") { store in
            try await store.define()
            let early = try record("early", value: "3", at: old + minute, isTimeless: true)
            try await store.send(early)
            try await fill(store)
            try await dropHalf(store)
            #expect(try await store.figure() == "12004")
            let result = try await store.send(early.cancel.at(start + 2 * day))
            #expect(result.rejected == 1 && result.stored == 0)
            #expect(try await store.rejects(RejectQuery()).rejects.map(\.reason) == ["pastRetention"])
            try await store.close(before: start + day)
            #expect(try await store.send(early.cancel.at(start + 2 * day)).rejected == 1)
            #expect(try await store.figure() == "12004")
            _ = try await store.figures()
        },
        StorePromise("a key without a time is remembered for good") { store in
            try await store.define()
            try await store.define(meter("unique", deduplication: .uniqueId))
            let timeless = try record("t", value: "5", at: old, isTimeless: true)
            let unique = try record("u", meter: "unique", value: "7", at: old)
            let takenBack = try record("x", value: "9", at: old, isTimeless: true)
            let cancelAlone = try record("y", value: "11", at: old, isTimeless: true).cancel
            try await store.send(timeless, unique, takenBack, takenBack.cancel, cancelAlone)
            try await store.send(try record("newest", at: start + 2 * day))
            try await store.close(before: start + day)
            let later = start + 2 * day
            let same = try record("u", meter: "unique", value: "100", at: later, ["other": "content"])
            let again = [timeless.at(later), same, takenBack.at(later), takenBack.at(later).cancel]
            #expect(try await store.find(again).map(\.state) == [.counted, .counted, .cancelled, .cancel])
            for record in again { #expect(try await store.send(record).duplicates == 1) }
            // Its cancel came first, long ago.
            var late = cancelAlone.at(later)
            late.dimensions = []
            #expect(try await store.send(late).stored == 1)
            #expect(try await store.send(late).duplicates == 1)
            #expect(try await store.figure() == "6")
            #expect(try await store.figure("unique") == "7")
            try await store.send(try record("newer", value: "0", at: start + 6 * day))
            try await store.close(before: start + 5 * day)
            #expect(try await store.send(late.at(start + 6 * day)).duplicates == 1)
            #expect(try await store.figure() == "6")
            _ = try await store.figures()
        },
        StorePromise("a deleted meter's keys stay what they are") { store in
            var definition = try await store.define(meter(deduplication: .uniqueId))
            let one = try record("a", value: "10")
            try await store.send(one)
            definition.lockingStatus = .deprecated
            _ = try await store.update(definition, who: "tester")
            _ = try await store.deleteMeter(id: definition.id, who: "tester", time: start)
            #expect(try await store.send(try record("a", value: "12", at: start + hour)).duplicates == 1)
            await expect(.conflict) { try await store.define(meter()) }
            try await store.define(meter(deduplication: .uniqueId))
            #expect(try await store.send(try record("a", value: "11", at: start + hour)).duplicates == 1)
            #expect(try await store.figure() == "10")
        },
        StorePromise("a span that crosses the mark outlives its start, through definitions and cancels") { store in
            var definition = try await store.define(meter(type: .eventDuration, timeout: 10_000))
            let begin = try record("begin", at: start + 30 * minute, ["host": "a"])
            try await store.send(
                begin, try record("other", at: start + 10 * minute, ["host": "b"]),
                try record("stop", value: "0", at: start + 20 * minute, ["host": "b"]),
                try record("newest", value: "2", at: start + 2 * day))
            // 10,000 minutes from the start, and ten of the other host.
            for before in [start + 3 * hour, start + day + 5 * hour] {
                try await store.close(before: before)
                #expect(try await store.figure() == "600600")
                for dimensions in [["host"], [], ["host", "region"]] {
                    definition.dimensions = dimensions
                    definition = try await store.update(definition, who: "tester")
                    #expect(try await store.figure() == "600600")
                    #expect(try await store.figure(by: .hour) == "600600")
                }
            }
            definition.lockingStatus = .deprecated
            _ = try await store.update(definition, who: "tester")
            _ = try await store.deleteMeter(id: definition.id, who: "tester", time: start)
            definition = try await store.define(meter(type: .eventDuration, dimensions: ["host"], timeout: 10_000))
            #expect(try await store.figure() == "600600")
            // It stops on the third day, and then it did not.
            let stop = try record("end", value: "0", at: start + 2 * day + 30 * minute, ["host": "a"])
            try await store.send(stop)
            #expect(try await store.figure() == "173400")
            try await store.send(stop.cancel)
            #expect(try await store.figure() == "600600")
            try await store.send(stop.at(stop.meterTimeInMillis + hour))
            #expect(try await store.figure() == "177000")
            try await store.send(try record("newer", value: "2", at: start + 4 * day))
            try await store.close(before: start + 4 * day)
            definition.dimensions = []
            _ = try await store.update(definition, who: "tester")
            #expect(try await store.figure() == "177000")
        },
        StorePromise("what was taken back takes no span with it when it is dropped") { store in
            var definition = try await store.define(meter(type: .eventDuration, timeout: 4_000))
            let begin = try record("begin", at: start + 30 * minute, ["host": "a"])
            let again = try record("again", at: start + 5 * hour, ["host": "a"])
            let stop = try record("stop", value: "0", at: start + 6 * hour, ["host": "a"])
            try await store.send(begin, again, again.cancel, stop, stop.cancel)
            try await store.send(try record("newest", value: "2", at: start + 2 * day))
            #expect(try await store.figure() == "240000")
            for before in [start + 12 * hour, start + day] {
                try await store.close(before: before)
                for dimensions in [["user"], ["host"], []] {
                    definition.dimensions = dimensions
                    definition = try await store.update(definition, who: "tester")
                    #expect(try await store.figure() == "240000")
                }
            }
        },
        StorePromise("a clock that jumps forward drops nothing, nor does a record from the future") { store in
            try await store.define()
            try await store.send(try record("a", at: start), try record("b", at: start + day))
            _ = try await store.ingest(
                batch([try record("future", at: start + 300 * day).item], at: start + 2 * day))
            try await store.close(before: start + 100 * day)
            #expect(try await store.allEvents().map(\.record.uniqueId) == ["b", "future"])
            #expect(try await store.figures().frozenBefore == start + day)
            #expect(try await store.send(try record("c", at: start + day)).stored == 1)
        },
    ]
}
