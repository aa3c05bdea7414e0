import Aggregation
import HTTPTypes
import Hummingbird
import Meter
import MeterLine
import NIOCore
import Platform
import Store

/// A meter over time; any number can be opened down to the records that it is made of.
struct UsageScreen: Sendable {
    private static let maximumGroups = 20

    let parts: PlatformParts
    let pages: Pages

    var screens: [Screen] {
        [
            Screen(.get, "/usage", .read, show), Screen(.get, "/usage/export", .read, export),
            Screen(.get, "/usage/figure", .read, FigurePage(parts: parts, pages: pages).show),
        ]
    }

    private struct Content {
        struct Range {
            let title: String
            let path: String
            let isCurrent: Bool
        }

        struct Bucket {
            let start: String
            let value: String
            let change: String
            let path: String
        }

        struct Group {
            let name: String
            let value: String
            let share: String
            let percent: String
            let spark: String
            let path: String
            let only: String
        }

        struct Condition {
            let text: String
            let without: String
        }

        let meters: [Choice]
        let hasMeters: Bool
        let question: UsageQuestion
        let intervals: [Choice]
        let functions: [Choice]
        let keys: [Choice]
        let views: [Choice]
        let ranges: [Range]
        let conditions: [Condition]
        let hidden: [EventRow.Pair]
        let label: String
        let function: String
        let total: String
        let totalPath: String
        let before: String?
        let change: String?
        let beforeTime: String
        let isTable: Bool
        let chart: String
        let buckets: [Bucket]
        let by: String
        let groups: [Group]
        let hasMoreGroups: Bool
        let isAdditive: Bool
        let export: String
        let spreadsheet: String
        let times: String
    }

    private func show(_ visit: Visit) async throws -> Response {
        let meters = try await parts.store.meters()
        let question = try UsageQuestion(
            visit.query, meter: meters.first?.meterApiName ?? "", now: parts.now())
        guard let meter = meters.first(where: { isSame($0.meterApiName, question.meter) }) else {
            guard meters.isEmpty else {
                throw APIError(.notFound, "There is no meter \"\(Show.text(question.meter))\".")
            }
            return try pages.show(
                Page(title: "Usage", section: .usage, template: "usage", content: ["hasMeters": false]), to: visit)
        }
        let names = try await parts.store.dimensions(ofMeter: meter.meterApiName)
        let content = try await content(
            question.fitting(meter, dimensions: names), meter, meters, dimensions: names)
        return try pages.show(
            Page(title: "Usage", section: .usage, template: "usage", content: content), to: visit)
    }

