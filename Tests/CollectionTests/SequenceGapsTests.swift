import Collection
import MeterLine
import Testing

/// What came of numbers, each with its log event time in seconds.
private func gaps(_ numbers: [(Int64, Int64)], source: String = "s") -> SequenceGaps {
    var gaps = SequenceGaps()
    for (number, seconds) in numbers {
        gaps.note(ProducerSequence(source: source, number: number), at: seconds * 1_000)
    }
    gaps.finish()
    return gaps
}

extension SequenceGaps {
    fileprivate var ranges: [ClosedRange<Int64>] { gaps.map(\.numbers) }
    fileprivate var only: Source { sources[0] }
}

extension SequenceGaps.Source {
    fileprivate init(_ name: String, numbers: Int, missing: UInt64, restarts: Int = 0) {
        self.init(name: name)
        (self.numbers, self.missing, self.restarts) = (numbers, missing, restarts)
    }
}

@Suite("Gaps in the numbers of producers")
struct SequenceGapsTests {
    @Test("names the numbers between those that came, and when they should have come")
    func holes() {
        let found = gaps([(5, 0), (6, 1), (9, 2), (10, 3), (12, 9)])
        #expect(found.ranges == [7...8, 11...11])
        #expect(found.gaps[0].after == 1_000 && found.gaps[0].before == 2_000)
        #expect(found.only == SequenceGaps.Source("s", numbers: 5, missing: 3))
    }

    @Test("closes a hole when its number comes late, whatever the order", arguments: [1, 3, 37, 49, 99], [0, 50, 99])
    func order(step: Int64, first: Int64) {
        // Each number below 100 once: the steps have no divisor in common with it.
        let numbers = (0..<100).map { (Int64($0) * step + first) % 100 }
        // All within the time in which lines may come out of order.
        #expect(gaps(numbers.map { ($0, 0) }).ranges == [])
        let holey = numbers.filter { $0 % 10 != 3 }
        #expect(gaps(holey.map { ($0, 0) }).only.missing == 10)
    }

    @Test("takes a number that begins again for a new life of the counter")
    func restarts() {
        let lives = (0..<10).map { (Int64($0), Int64($0)) } + [(0, 20), (1, 21), (3, 22), (4, 23)]
        #expect(gaps(lives).ranges == [2...2])
        #expect(gaps(lives).only == SequenceGaps.Source("s", numbers: 14, missing: 1, restarts: 1))
        // The range began in the middle of a life.
        let below = gaps([(500, 0), (501, 1), (0, 10), (1, 11), (2, 12)])
        #expect(below.ranges == [] && below.only.restarts == 1)
    }

    @Test("counts a number that came twice, at once or much later")
    func repeated() {
        #expect(gaps([(1, 0), (2, 0), (2, 0), (1, 0), (3, 0)]).only.repeated == 2)
        let late = gaps([(1, 0), (2, 1), (3, 2), (2, 60), (4, 61), (5, 62)])
        #expect(late.ranges == [] && late.only.repeated == 1 && late.only.restarts == 0)
    }

    @Test("keeps a bounded number of holes, gaps and sources, and counts what is beyond")
    func limits() {
        let holey = gaps((0..<3_000).map { (2 * Int64($0), Int64($0)) })
        #expect(holey.gaps.count == SequenceGaps.maximumGaps && holey.missing == 2_999)
        var many = SequenceGaps()
        for source in 0..<SequenceGaps.maximumSources + 5 {
            many.note(ProducerSequence(source: "\(source)", number: 1), at: 0)
            many.note(ProducerSequence(source: "\(source)", number: .max), at: 1)
        }
        many.finish()
        #expect(many.sources.count == SequenceGaps.maximumSources && many.unfollowed == 10)
        #expect(many.sources[0].missing == UInt64(Int64.max) - 2)
    }
}
