import Aggregation
import Foundation
import Testing

@Suite struct IntervalTests {
    private static let calendar: Calendar = {
        var calendar = Calendar(identifier: .iso8601)
        calendar.timeZone = TimeZone(identifier: "UTC") ?? .gmt
        return calendar
    }()

    private static let components: [(Interval, Calendar.Component)] = [
        (.minute, .minute), (.hour, .hour), (.day, .day), (.week, .weekOfYear), (.month, .month),
    ]

    @Test func bucketsAreThoseOfTheISOCalendar() throws {
        for _ in 0..<2_000 {
            let time = Int64.random(in: 0..<253_402_300_800_000)
            let date = Date(timeIntervalSince1970: Double(time / 1_000))
            for (interval, component) in Self.components {
                let expected = try #require(Self.calendar.dateInterval(of: component, for: date))
                let start = interval.start(of: time)
                #expect(start == Int64(expected.start.timeIntervalSince1970) * 1_000)
                #expect(interval.next(after: start) == Int64(expected.end.timeIntervalSince1970) * 1_000)
            }
        }
    }

    @Test func startsAreAllBucketsOfARange() throws {
        for (interval, _) in Self.components {
            let first = Int64.random(in: 1_600_000_000_000..<1_700_000_000_000)
            let range = interval.widened(first..<first + Int64.random(in: 1..<9_000_000))
            let starts = try #require(interval.starts(in: range, limit: 10_000))
            #expect(starts.first == range.lowerBound)
            #expect(starts.last.map { interval.next(after: $0) } == range.upperBound)
            #expect(zip(starts, starts.dropFirst()).allSatisfy { interval.next(after: $0) == $1 })
            #expect(interval.starts(in: range, limit: starts.count - 1) == nil)
        }
    }

    @Test(arguments: [("day", Interval.day), ("HOUR", .hour), ("Week", .week)])
    func namesAreReadInAnyCase(name: String, interval: Interval) {
        #expect(Interval(name: name) == interval)
        #expect(Interval(name: name + "s") == nil)
    }
}

@Suite struct DurationTests {
    private static let hour: Int64 = 3_600_000

    @Test func aStartEndsAtTheNextEventOrTheTimeout() {
        let start = DurationEvent(time: 1_000, isStart: true)
        #expect(
            DurationSpan(of: start, next: DurationEvent(time: 5_000, isStart: false), timeout: 10_000)?.range
                == 1_000..<5_000)
        #expect(
            DurationSpan(of: start, next: DurationEvent(time: 50_000, isStart: true), timeout: 10_000)?.range
                == 1_000..<11_000)
        #expect(DurationSpan(of: start, next: nil, timeout: 10_000)?.range == 1_000..<11_000)
        #expect(DurationSpan(of: DurationEvent(time: 1_000, isStart: false), next: nil, timeout: 10_000) == nil)
    }

    @Test func partsAddUpToTheSpan() throws {
        for _ in 0..<500 {
            let start = Int64.random(in: 1_700_000_000_000..<1_800_000_000_000)
            let length = Int64.random(in: 1...100 * Self.hour)
            let span = try #require(
                DurationSpan(of: DurationEvent(time: start, isStart: true), next: nil, timeout: length))
            for interval in [Interval.hour, .day, .week, .month] {
                let parts = Array(span.parts(by: interval))
                #expect(parts.map(\.milliseconds).reduce(0, +) == length)
                #expect(parts.allSatisfy { interval.start(of: $0.bucket) == $0.bucket && $0.milliseconds > 0 })
                #expect(parts.first?.bucket == interval.start(of: start))
                #expect(Set(parts.map(\.bucket)).count == parts.count)
            }
        }
    }
}