    private func content(
        _ question: UsageQuestion, _ meter: MeterDefinition, _ meters: [MeterDefinition], dimensions keys: [String]
    ) async throws -> Content {
        async let asked = parts.store.usage(question.query(question.times))
        async let previous = usageBefore(question)
        async let grouped = parts.store.usage(
            question.query(question.times, by: question.by, take: Self.maximumGroups + 1))
        let (answer, before) = (try await asked, try await previous)
        let groups = try await grouped
        let hasUsers = !meter.aggregationDimensions.isEmpty
        let series = answer.series.first
        let values = series.map { Array($0.values) } ?? []
        let earlier = before?.series.first.map { Array($0.values) } ?? []
        let total = series?.groupValue ?? "0"
        let function = answer.function
        let hidden = question.link().parameters.filter { $0.name.hasPrefix("dim.") || $0.name == "no" }
        return Content(
            meters: meters.map {
                Choice(
                    value: $0.meterApiName, title: Show.name($0.label),
                    isChosen: isSame($0.meterApiName, question.meter))
            }, hasMeters: true, question: question,
            intervals: Interval.allCases.map {
                Choice(value: $0.rawValue, title: $0.rawValue, isChosen: $0 == question.interval)
            },
            functions: [Choice(value: "", title: "own", isChosen: question.function == nil)]
                + Function.allCases.filter {
                    meter.meterType.allows($0, hasAggregationDimensions: hasUsers)
                }.map {
                    Choice(value: $0.name, title: $0.name, isChosen: $0 == question.function)
                },
            keys: (["customerId"] + keys).map {
                Choice(value: $0, title: Show.name($0), isChosen: isSame($0, question.by))
            },
            views: UsageQuestion.View.allCases.map {
                Choice(value: $0.rawValue, title: $0.rawValue, isChosen: $0 == question.view)
            }, ranges: ranges(question), conditions: Self.conditions(question),
            hidden: hidden.map { EventRow.Pair(name: $0.name, value: $0.value) }, label: Show.name(meter.label),
            function: function.name, total: Show.number(total), totalPath: question.figure(question.times).text,
            before: before.map { Show.number($0.series.first?.groupValue ?? "0") },
            change: Self.change(total, before?.series.first?.groupValue ?? "0"),
            beforeTime: "\(Time.day(question.before.lowerBound)) to \(Time.day(question.before.upperBound - 1))",
            isTable: question.view == .table, chart: Self.chart(values, earlier, question),
            buckets: values.map { Self.bucket($0, question) }, by: Show.name(question.by),
            groups: groups.series.prefix(Self.maximumGroups).map { Self.group($0, total, question) },
            hasMoreGroups: groups.series.count > Self.maximumGroups,
            isAdditive: function == .sum || function == .count, export: question.link("/usage/export").text,
            spreadsheet: question.link("/usage/export", for: "spreadsheet").text,
            times: "\(Time(question.times.lowerBound).text) to \(Time(question.times.upperBound).text)")
    }

    private func usageBefore(_ question: UsageQuestion) async throws -> UsageAnswer? {
        guard question.comparesBefore, !question.before.isEmpty else { return nil }
        return try await parts.store.usage(question.query(question.before))
    }

    private func ranges(_ question: UsageQuestion) -> [Content.Range] {
        let today = parts.now() / UsageQuestion.day * UsageQuestion.day
        let month = Interval.month.start(of: today)
        let lastMonth = Interval.month.start(of: month - 1)
        return [
            ("Today", today, today), ("7 days", today - 6 * UsageQuestion.day, today),
            ("30 days", today - 29 * UsageQuestion.day, today), ("This month", month, today),
            ("Last month", lastMonth, month - UsageQuestion.day),
        ].map { title, start, end in
            let (from, to) = (Time.day(start), Time.day(end))
            return .init(
                title: title,
                path: question.link().with("from", from).with("to", to).with("interval", nil).text,
                isCurrent: from == question.from && to == question.to)
        }
    }

    private static func conditions(_ question: UsageQuestion) -> [Content.Condition] {
        var conditions: [Content.Condition] = []
        if !question.customer.isEmpty {
            conditions.append(
                .init(
                    text: "customer \(Show.name(question.customer))",
                    without: question.link().with("customer", nil).text))
        }
        for match in question.dimensions {
            let text = match.value.map { "\(Show.name(match.name)) = \(Show.name($0))" }
            let link =
                match.value == nil
                ? question.link().without("no", match.name) : question.link().with("dim.\(match.name)", nil)
            conditions.append(.init(text: text ?? "without \(Show.name(match.name))", without: link.text))
        }
        return conditions
    }

    /// By how much the total differs from that of the time before; for the eye alone.
    private static func change(_ total: String, _ before: String) -> String? {
        guard let total = Double(total), let before = Double(before), before != 0 else { return nil }
        let ratio = (total - before) / abs(before)
        return (ratio >= 0 ? "+" : "−") + Show.percent(abs(ratio))
    }

