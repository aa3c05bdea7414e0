import Aggregation
import Hummingbird
import Meter
import Platform
import Store

/// The records that a figure is made of, and whether they add up to it.
struct FigurePage: Sendable {
    private static let pageSize = 100
    /// As many records are added up again at most, a page of them at a time.
    private static let maximumRecounted = 50_000
    private static let recountedAtOnce = 5_000

    let parts: PlatformParts
    let pages: Pages

    private struct Content {
        let meter: String
        let label: String
        let times: String
        let conditions: [String]
        let function: String
        let figure: String
        let records: String
        let recount: String?
        let agrees: Bool
        let disagrees: Bool
        let isMoving: Bool
        let explanation: String
        let rows: [EventRow]
        let next: String?
        let back: String
    }

    @Sendable func show(_ visit: Visit) async throws -> Response {
        let question = try UsageQuestion(visit.query, now: parts.now())
        let meters = try await parts.store.meters()
        guard let meter = meters.first(where: { isSame($0.meterApiName, question.meter) }) else {
            throw APIError(.notFound, "There is no meter \"\(Show.text(question.meter))\".")
        }
        let after = try Self.position(visit.query)
        let before = try await parts.store.newestEvent()
        let (figure, function) = try await figure(question)
        let recount = try await recount(question)
        let isMoving = try await parts.store.newestEvent() != before
        let found = try await events(question, limit: Self.pageSize, after: after)
        let isDuration = meter.meterType == .eventDuration && function == .sum
        let isDerived = isDuration || function == .unique
        let result = isDerived ? nil : recount?.text(for: function)
        let next = found.isLast ? nil : found.events.last
        let content = Content(
            meter: Show.name(question.meter), label: Show.name(meter.label),
            times: "\(Time(question.times.lowerBound).text) to \(Time(question.times.upperBound).text)",
            conditions: Self.conditions(question), function: function.name, figure: Show.number(figure),
            records: recount.map { Show.count($0.count) } ?? "more than \(Show.count(Self.maximumRecounted))",
            recount: result.map(Show.number), agrees: result == figure,
            disagrees: result != nil && result != figure && !isMoving,
            isMoving: result != nil && result != figure && isMoving,
            explanation: Self.explanation(function, isDuration: isDuration),
            rows: found.events.map { EventRow($0) },
            next: next.map { event in
                Link(
                    "/usage/figure",
                    visit.query.parameters.filter { $0.name != "after" }.map { ($0.name, $0.value) } + [
                        ("after", "\(event.record.meterTimeInMillis).\(event.number)")
                    ]
                ).text
            },
            back: question.link().with("from", Time.day(max(0, question.times.lowerBound)))
                .with("to", Time.day(question.times.upperBound - 1)).text)
        return try pages.show(
            Page(title: "A figure of \(Show.name(meter.label))", section: .usage, template: "figure", content: content),
            to: visit)
    }

    private static func position(_ reader: QueryReader) throws(APIError) -> UsageEventQuery.Position? {
        guard let text = reader.text("after") else { return nil }
        let numbers = text.split(separator: ".", omittingEmptySubsequences: false).map { Int64($0) }
        guard numbers.count == 2, let time = numbers[0], let number = numbers[1],
            let position = EventRoutes.position(time: time, number: number)
        else { throw APIError(.badRequest, "This page is none that an earlier one led to.") }
        return position
    }

    private static func conditions(_ question: UsageQuestion) -> [String] {
        (question.customer.isEmpty ? [] : ["customer \(Show.name(question.customer))"])
            + question.dimensions.map { match in
                match.value.map { "\(Show.name(match.name)) = \(Show.name($0))" } ?? "without \(Show.name(match.name))"
            }
    }

    private func events(
        _ question: UsageQuestion, limit: Int, after: UsageEventQuery.Position?
    ) async throws -> UsageEventPage {
        var query = UsageEventQuery(
            meterApiName: question.meter, customerId: question.customer.isEmpty ? nil : question.customer,
            times: question.times, isAscending: true, limit: limit, after: after)
        query.dimensions = question.dimensions
        return try await parts.store.usageEvents(query)
    }

    /// What usage says of the time as one bucket after the other.
    private func figure(_ question: UsageQuestion) async throws -> (text: String, function: Function) {
        let answer = try await parts.store.usage(question.query(question.times))
        return (answer.series.first?.groupValue ?? "0", answer.function)
    }

    /// Adds all records up again; nil when they are too many to do so while somebody waits.
    private func recount(_ question: UsageQuestion) async throws -> Recount? {
        var recount = Recount()
        var after: UsageEventQuery.Position?
        while true {
            let page = try await events(question, limit: Self.recountedAtOnce, after: after)
            for event in page.events { try recount.add(event) }
            guard !page.isLast, let last = page.events.last else { return recount }
            guard recount.count <= Self.maximumRecounted else { return nil }
            after = .init(time: last.record.meterTimeInMillis, number: last.number)
        }
    }

    private static func explanation(_ function: Function, isDuration: Bool) -> String {
        if isDuration {
            return "The figure is the time in seconds between starts (1) and stops (0); a start before this time "
                + "reaches into it."
        }
        switch function {
        case .sum: return "The figure is the sum of the values of these records."
        case .count: return "The figure is the number of these records."
        case .min: return "The figure is the smallest value of these records."
        case .max: return "The figure is the greatest value of these records."
        case .average: return "The figure is the mean of the values of these records."
        case .unique: return "The figure is the number of distinct users among these records."
        case .latest: return "The figure is the value of the latest of these records."
        }
    }
}

/// What records add up to when each is looked at.
private struct Recount {
    private(set) var count = 0
    private var sum = ExactDecimal.zero
    private var least: ExactDecimal?
    private var greatest: ExactDecimal?
    private var latest: (time: Int64, value: ExactDecimal)?

    mutating func add(_ event: StoredEvent) throws {
        let value = ExactDecimal(event.record.meterValue)
        let time = event.record.meterTimeInMillis
        count += 1
        sum = try sum.adding(value)
        least = min(least ?? value, value)
        greatest = max(greatest ?? value, value)
        if let known = latest, (known.time, known.value) > (time, value) { return }
        latest = (time, value)
    }

    /// The result of a function; nil for one that takes more than these figures.
    func text(for function: Function) -> String? {
        switch function {
        case .sum: sum.text
        case .count: "\(count)"
        case .min: (least ?? .zero).text
        case .max: (greatest ?? .zero).text
        case .latest: (latest?.value ?? .zero).text
        case .average, .unique: nil
        }
    }
}
