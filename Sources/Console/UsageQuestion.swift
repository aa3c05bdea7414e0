import Aggregation
import HTTPTypes
import Meter
import Platform
import Store

/// What the usage page is asked for, as its address says.
struct UsageQuestion: Sendable {
    /// How the answer is shown.
    enum View: String, CaseIterable {
        case bars
        case lines
        case table
    }

    static let day: Int64 = 86_400_000
    private static let defaultDays: Int64 = 30
    /// More of them are neither told apart on a screen nor quickly loaded.
    private static let maximumBuckets = 400

    let meter: String
    let from: String
    let to: String
    let times: Range<Int64>
    let interval: Interval
    private(set) var function: Function?
    private(set) var by: String
    let customer: String
    /// What dimensions must be; an absent value is the absence of the dimension.
    private(set) var dimensions: [UsageEventQuery.Match]
    let view: View
    let comparesBefore: Bool

    /// - Parameter meter: the one that is meant where none is named.
    init(_ reader: QueryReader, meter: String = "", now: Int64) throws(APIError) {
        self.meter = reader.text("meter") ?? meter
        let today = now / Self.day * Self.day
        let end = reader.text("to").flatMap { $0.isEmpty ? nil : $0 } ?? Time.day(today)
        let start =
            reader.text("from").flatMap { $0.isEmpty ? nil : $0 } ?? Time.day(today - (Self.defaultDays - 1) * Self.day)
        guard let times = try TimeRange.times(from: start, to: end), !times.isEmpty else {
            throw APIError(.badRequest, "The time is empty.")
        }
        (from, to) = (start, end)
        let length = times.upperBound - times.lowerBound
        interval =
            reader.text("interval").flatMap { Interval(rawValue: $0) }
            ?? (length <= 2 * Self.day ? .hour : length <= 62 * Self.day ? .day : .month)
        // Usage is told of whole buckets, and so are the records behind it.
        self.times = interval.widened(times)
        guard interval.starts(in: self.times, limit: Self.maximumBuckets) != nil else {
            throw APIError(.badRequest, "The time holds too many buckets. Choose a longer interval or a shorter time.")
        }
        function = reader.text("aggregation").flatMap { Function(name: $0) }
        by = reader.text("by").flatMap { $0.isEmpty ? nil : $0 } ?? "customerId"
        customer = reader.text("customer") ?? ""
        dimensions =
            reader.texts(beginning: "dim.").map { UsageEventQuery.Match(name: $0.name, value: $0.value) }
            + reader.texts("no").map { UsageEventQuery.Match(name: $0, value: nil) }
        view = try reader.choice("view", View.self) ?? .bars
        comparesBefore = reader.text("compare") == "1"
    }

    /// The address that asks the same.
    ///
    /// - Parameter reader: what reads the answer, where that makes a difference.
    func link(_ path: String = "/usage", for reader: String? = nil) -> Link {
        Link(
            path,
            [
                ("meter", meter), ("from", from), ("to", to), ("interval", interval.rawValue),
                ("aggregation", function?.name), ("by", by == "customerId" ? nil : by),
                ("customer", customer.filled),
                ("view", view == .bars ? nil : view.rawValue), ("compare", comparesBefore ? "1" : nil),
                ("for", reader),
            ] + Self.parameters(dimensions))
    }

    /// The address of the records behind a figure.
    func figure(_ times: Range<Int64>, group: [UsageEventQuery.Match] = [], customer: String? = nil) -> Link {
        Link(
            "/usage/figure",
            [
                ("meter", meter), ("from", Time.iso(max(0, times.lowerBound))),
                ("to", Time.iso(min(times.upperBound, RecordLimits.timesInMillis.upperBound))),
                ("interval", interval.rawValue), ("aggregation", function?.name),
                ("customer", (customer ?? self.customer).filled),
            ] + Self.parameters(dimensions + group))
    }

    private static func parameters(_ dimensions: [UsageEventQuery.Match]) -> [(String, String?)] {
        dimensions.map { match in
            match.value.map { ("dim.\(match.name)", $0) } ?? ("no", match.name)
        }
    }

    /// The query for a time, which the store answers.
    func query(_ times: Range<Int64>, by key: String? = nil, take: Int? = nil) -> UsageQuery {
        var filters: [UsageQuery.Filter] = []
        if !customer.isEmpty { filters.append(.init(key: .customer, values: [customer])) }
        filters += dimensions.map { .init(key: .dimension($0.name), values: [$0.value]) }
        return UsageQuery(
            meterApiName: meter, function: function, interval: interval, range: times, filters: filters,
            groupBy: key.map { [$0 == "customerId" ? .customer : .dimension($0)] } ?? [], fillsGaps: true,
            take: take.map { Take(limit: $0, isAscending: false) })
    }

    /// As many buckets as are asked for, right before them.
    var before: Range<Int64> {
        var start = times.lowerBound
        for _ in interval.starts(in: times, limit: Self.maximumBuckets) ?? [] where start > 0 {
            start = interval.start(of: start - 1)
        }
        // Nothing is before 1970, where the first week begins earlier.
        return min(max(0, start), times.lowerBound)..<times.lowerBound
    }

    /// The same for a meter that does not allow all of it: what does not fit is left to the meter.
    func fitting(_ meter: MeterDefinition, dimensions known: [String]) -> UsageQuestion {
        var question = self
        let hasUsers = !meter.aggregationDimensions.isEmpty
        if let function, !meter.meterType.allows(function, hasAggregationDimensions: hasUsers) {
            question.function = nil
        }
        func isKnown(_ name: String) -> Bool { known.contains { isSame($0, name) } }
        if by != "customerId", !isKnown(by) { question.by = "customerId" }
        question.dimensions = dimensions.filter { isKnown($0.name) }
        return question
    }
}
