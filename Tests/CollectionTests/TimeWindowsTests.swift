import Collection
import Testing

@Suite("Windows of time")
struct TimeWindowsTests {
    /// Walks over a range in which there are events at given times, as a reader with a limit would.
    private func walk(_ range: Range<Int64>, _ times: [Int64], target: Int) -> [Range<Int64>] {
        var windows = TimeWindows(range, target: target)
        var settled: [Range<Int64>] = []
        var steps = 0
        while let window = windows.current, steps < 100_000 {
            steps += 1
            let inside = times.filter { window.contains($0) }
            if inside.count > target, windows.narrow(seen: inside.prefix(target).max() ?? window.lowerBound) {
                continue
            }
            settled.append(window)
            windows.finish(found: inside.count)
        }
        #expect(steps < 100_000)
        return settled
    }

    private func isPartition(_ windows: [Range<Int64>], of range: Range<Int64>) -> Bool {
        windows.first?.lowerBound == range.lowerBound && windows.last?.upperBound == range.upperBound
            && zip(windows, windows.dropFirst()).allSatisfy { $0.upperBound == $1.lowerBound }
    }

    @Test("cover the range once, and hold no more than they should but in one millisecond")
    func cover() {
        let day: Int64 = 86_400_000
        let burst = (0..<5_000).map { day / 2 + Int64($0) / 10 }
        let steady = (0..<2_000).map { Int64($0) * (day / 2_000) }
        let moment = [Int64](repeating: day / 3, count: 700)
        let times = (burst + steady + moment).sorted()
        let windows = walk(0..<day, times, target: 500)
        #expect(isPartition(windows, of: 0..<day))
        for window in windows where window.count > 1 {
            #expect(times.count { window.contains($0) } <= 500)
        }
        #expect(windows.contains { $0.count == 1 && $0.contains(day / 3) })
    }

    @Test("grow fast where there is nothing")
    func empty() {
        let windows = walk(0..<(400 * 86_400_000), [], target: 100)
        #expect(isPartition(windows, of: 0..<(400 * 86_400_000)))
        #expect(windows.count < 12)
    }

    @Test("may cover all times that there are")
    func longest() {
        let whole: Range<Int64> = 0..<253_402_300_799_999
        let windows = walk(whole, [5], target: 200_000)
        #expect(isPartition(windows, of: whole))
    }

    @Test("are none for an empty range")
    func none() {
        #expect(TimeWindows(5..<5, target: 1).current == nil)
    }
}

@Suite("Settled ranges")
struct SettledRangesTests {
    @Test("merge, and tell what is missing")
    func merge() {
        var settled = SettledRanges()
        #expect(settled.missing(of: 0..<10) == [0..<10])
        settled.insert(2..<4)
        settled.insert(6..<8)
        #expect(settled.missing(of: 0..<10) == [0..<2, 4..<6, 8..<10])
        #expect(settled.missing(of: 3..<7) == [4..<6])
        settled.insert(4..<6)
        #expect(settled.ranges == [2..<8])
        settled.insert(0..<20)
        #expect(settled.ranges == [0..<20])
        #expect(settled.missing(of: 5..<15).isEmpty)
    }
}
