import Aggregation
import Meter
import Store
import Testing

extension StorePromise {
    static let counting = [
        StorePromise("a record counts once, however it comes again") { store in
            try await store.define()
            let first = try record("a", value: "1.5")
            let again = try record("a", value: "1.50")
            let result = try await store.send(first, again)
            #expect(result.stored == 1 && result.duplicates == 1 && result.rejected == 0)
            #expect(try await store.send(again).duplicates == 1)
            let bucket = IntakeName(kind: .bucket, name: "file:///bucket")
            let object = IntakeObject(key: "k", etag: "1", lines: 1, isLast: true)
            #expect(try await store.ingest(batch([first.item], by: bucket, object: object)).duplicates == 1)
            #expect(try await store.figure() == "1.5")
            #expect(try await store.event(1)?.duplicates == 3)
        },
        StorePromise("a record counts once when many send it at the same time") { store in
            try await store.define()
            let one = try record("a")
            try await withThrowingTaskGroup { group in
                for number in 0..<20 {
                    let own = try record("own \(number)")
                    group.addTask { try await store.send(one, own) }
                }
                for try await result in group { #expect(result.received == 2) }
            }
            #expect(try await store.figure() == "21")
            #expect(try await store.figures().duplicate == 19)
        },
        StorePromise("what differs in anything counts on its own") { store in
            try await store.define()
            try await store.define(meter("other"))
            let different = [
                try record("a"), try record("b"), try record(nil), try record(""),
                try record("a", meter: "other"), try record("a", customer: "globex"), try record("a", value: "2"),
                try record("a", at: start + 1), try record("a", ["k": "v"]), try record("a", ["k": "w"]),
                try record("a", ["kv": ""]), try record("é"), try record("e\u{301}"),
                try record("a", ["é": "v"]), try record("a", ["e\u{301}": "v"]), try record("a", isTimeless: true),
            ]
            let result = try await store.ingest(batch(different.map(\.item)))
            #expect(result.stored == different.count)
            #expect(try await store.figures().counted == different.count)
        },
        StorePromise("of records that differ in a derived time alone the earliest counts") { store in
            try await store.define()
            let times = [start, start + 5, start + 3 * hour]
            for (index, times) in orders(of: times).enumerated() {
                let customer = "customer \(index)"
                for time in times {
                    try await store.send(try record("a", customer: customer, at: time, isTimeless: true))
                }
                let counted = try await store.usageEvents(
                    UsageEventQuery(
                        meterApiName: "calls", customerId: customer, times: start..<start + day, isAscending: true,
                        limit: 10))
                #expect(counted.events.map(\.record.meterTimeInMillis) == [start])
                #expect(counted.events.first?.duplicates == 2)
            }
            #expect(try await store.figure() == "6")
            let figures = try await store.figures()
            #expect(figures.counted == 6 && figures.duplicate == 12)
        },
        StorePromise("with deduplication by uniqueId the rest of a record does not matter") { store in
            try await store.define(meter(deduplication: .uniqueId))
            try await store.send(try record("a", value: "2", at: start + hour))
            let result = try await store.send(
                try record("a", value: "3", at: start + 2 * hour, ["k": "v"]), try record("b"), try record(nil),
                try record("a", customer: "globex"))
            #expect(result.stored == 3 && result.duplicates == 1)
            #expect(try await store.figure() == "5")
        },
        StorePromise("late records correct the usage of their hours and days") { store in
            try await store.define(meter(dimensions: ["region"]))
            for index in (0..<50).reversed() {
                let time = start + Int64(index) * hour
                try await store.send(try record("\(index)", value: "\(index)", at: time, ["region": "\(index % 3)"]))
            }
            let query = UsageQuery(
                meterApiName: "calls", interval: .day, range: start..<start + 3 * day, fillsGaps: true)
            let answer = try await store.usage(query)
            #expect(try #require(answer.series.first).values.map(\.value) == ["276", "852", "97"])
            for interval in [Interval.minute, .hour, .week, .month] {
                #expect(try await store.figure(by: interval) == "1225")
            }
        },
        StorePromise("a batch with a bad line stores the rest") { store in
            try await store.define()
            let items = [try record("a").item, reject("bad"), try record("a").item, try record("b").item]
            let result = try await store.ingest(batch(items))
            #expect(result.stored == 2 && result.duplicates == 1 && result.rejected == 1)
            #expect(result.firstReject == "invalidValue: it is wrong")
            let figures = try await store.figures()
            #expect(figures.received == 4 && figures.rejected == 1)
        },
    ]

    static let cancels = [
        StorePromise("a record and its cancel give nothing, in every order and however often") { store in
            try await store.define()
            let one = try record("a", ["k": "v"])
            let all = orders(of: [one, one, one.cancel, one.cancel])
            for (index, order) in all.enumerated() {
                for var sent in order {
                    sent.customerId = "customer \(index)"
                    try await store.send(sent)
                }
            }
            #expect(try await store.figure() == "0")
            let figures = try await store.figures()
            #expect(figures.cancelled == 2 * all.count && figures.duplicate == 2 * all.count)
            #expect(figures.unmatchedCancels == 0 && figures.counted == 0)
            let changes = try await store.changes(limit: 100, before: nil)
            #expect(!changes.filter { $0.what == "cancel" }.isEmpty)
        },
        StorePromise("a cancel takes back its record alone") { store in
            try await store.define()
            let values = ["5", "1", "9", "3"]
            let records = try values.enumerated().map { index, value in
                try record("\(index)", value: value, at: start + Int64(index))
            }
            _ = try await store.ingest(batch(records.map(\.item)))
            try await store.send(records[2].cancel)
            #expect(try await store.figure("calls", .max) == "5")
            try await store.send(records[1].cancel)
            #expect(try await store.figure("calls", .min) == "3")
            try await store.send(records[3].cancel)
            #expect(try await store.figure("calls", .latest) == "5")
            #expect(try await store.figure("calls", .count) == "1")
            let states = try await store.allEvents().map(\.state)
            #expect(states == [.counted, .cancelled, .cancelled, .cancelled, .cancel, .cancel, .cancel])
        },
        StorePromise("a cancel without its record is listed, and waits for it") { store in
            try await store.define()
            let one = try record("a")
            try await store.send(one.cancel, try record("b", value: "2"))
            #expect(try await store.figures().unmatchedCancels == 1)
            try await store.send(one)
            #expect(try await store.figures().unmatchedCancels == 0)
            #expect(try await store.figure() == "2")
        },
        StorePromise("a derived time is no part of what a cancel matches") { store in
            try await store.define()
            let one = try record("a", at: start + day, isTimeless: true)
            for (index, order) in orders(of: [one, one.at(start), one.cancel.at(start + 2 * day)]).enumerated() {
                for var sent in order {
                    sent.customerId = "customer \(index)"
                    try await store.send(sent)
                }
            }
            #expect(try await store.figure() == "0")
            let figures = try await store.figures()
            #expect(figures.counted == 0 && figures.duplicate == 6 && figures.cancelled == 12)
        },
    ]
}
