import Aggregation
import Meter
import Testing

@Suite struct AggregateTests {
    private static func random() throws -> Aggregate {
        var aggregate = Aggregate()
        for _ in 0..<Int.random(in: 0...4) {
            let value = "\(Int.random(in: -50...50)).\(Int.random(in: 0...99))".replacing("-0.", with: "0.")
            try aggregate.merge(
                Aggregate(
                    value: ExactDecimal(try #require(Quantity(value))), time: Int64.random(in: 0...1_800_000_000_000)))
        }
        if Bool.random() {
            try aggregate.merge(
                Aggregate(seconds: .seconds(milliseconds: .random(in: -9_999...9_999)), records: .random(in: 0...2)))
        }
        return aggregate
    }

    @Test func mergingIsFreeOfOrder() throws {
        for _ in 0..<500 {
            let (first, second, third) = (try Self.random(), try Self.random(), try Self.random())
            var left = first
            try left.merge(second)
            try left.merge(third)
            var right = third
            try right.merge(first)
            try right.merge(second)
            #expect(left == right)
        }
    }

    @Test func bytesGiveTheAggregateBack() throws {
        for _ in 0..<2_000 {
            let aggregate = try Self.random()
            var bytes: [UInt8] = [7]
            aggregate.encode(into: &bytes)
            bytes.append(9)
            var position = 1
            #expect(Aggregate(decoding: bytes.span, at: &position) == aggregate)
            #expect(position == bytes.count - 1)
        }
    }

    @Test func damagedBytesAreNoCrash() throws {
        for _ in 0..<2_000 {
            var bytes: [UInt8] = []
            try Self.random().encode(into: &bytes)
            if Bool.random() {
                bytes.removeLast(Int.random(in: 0...bytes.count))
            } else if let index = bytes.indices.randomElement() {
                bytes[index] = .random(in: .min ... .max)
            }
            var position = 0
            _ = Aggregate(decoding: bytes.span, at: &position)
            #expect(position <= bytes.count)
        }
    }
}

@Suite struct UsageTableTests {
    private static let hour: Int64 = 3_600_000

    private static func value(_ text: String, at time: Int64) throws -> Aggregate {
        Aggregate(value: ExactDecimal(try #require(Quantity(text))), time: time)
    }

    @Test func gapsAreZeroOrAbsent() throws {
        for fillsGaps in [true, false] {
            var table = UsageTable(
                function: .sum, interval: .hour, range: 0..<3 * Self.hour, fillsGaps: fillsGaps, isGrouped: false)
            try table.add(at: 0, time: 2 * Self.hour + 5, aggregate: try Self.value("1.5", at: 0))
            try table.add(at: 0, time: 3 * Self.hour, aggregate: try Self.value("9", at: 0))
            let answer = table.answer()
            #expect(answer.intervals == (fillsGaps ? [0, Self.hour, 2 * Self.hour] : [2 * Self.hour]))
            #expect(answer.series.first?.groupValue == "1.5", "what is outside of the range does not count")
        }
    }

    @Test func distinctUsersAreCountedOnceInABucketAndOnceInAll() throws {
        var table = UsageTable(
            function: .unique, interval: .hour, range: 0..<2 * Self.hour, fillsGaps: true, isGrouped: false)
        for (time, user) in [(0, "a"), (1, "a"), (2, "b"), (Self.hour, "a")] as [(Int64, String)] {
            try table.add(
                at: 0, time: time, aggregate: try Self.value("1", at: time), unique: Array(user.utf8))
        }
        let answer = table.answer()
        #expect(answer.series.first?.groupValue == "2")
        #expect(answer.series.first.map { Array($0.values).map(\.value) } == ["2", "1"])
    }

    @Test func takeKeepsTheGreatestAndBreaksTiesByKey() throws {
        var table = UsageTable(
            function: .sum, interval: .hour, range: 0..<Self.hour, fillsGaps: false, take: Take(limit: 2),
            isGrouped: true)
        for (name, value) in [("c", "5"), ("a", "5"), ("b", "7"), ("d", "1")] {
            try table.add(
                at: table.place(of: GroupKey([Array(name.utf8)])), time: 0, aggregate: try Self.value(value, at: 0))
        }
        #expect(table.answer().series.map { $0.group.texts } == [["b"], ["a"]])
    }
}
