import Aggregation
import Meter
import Store
import Testing

extension StorePromise {
    static let definitions = [
        StorePromise("records count from the moment their meter is defined, also earlier ones") { store in
            let early = try record("a", value: "2", ["region": "eu"])
            try await store.send(early, try record("b", at: start + day), try record("c").cancel)
            var figures = try await store.figures()
            #expect(figures.undefined == 2 && figures.undefinedMeters.map(\.name) == ["calls"])
            #expect(try await store.event(1)?.state == .undefined)
            await expect(.notFound) { try await store.figure() }
            try await store.define(meter(dimensions: ["region"]))
            try await store.send(early, try record("d"))
            figures = try await store.figures()
            #expect(figures.counted == 3 && figures.undefinedMeters.isEmpty && figures.duplicate == 1)
            #expect(try await store.figure() == "4")
        },
        StorePromise("a deleted meter's records stay, and count again when it comes back") { store in
            var definition = try await store.define()
            try await store.send(try record("a"))
            await expect(.conflict) { try await store.deleteMeter(id: definition.id, who: "tester", time: start) }
            definition.lockingStatus = .deprecated
            _ = try await store.update(definition, who: "tester")
            _ = try await store.deleteMeter(id: definition.id, who: "tester", time: start)
            #expect(try await store.figures().undefined == 1)
            await expect(.notFound) { try await store.figure() }
            try await store.define()
            #expect(try await store.figure() == "1")
        },
        StorePromise("usage follows a change of what it is kept by") { store in
            var definition = try await store.define(meter(dimensions: ["region"]))
            try await store.send(try record("a", ["region": "eu", "plan": "pro"]), try record("b", ["plan": "free"]))
            definition.dimensions = ["plan"]
            _ = try await store.update(definition, who: "tester")
            let query = UsageQuery(
                meterApiName: "calls", interval: .day, range: start..<start + day, groupBy: [.dimension("plan")],
                fillsGaps: false)
            #expect(try await store.usage(query).series.map(\.group.texts) == [["free"], ["pro"]])
            definition.meterType = .eventDuration
            definition.timeoutInMinutes = 1
            _ = try await store.update(definition, who: "tester")
            #expect(try await store.figure() == "120")
        },
        StorePromise("a meter's definition keeps its rules") { store in
            var definition = try await store.define()
            await expect(.conflict) { try await store.define() }
            var other = meter("other")
            other.label = definition.label
            await expect(.conflict) { try await store.create(other, who: "tester") }
            await expect(.notFound) { try await store.update(meter("absent"), who: "tester") }
            await expect(.notFound) { try await store.deleteMeter(id: "absent", who: "tester", time: start) }
            definition.lockingStatus = .closeToChanges
            definition.label = "a better label"
            _ = try await store.update(definition, who: "tester")
            for change in [\MeterDefinition.dimensions, \.aggregationDimensions] {
                var changed = definition
                changed[keyPath: change] = ["region"]
                await expect(.conflict) { try await store.update(changed, who: "tester") }
            }
            var reopened = definition
            reopened.lockingStatus = .open
            await expect(.conflict) { try await store.update(reopened, who: "tester") }
            var renamed = definition
            renamed.meterApiName = "renamed"
            await expect(.invalid) { try await store.update(renamed, who: "tester") }
            #expect(try await store.meters().map(\.label) == ["a better label"])
        },
        StorePromise("deduplication changes only while a meter has no records") { store in
            try await store.send(try record("a"))
            await expect(.conflict) { try await store.define(meter(deduplication: .uniqueId)) }
            var definition = try await store.define(meter("other"))
            definition.deduplication = .uniqueId
            _ = try await store.update(definition, who: "tester")
            try await store.send(try record("a", meter: "other"))
            definition.deduplication = .record
            let changed = definition
            await expect(.conflict) { try await store.update(changed, who: "tester") }
        },
        StorePromise("names are told apart and sorted by their bytes") { store in
            for name in ["é", "e\u{301}", "Z", "a"] {
                try await store.define(meter(name))
                let customer = Customer(customerId: name, customerName: name)
                _ = try await store.put(customer, isNew: true, who: "tester")
            }
            let sorted = ["Z", "a", "e\u{301}", "é"].map { Array($0.utf8) }
            #expect(try await store.meters().map { Array($0.meterApiName.utf8) } == sorted)
            #expect(try await store.customers().map { Array($0.customerId.utf8) } == sorted)
        },
        StorePromise("customers are defined once, changed and deleted; their records stay") { store in
            try await store.define()
            try await store.send(try record("a"))
            #expect(try await store.figures().undefinedCustomers.map(\.name) == ["acme"])
            var customer = Customer(customerId: "acme", customerName: "Acme", createTime: 1, updateTime: 1)
            let unknown = customer
            await expect(.notFound) { try await store.put(unknown, isNew: false, who: "tester") }
            _ = try await store.put(customer, isNew: true, who: "tester")
            await expect(.conflict) { try await store.put(unknown, isNew: true, who: "tester") }
            customer.customerName = "Acme Inc"
            customer.createTime = 2
            #expect(try await store.put(customer, isNew: false, who: "tester").createTime == 1)
            #expect(try await store.customer("acme")?.customerName == "Acme Inc")
            #expect(try await store.figures().undefinedCustomers.isEmpty)
            _ = try await store.deleteCustomer("acme", who: "tester", time: start)
            await expect(.notFound) { try await store.deleteCustomer("acme", who: "tester", time: start) }
            #expect(try await store.customer("acme") == nil)
            #expect(try await store.figure() == "1")
        },
    ]
}
