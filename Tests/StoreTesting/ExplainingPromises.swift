import Meter
import Store
import Testing

extension StorePromise {
    /// What explains a figure, and shows how records come in.
    static let explaining = [
        StorePromise("arrivals are told by minute and way in, whatever became of them") { store in
            let other = IntakeName(kind: .bucket, name: "s3://meters")
            let items = [try record("a").item, try record("a").item, reject("x")]
            _ = try await store.ingest(batch(items, at: start + 10))
            _ = try await store.ingest(batch([try record("b").item], at: start + minute - 1))
            _ = try await store.ingest(batch([try record("b").item], by: other, at: start + minute))
            let arrivals = try await store.arrivals(since: start)
            #expect(arrivals.map(\.minute) == [start, start + minute])
            #expect(arrivals.map(\.intake) == [api, other])
            #expect(arrivals.map(\.received) == [4, 1])
            #expect(arrivals.map(\.duplicate) == [1, 1])
            #expect(arrivals.map(\.rejected) == [1, 0])
            #expect(try await store.arrivals(since: start + 2 * minute - 1).count == 1)
            #expect(try await store.arrivals(since: start + 2 * minute).isEmpty)
        },
        StorePromise("a record's trail holds when and by which way it came again") { store in
            let bucket = IntakeName(kind: .bucket, name: "s3://meters")
            let again = try record("a")
            try await store.send(again)
            let object = IntakeObject(key: "2025/x.ndjson", etag: "1", lines: 1, isLast: true)
            _ = try await store.ingest(batch([again.item], by: bucket, object: object, at: start + 7))
            let trail = try await store.trail(of: 1)
            #expect(trail.repetitions.map(\.received) == [start + 7])
            #expect(trail.repetitions.map(\.intake) == [bucket])
            #expect(trail.repetitions.map(\.object) == ["2025/x.ndjson"])
            #expect(trail.counterpart == nil)
            #expect(try await store.trail(of: 2).repetitions.isEmpty)
        },
        StorePromise("a cancel and what it took back lead to each other, in either order") { store in
            let (first, second) = (try record("a"), try record("b"))
            try await store.send(first, first.cancel, second.cancel, second)
            for (number, counterpart) in [(1, 2), (2, 1), (3, 4), (4, 3)] as [(Int64, Int64)] {
                #expect(try await store.trail(of: number).counterpart == counterpart)
            }
        },
        StorePromise("what audits found is kept, the newest first") { store in
            let detail = AuditDetail(
                events: 1, pattern: false, classes: [:], matchedByContent: 0, expired: 0, gaps: [], reasons: ["why"],
                missingStreams: [], timeline: [], missingRecords: [])
            for count in 0..<3 {
                let audit = StoredAudit(
                    time: start, who: "auditor", account: "1", logGroup: "/app/\(count)", from: start, to: start + day,
                    found: 10, missing: count, different: 0, extra: 0, repaired: count == 2 ? 0 : 1,
                    detail: detail)
                #expect(try await store.note(audit).id == Int64(count + 1))
            }
            let audits = try await store.audits(limit: 2)
            #expect(audits.map(\.logGroup) == ["/app/2", "/app/1"])
            #expect(audits.map(\.isClean) == [false, true])
            #expect(audits.allSatisfy { $0.detail == nil && $0.mentions == nil && $0.recordNotBehindTag == nil })
            #expect(try await store.audit(3)?.detail?.reasons == ["why"])
            #expect(try await store.audit(4) == nil)
            // What was repaired bears on a bill.
            let changes = try await store.changes(limit: 10, before: nil)
            #expect(changes.map(\.what) == ["audit.repair", "audit.repair"])
            #expect(changes.map(\.subject) == ["/app/1", "/app/0"] && changes.allSatisfy { $0.who == "auditor" })
        },
        StorePromise("an audit with a record that is not after its tag is not clean, and mentions do not matter") {
            store in
            for count in 0..<2 {
                _ = try await store.note(
                    StoredAudit(
                        time: start, who: "auditor", account: "1", logGroup: "/app", from: start, to: start + day,
                        found: 10, missing: 0, different: 0, extra: 0, repaired: 0, mentions: 5,
                        recordNotBehindTag: count))
            }
            let audits = try await store.audits(limit: 2)
            #expect(audits.map(\.isClean) == [false, true])
            #expect(audits.map(\.recordNotBehindTag) == [1, 0] && audits.allSatisfy { $0.mentions == 5 })
        },
        StorePromise("rejects that wait are counted by reason and source, and by day") { store in
            let sourced = IntakeBatch.Item.reject(
                ReceivedReject(
                    reason: .invalidTime, detail: "", line: [], source: try record("x", logGroup: "/app").source))
            _ = try await store.ingest(batch([reject("1"), reject("2"), sourced], at: start))
            _ = try await store.ingest(batch([reject("3")], at: start + day + 5))
            _ = try await store.resolve(
                1, with: batch([try record("a").item], by: IntakeName(kind: .retry, name: "t")), who: "t")
            let groups = try await store.rejectGroups(daysSince: start + day)
            #expect(groups.map(\.reason) == ["invalidValue", "invalidTime"])
            #expect(groups.map(\.count) == [2, 1])
            #expect(groups.map(\.logGroup) == [nil, "/app"])
            #expect(groups.map(\.newest) == [start + day + 5, start])
            #expect(groups.map(\.days) == [[start + day: 1], [:]])
            var query = RejectQuery()
            query.intake = api
            query.logGroup = "/app"
            #expect(try await store.rejects(query).rejects.map(\.id) == [3])
            query.logGroup = nil
            query.hasNoLogGroup = true
            #expect(try await store.rejects(query).rejects.map(\.id) == [4, 2])
            query.intake = IntakeName(kind: .api, name: "another")
            #expect(try await store.rejects(query).rejects.isEmpty)
        },
        StorePromise("the records behind a figure are those with its dimensions, or without one") { store in
            try await store.define()
            try await store.send(
                try record("a", ["region": "eu"]), try record("b", ["region": "us"]), try record("c"),
                try record("d", ["region": "eu", "plan": "pro"]))
            func ids(_ dimensions: [UsageEventQuery.Match]) async throws -> [String?] {
                var query = UsageEventQuery(
                    meterApiName: "calls", customerId: nil, times: start..<start + 1, isAscending: true, limit: 10)
                query.dimensions = dimensions
                return try await store.usageEvents(query).events.map(\.record.uniqueId)
            }
            #expect(try await ids([.init(name: "region", value: "eu")]) == ["a", "d"])
            #expect(try await ids([.init(name: "region", value: nil)]) == ["c"])
            #expect(
                try await ids([.init(name: "region", value: "eu"), .init(name: "plan", value: nil)]) == ["a"])
        },
    ]
}
