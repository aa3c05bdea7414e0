import Aggregation
import Meter
import Store
import Testing

extension StorePromise {
    static let bookkeeping = [
        StorePromise("a reject is kept with its line, and resolved once") { store in
            try await store.define()
            _ = try await store.ingest(batch([reject("first"), reject("second", reason: .invalidTime)]))
            let kept = try #require(try await store.reject(1))
            #expect(kept.line == Array("first".utf8) && kept.reason == "invalidValue" && kept.detail == "it is wrong")
            let retry = IntakeName(kind: .retry, name: "tester")
            await expect(.invalid) { try await store.resolve(1, with: batch([reject("x")], by: retry), who: "tester") }
            #expect(try await store.reject(1)?.resolved == nil)
            let edited = batch([try record("a").item], by: retry)
            let results = await withTaskGroup { group in
                for _ in 0..<5 {
                    group.addTask { (try? await store.resolve(1, with: edited, who: "tester")) != nil }
                }
                return await group.reduce(into: [Bool]()) { $0.append($1) }
            }
            #expect(results.count { $0 } == 1)
            await expect(.conflict) { try await store.resolve(1, with: edited, who: "tester") }
            await expect(.notFound) { try await store.resolve(3, with: edited, who: "tester") }
            let figures = try await store.figures()
            #expect(figures.received == 2 && figures.rejected == 1 && figures.resolvedRejects == 1)
            #expect(try await store.figure() == "1")
        },
        StorePromise("rejects are listed by reason and state, the newest first, page by page") { store in
            _ = try await store.ingest(
                batch((1...7).map { reject("\($0)", reason: $0 == 4 ? .invalidTime : .invalidValue) }))
            var query = RejectQuery()
            query.limit = 3
            var ids: [Int64] = []
            repeat {
                let page = try await store.rejects(query)
                ids += page.rejects.map(\.id)
                query.cursor = page.cursor
            } while query.cursor != nil
            #expect(ids == [7, 6, 5, 4, 3, 2, 1])
            query.reason = "invalidTime"
            #expect(try await store.rejects(query).rejects.map(\.id) == [4])
            query.isResolved = true
            #expect(try await store.rejects(query).rejects.isEmpty)
        },
        StorePromise("retention drops records, keeps their usage and lets none come back") { store in
            try await store.define(meter(dimensions: ["region"]))
            let old = try record("old", value: "2", at: start + hour, ["region": "eu"])
            let cancelled = try record("cancelled", at: start + hour)
            let late = try record("late", value: "4", at: start + day + 30 * minute, isTimeless: true)
            try await store.send(old, cancelled, cancelled.cancel, late.at(start + day + 50 * minute), late)
            try await store.send(try record("new", value: "3", at: start + 2 * day))
            let before = start + day + hour
            try await store.close(before: before)
            #expect(try await store.allEvents().map(\.number) == [6])
            for interval in [Interval.hour, .day, .week, .month] {
                #expect(try await store.figure(by: interval) == "9")
            }
            await expect(.pastRetention) { try await store.figure(by: .minute) }
            let result = try await store.send(old, try record("other", at: before - 1), try record("edge", at: before))
            #expect(result.rejected == 2 && result.stored == 1)
            #expect(try await store.closeRecords(keeping: 0, at: start) == 0)
            #expect(try await store.closeRecords(keeping: 100_000, at: before) == 0)
            #expect(try await store.send(old).rejected == 1)
            #expect(try await store.figure() == "10")
            _ = try await store.figures()
        },
        StorePromise("usage of dropped records outlives a change of its meter's dimensions") { store in
            var definition = try await store.define(meter(dimensions: ["region"]))
            try await store.send(
                try record("a", ["region": "eu"]), try record("b", at: start + 90 * minute, ["region": "us"]))
            try await store.close(before: start + hour)
            definition.dimensions = ["plan"]
            _ = try await store.update(definition, who: "tester")
            for interval in [Interval.hour, .day] { #expect(try await store.figure(by: interval) == "2") }
        },
        StorePromise("an object is read once, and goes on where it stopped") { store in
            let bucket = IntakeName(kind: .bucket, name: "file:///bucket")
            var part = IntakeObject(key: "k", etag: "1", lines: 1, isLast: false)
            #expect(try await store.progress(of: part, in: bucket) == .new)
            _ = try await store.ingest(batch([try record("a").item], by: bucket, object: part))
            #expect(try await store.progress(of: part, in: bucket) == .partly(1))
            part.lines = 2
            part.isLast = true
            _ = try await store.ingest(batch([try record("b").item], by: bucket, object: part))
            #expect(try await store.progress(of: part, in: bucket) == .done)
            #expect(try await store.event(2)?.object == "k")
            let other = IntakeObject(key: "k", etag: "2", lines: 0, isLast: true)
            #expect(try await store.progress(of: other, in: bucket) == .new)
            #expect(try await store.progress(of: part, in: api) == .new)
            try await store.fail(other, in: bucket, reason: "no gzip", time: start)
            #expect(try await store.progress(of: other, in: bucket) == .failed)
            let source = try #require(try await store.figures().sources.first { $0.intake == bucket })
            #expect(source.objects.read == 1 && source.objects.failed == 1 && source.received == 2)
        },
        StorePromise("the figures add up, in all and for each way in") { store in
            try await store.define()
            let one = try record("a")
            _ = try await store.ingest(batch([one.item, one.item, reject("x")], ignoredKeys: [Array("extra".utf8): 2]))
            try await store.send(one.cancel, try record("b"), by: IntakeName(kind: .api, name: "second"))
            try await store.send(try record("c", meter: "undefined"), try record("d").cancel)
            let figures = try await store.figures()
            #expect(figures.received == 7 && figures.counted == 1 && figures.duplicate == 1)
            #expect(figures.cancelled == 3 && figures.undefined == 1 && figures.rejected == 1)
            #expect(figures.sources.map(\.received).sorted() == [2, 5])
            #expect(figures.ignoredKeys.map(\.records) == [2])
            #expect(figures.meters.map(\.meterApiName) == ["calls"])
        },
        StorePromise("keys are kept until they are revoked, and one admin key always stays") { store in
            let admin = StoredKey(id: "1", name: "first", rights: ["admin"], hash: [1], created: start)
            try await store.add(admin, who: "tester")
            try await store.add(
                StoredKey(id: "2", name: "second", rights: ["ingest", "read"], hash: [2], created: start + 1),
                who: "tester")
            try await store.noteUse(ofKeys: ["2": 9])
            try await store.noteUse(ofKeys: ["2": 8])
            let keys = try await store.keys()
            #expect(keys.map(\.id) == ["1", "2"] && keys.map(\.used) == [nil, 9] && keys.map(\.hash) == [[1], [2]])
            #expect(keys.map(\.rights) == [["admin"], ["ingest", "read"]])
            await expect(.conflict) { try await store.revokeKey(id: "1", who: "tester", time: start) }
            #expect(try await store.revokeKey(id: "2", who: "tester", time: start)?.name == "second")
            #expect(try await store.revokeKey(id: "2", who: "tester", time: start) == nil)
            #expect(try await store.keys().map(\.id) == ["1"])
        },
        StorePromise("whatever bears on a bill is in the log of changes") { store in
            var definition = try await store.define()
            definition.lockingStatus = .deprecated
            _ = try await store.update(definition, who: "second")
            let one = try record("a")
            try await store.send(one, one.cancel)
            _ = try await store.deleteMeter(id: definition.id, who: "third", time: start + 5)
            try await store.add(
                StoredKey(id: "1", name: "k", rights: ["read"], hash: [1], created: start), who: "tester")
            let changes = try await store.changes(limit: 10, before: nil)
            #expect(changes.map(\.what) == ["key.create", "meter.delete", "cancel", "meter.update", "meter.create"])
            #expect(changes.map(\.who) == ["tester", "third", "key", "second", "tester"])
            #expect(changes[3].before != nil && changes[3].after != nil && changes[3].before != changes[3].after)
            #expect(changes[1].time == start + 5 && changes[4].before == nil)
            let page = try await store.changes(limit: 2, before: changes[1].id)
            #expect(page.map(\.what) == ["cancel", "meter.update"])
        },
        StorePromise("a probe writes, and changes nothing that is seen") { store in
            try await store.probe()
            try await store.probe()
            #expect(try await store.figures().received == 0)
        },
    ]
}