    private static func chart(_ values: [UsageValue], _ before: [UsageValue], _ question: UsageQuestion) -> String {
        let style = Chart.Style(rawValue: question.view.rawValue) ?? .bars
        let bars = values.enumerated().map { index, value in
            let label = Time.bucket(value.start, question.interval.rawValue)
            let short = question.interval == .hour || question.interval == .minute ? String(label.suffix(5)) : label
            var title = "\(label) UTC: \(Show.number(value.value))"
            let earlier = before.indices.contains(index) ? before[index] : nil
            if let earlier { title += ", in the time before \(Show.number(earlier.value))" }
            return Chart.Bar(
                label: question.interval == .day ? String(short.suffix(5)) : short, title: title,
                // Heights on the screen need no more digits than a Double has; the title has them all.
                value: Double(value.value) ?? 0, before: earlier.flatMap { Double($0.value) },
                link: question.figure(value.start..<question.interval.next(after: value.start)).text)
        }
        return Chart(title: "Usage by \(question.interval.rawValue)", style: style, bars: bars).svg
    }

    private static func bucket(_ value: UsageValue, _ question: UsageQuestion) -> Content.Bucket {
        let percent = Double(value.percentageFromPrevious) ?? 0
        return .init(
            start: Time.bucket(value.start, question.interval.rawValue), value: Show.number(value.value),
            change: percent == 0 ? "" : (percent > 0 ? "+" : "−") + Show.percent(abs(percent) / 100),
            path: question.figure(value.start..<question.interval.next(after: value.start)).text)
    }

    private static func group(_ series: UsageSeries, _ total: String, _ question: UsageQuestion) -> Content.Group {
        let name = series.group.texts.first ?? nil
        let isCustomer = question.by == "customerId"
        let share = (Double(series.groupValue) ?? 0) / (Double(total) ?? 0)
        let figure =
            isCustomer
            ? question.figure(question.times, customer: name)
            : question.figure(question.times, group: [.init(name: question.by, value: name)])
        let only =
            isCustomer
            ? question.link().with("customer", name)
            : name.map { question.link().with("dim.\(question.by)", $0) } ?? question.link().adding("no", question.by)
        return .init(
            name: name.map(Show.name) ?? "(without)", value: Show.number(series.groupValue),
            share: Chart.share(share), percent: Show.percent(share),
            spark: Chart.spark(series.values.map { Double($0.value) ?? 0 }, title: "over time"), path: figure.text,
            only: only.text)
    }

    // MARK: - For a spreadsheet

    /// What reads an export.
    private enum Reader: String, CaseIterable {
        case spreadsheet
    }

    /// Every group and bucket as CSV, exact and without a limit; `for=spreadsheet` keeps names from being run as formulas.
    private func export(_ visit: Visit) async throws -> Response {
        let question = try UsageQuestion(visit.query, now: parts.now())
        let isForSpreadsheet = try visit.query.choice("for", Reader.self) == .spreadsheet
        let cell: @Sendable (String) -> String = { isForSpreadsheet ? CSVLine.spreadsheetText($0) : $0 }
        let answer = try await parts.store.usage(question.query(question.times, by: question.by))
        let interval = question.interval.rawValue
        let name = "usage-\(Time.day(question.times.lowerBound))-\(Time.day(question.times.upperBound - 1)).csv"
        return Response(
            status: .ok,
            headers: [
                .contentType: "text/csv; charset=utf-8", .cacheControl: "no-store",
                .contentDisposition: "attachment; filename=\"\(name)\"",
            ],
            body: ResponseBody { writer in
                try await writer.write(
                    ByteBuffer(string: CSVLine.text(["bucket", "meterApiName", cell(question.by), "value"]) + "\r\n"))
                for series in answer.series {
                    var lines = ""
                    for value in series.values {
                        lines +=
                            CSVLine.text([
                                Time.bucket(value.start, interval), cell(question.meter),
                                cell(series.group.texts.first?.flatMap { $0 } ?? ""), value.value,
                            ]) + "\r\n"
                    }
                    try await writer.write(ByteBuffer(string: lines))
                }
                try await writer.finish(nil)
            })
    }
}

/// Whether two texts have the same bytes: Swift's own comparison takes canonically equivalent ones for equal.
func isSame(_ left: String, _ right: String) -> Bool {
    left.utf8.elementsEqual(right.utf8)
}
