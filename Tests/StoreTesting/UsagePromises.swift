import Aggregation
import Meter
import Sample
import Store
import Testing

extension StorePromise {
    static let usage =
        MeterType.allCases.map { type in
            StorePromise("usage of \(type.rawValue) is what a recount of all records gives") { store in
                var history = RandomHistory(type: type)
                try await history.run(on: store)
            }
        } + [
            StorePromise("a question that has no answer is refused") { store in
                try await store.define(meter(dimensions: ["region"]))
                try await store.define(meter("seconds", type: .eventDuration, timeout: 1))
                try await store.send(try record("a", ["seen": "x"]))
                func ask(_ name: String, _ function: Function? = nil, by key: String? = nil) async throws -> UsageAnswer
                {
                    try await store.usage(
                        UsageQuery(
                            meterApiName: name, function: function, interval: .day, range: start..<start + day,
                            groupBy: key.map { [.dimension($0)] } ?? [], fillsGaps: false))
                }
                await expect(.notFound) { try await ask("absent") }
                await expect(.invalid) { try await ask("calls", .unique) }
                await expect(.invalid) { try await ask("seconds", .max) }
                await expect(.invalid) { try await ask("calls", by: "neither declared nor seen") }
                _ = try await ask("calls", by: "region")
                _ = try await ask("calls", by: "seen")
                #expect(try await store.dimensions(ofMeter: "calls") == ["seen"])
            }
        ]
}

/// Random records of one meter, some sent again, late or taken back, and every kind of question about them.
private struct RandomHistory {
    private let definition: MeterDefinition
    private var generator: SeededRandom
    private let seed: UInt64

    init(type: MeterType) {
        seed = .random(in: .min ... .max)
        generator = SeededRandom(seed: seed)
        definition = meter(
            type: type, dimensions: ["plan", "region"], users: type == .activeUsers ? ["user"] : [],
            timeout: type == .eventDuration ? 90 : nil)
    }

    mutating func run(on store: any Store) async throws {
        var recount = Recount(definition: definition)
        var sent: [ReceivedRecord] = []
        let definedAt = Int.random(in: 0..<4, using: &generator)
        for round in 0..<4 {
            if round == definedAt { try await store.define(definition) }
            var items: [ReceivedRecord] = try (0..<30).map { try random("\(round)-\($0)") }
            recount.records += items
            items += sent.filter { _ in generator.chance(of: 10) }
            let cancelled = recount.records.filter { _ in generator.chance(of: 12) }
            items += cancelled.map(\.cancel)
            recount.cancelled.formUnion(cancelled.compactMap(\.uniqueId))
            sent += items
            items.shuffle(using: &generator)
            _ = try await store.ingest(batch(items.map(\.item)))
        }
        // A third of all questions, another one in each run.
        for query in queries() where generator.chance(of: 33) {
            let answer = Answer(try await store.usage(query))
            #expect(answer == Answer(try recount.answer(query)), "seed \(seed), \(query)")
        }
    }

    private mutating func random(_ id: String) throws -> ReceivedRecord {
        var dimensions: [String: String] = [:]
        for (name, values) in [
            ("note", ["x", "y"]), ("plan", ["free", "pro"]), ("region", ["eu", "us", "é", "e\u{301}"]),
            ("user", ["u1", "u2", ""]),
        ] where generator.chance(of: 70) {
            dimensions[name] = values.randomElement(using: &generator)
        }
        let value =
            definition.meterType == .eventDuration
            ? "\(Int.random(in: 0...1, using: &generator))"
            : "\(Int.random(in: -99...99, using: &generator))e-\(Int.random(in: 0...3, using: &generator))"
        return try record(
            id, customer: "customer \(Int.random(in: 0...2, using: &generator))", value: value,
            at: start + Int64.random(in: 0..<3 * day, using: &generator), dimensions)
    }

    /// Every function, interval, grouping and filter that a meter allows, each with each.
    private func queries() -> [UsageQuery] {
        let functions = Function.allCases.filter {
            definition.meterType.allows($0, hasAggregationDimensions: !definition.aggregationDimensions.isEmpty)
        }
        let groups: [[UsageQuery.Key]] = [
            [], [.customer], [.dimension("region")], [.dimension("plan"), .customer], [.dimension("note")],
        ]
        let filters: [[UsageQuery.Filter]] = [
            [], [.init(key: .customer, values: ["customer 0", "nobody"])],
            [.init(key: .dimension("region"), values: ["eu", "é"])],
            [.init(key: .dimension("region"), values: [nil, "eu"]), .init(key: .dimension("note"), values: [nil])],
            [.init(key: .dimension("note"), values: ["x"]), .init(key: .customer, values: ["customer 1"])],
        ]
        var queries: [UsageQuery] = []
        for function in functions + [nil] {
            for interval in Interval.allCases {
                for groupBy in groups {
                    for filters in filters {
                        let isEven = queries.count.isMultiple(of: 2)
                        let length = interval == .minute ? 5 * hour : 2 * day
                        queries.append(
                            UsageQuery(
                                meterApiName: definition.meterApiName, function: function, interval: interval,
                                range: start + 20 * hour + 7..<start + 20 * hour + length, filters: filters,
                                groupBy: groupBy, fillsGaps: isEven,
                                take: queries.count.isMultiple(of: 3) ? Take(limit: 2, isAscending: isEven) : nil))
                    }
                }
            }
        }
        return queries
    }
}

extension SeededRandom {
    /// Whether something happens that happens so many times of a hundred.
    fileprivate mutating func chance(of percent: Int) -> Bool {
        Int.random(in: 0..<100, using: &self) < percent
    }
}

/// What tells two answers apart.
private struct Answer: Equatable {
    private struct Series: Equatable {
        var group: GroupKey
        var groupValue: String
        var values: [UsageValue]
    }

    private let intervals: [Int64]
    private let series: [Series]

    init(_ answer: UsageAnswer) {
        intervals = answer.intervals
        series = answer.series.map { Series(group: $0.group, groupValue: $0.groupValue, values: Array($0.values)) }
    }
}
