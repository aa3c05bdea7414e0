import Meter
import Store
import Testing

extension StorePromise {
    static let reading = [
        StorePromise("records can be paged through in both directions, each once") { store in
            try await store.define()
            let records = try (1...25).map { try record("\($0)") }
            _ = try await store.ingest(batch(records.map(\.item)))
            #expect(try await store.newestEvent() == 25)
            for isAscending in [true, false] {
                for limit in [1, 7, 25, 100] {
                    var query = EventQuery()
                    query.limit = limit
                    query.isAscending = isAscending
                    var numbers: [Int64] = []
                    repeat {
                        let page = try await store.events(query)
                        #expect(page.events.count <= limit)
                        numbers += page.events.map(\.number)
                        query.cursor = page.cursor
                    } while query.cursor != nil
                    #expect(numbers == (isAscending ? Array(1...25) : (1...25).reversed()))
                }
            }
        },
        StorePromise("a record reads as it was sent, with what became of it") { store in
            try await store.send(try record("a", value: "0.10", at: start + 5, ["k": "v", "e": ""], logGroup: "/app"))
            let event = try #require(try await store.event(1))
            #expect(event.record.meterApiName == "calls" && event.record.customerId == "acme")
            #expect(event.record.meterValue.text == "0.1" && event.record.meterTimeInMillis == start + 5)
            #expect(event.record.uniqueId == "a")
            #expect(event.record.dimensions.map { "\($0.name)=\($0.value)" } == ["e=", "k=v"])
            #expect(event.record.source?.logGroup == "/app" && event.record.source?.timestamp == start + 5)
            #expect(event.state == .undefined && event.intake == api && event.received == start + 60 * day)
            #expect(try await store.event(2) == nil)
        },
        StorePromise("records are found by meter, customer, dimension, time, log group and state") { store in
            try await store.define()
            try await store.send(
                try record("1", ["k": "v"]), try record("2", customer: "globex"), try record("3", meter: "other"),
                try record("4", at: start + day), try record("5", logGroup: "/app"), try record("1", ["k": "v"]).cancel)
            var queries: [(numbers: [Int64], query: EventQuery)] = []
            func ask(_ numbers: [Int64], _ change: (inout EventQuery) -> Void) {
                var query = EventQuery()
                query.isAscending = true
                change(&query)
                queries.append((numbers, query))
            }
            ask([1, 2, 4, 5, 6]) { $0.meterApiName = "calls" }
            ask([2]) { $0.customerId = "globex" }
            ask([]) { $0.customerId = "nobody" }
            ask([1, 6]) { $0.dimensions = [Dimension(name: "k", value: "v")] }
            ask([4]) { $0.times = start + 1..<start + 2 * day }
            ask([5]) { $0.logGroup = "/app" }
            ask([2, 4, 5]) { $0.state = .counted }
            ask([1]) { $0.state = .cancelled }
            ask([3]) { $0.state = .undefined }
            ask([6]) { $0.state = .cancel }
            for (numbers, query) in queries {
                #expect(try await store.events(query).events.map(\.number) == numbers)
            }
        },
        StorePromise("a customer's counting records come in the order of their time, in both directions") { store in
            try await store.define()
            let times = [7, 3, 3, 9, 1, 12].map { start + $0 * hour / 2 }
            for (index, time) in times.enumerated() { try await store.send(try record("\(index)", at: time)) }
            try await store.send(try record("other", customer: "globex"), try record("3", at: times[3]).cancel)
            let expected = [5, 2, 3, 1, 6].map { Int64($0) }
            for isAscending in [true, false] {
                for limit in [1, 2, 10] {
                    var query = UsageEventQuery(
                        meterApiName: "calls", customerId: "acme", times: start..<start + day,
                        isAscending: isAscending, limit: limit)
                    var numbers: [Int64] = []
                    while true {
                        let page = try await store.usageEvents(query)
                        numbers += page.events.map(\.number)
                        #expect(page.isLast == (numbers.count == expected.count))
                        guard let last = page.events.last, !page.isLast else { break }
                        query.after = .init(time: last.record.meterTimeInMillis, number: last.number)
                    }
                    #expect(numbers == (isAscending ? expected : expected.reversed()))
                }
            }
        },
    ]
}
