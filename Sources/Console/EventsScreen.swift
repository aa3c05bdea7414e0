import HTTPTypes
import Hummingbird
import Meter
import MeterLine
import Platform
import Store

/// Records as they came: live, filtered, and one by one.
struct EventsScreen: Sendable {
    private static let pageSize = 50
    /// A list that was paused for long begins with so many of the newest records; it would show no more of them.
    private static let mostBehind: Int64 = 1_000

    let parts: PlatformParts
    let pages: Pages

    var screens: [Screen] {
        [
            Screen(.get, "/events", .read, list),
            Screen(.get, "/events/stream", .read, stream),
            Screen(.get, "/events/{number}", .read, one),
        ]
    }

    // MARK: - Many

    /// What the form above the list asks for.
    private struct Filter {
        let meter: String
        let customer: String
        let dimension: String
        let source: String
        let from: String
        let to: String
        let states: [Choice]
        let query: EventQuery
        let link: Link

        init(_ reader: QueryReader) throws(APIError) {
            meter = reader.text("meter") ?? ""
            customer = reader.text("customer") ?? ""
            dimension = reader.text("dimension") ?? ""
            source = reader.text("source") ?? ""
            from = reader.text("from") ?? ""
            to = reader.text("to") ?? ""
            let state = reader.text("state") ?? ""
            states =
                [Choice(value: "", title: "any", isChosen: state.isEmpty)]
                + StoredEvent.State.allCases.map {
                    Choice(value: $0.rawValue, title: EventRow.name(of: $0), isChosen: $0.rawValue == state)
                }
            var query = EventQuery()
            if !meter.isEmpty { query.meterApiName = meter }
            if !customer.isEmpty { query.customerId = customer }
            if !source.isEmpty { query.logGroup = source }
            if !dimension.isEmpty { query.dimensions = [try Self.dimension(dimension)] }
            if !state.isEmpty { query.state = StoredEvent.State(rawValue: state) }
            query.times = try TimeRange.times(from: from, to: to)
            query.limit = EventsScreen.pageSize
            query.cursor = try reader.int("cursor", in: EventRoutes.numbers)
            self.query = query
            link = Link(
                "/events",
                [
                    ("meter", meter.filled), ("customer", customer.filled), ("dimension", dimension.filled),
                    ("source", source.filled), ("from", from.filled), ("to", to.filled), ("state", state.filled),
                ])
        }

        private static func dimension(_ text: String) throws(APIError) -> Dimension {
            guard let (name, value) = Pair.split(text) else {
                throw APIError(.badRequest, "A dimension is written as name=value.")
            }
            return Dimension(name: name, value: value)
        }
    }

    private struct Content {
        let filter: Filter
        let rows: [EventRow]
        let isFirstPage: Bool
        let newest: Int64
        let stream: String
        let next: String?
        let isFiltered: Bool
    }

    private func list(_ visit: Visit) async throws -> Response {
        let filter = try Filter(visit.query)
        let newest = try await parts.store.newestEvent()
        let page = try await parts.store.events(filter.query)
        let content = Content(
            filter: filter, rows: page.events.map { EventRow($0) }, isFirstPage: filter.query.cursor == nil,
            newest: max(newest, page.events.first?.number ?? 0),
            stream: filter.link.text.replacing("/events", with: "/events/stream", maxReplacements: 1),
            next: page.cursor.map { filter.link.with("cursor", "\($0)").text },
            isFiltered: !filter.link.parameters.isEmpty)
        return try pages.show(
            Page(title: "Events", section: .events, template: "events", content: content), to: visit)
    }

    /// The rows of the list as they arrive.
    private func stream(_ visit: Visit) async throws -> Response {
        let filter = try Filter(visit.query)
        var query = filter.query
        query.cursor = nil
        return try await EventStream(store: parts.store, hub: parts.hub, query: query) { [pages] event, output in
            output.append(contentsOf: ((try? pages.fragment("event-row", EventRow(event))) ?? "").utf8)
        }.response(to: visit.request, atMostBehind: Self.mostBehind, while: visit.isStillAllowed)
    }

    // MARK: - One

    private struct Details {
        struct Repetition {
            let received: Time
            let intake: String
            let object: String?
        }

        struct Counterpart {
            let number: Int64
            let path: String
            let isCancel: Bool
        }

        let row: EventRow
        let received: Time
        let lag: String
        let isLogged: Bool
        let uniqueId: String?
        let isTimeDerived: Bool
        let source: RecordSource?
        let sourceTime: Time?
        let sourceEvents: String?
        let intake: String
        let object: String?
        let repetitions: [Repetition]
        let repeated: String
        let hasMoreRepetitions: Bool
        let counterpart: Counterpart?
        let meaning: String
        let usage: String?
        let defineMeter: String?
        let json: String
    }

    private func one(_ visit: Visit) async throws -> Response {
        guard let number = Int64(visit.parameter("number")), let event = try await parts.store.event(number) else {
            throw APIError(.notFound, "There is no event of this number. It may be past retention.")
        }
        let trail = try await parts.store.trail(of: number)
        let content = Self.details(of: event, trail)
        return try pages.show(
            Page(title: "Event \(number)", section: .events, template: "event", content: content), to: visit)
    }

    private static func details(of event: StoredEvent, _ trail: EventTrail) -> Details {
        let record = event.record
        var json: [UInt8] = []
        EventRoutes.append(event, to: &json)
        var source = record.source
        if let known = source {
            source = RecordSource(
                account: Show.text(known.account), logGroup: Show.text(known.logGroup),
                logStream: Show.text(known.logStream), eventId: Show.text(known.eventId), timestamp: known.timestamp,
                ordinal: known.ordinal, timeDerived: known.timeDerived)
        }
        let day = Time.day(record.meterTimeInMillis)
        let isCounted = event.state == .counted
        return Details(
            row: EventRow(event), received: Time(event.received),
            lag: Show.duration(
                milliseconds: event.received - (record.source?.timestamp ?? record.meterTimeInMillis)),
            isLogged: record.source?.timestamp != nil, uniqueId: record.uniqueId.map(Show.name),
            isTimeDerived: record.source?.timeDerived ?? false,
            source: source, sourceTime: record.source?.timestamp.map { Time($0) },
            sourceEvents: record.source.map { Link("/events", [("source", $0.logGroup)]).text },
            intake: Show.text(SourceName.text(event.intake)), object: event.object.map(Show.text),
            repetitions: trail.repetitions.map {
                .init(
                    received: Time($0.received), intake: Show.text(SourceName.text($0.intake)),
                    object: $0.object.map(Show.text))
            }, repeated: Show.count(event.duplicates),
            hasMoreRepetitions: event.duplicates > trail.repetitions.count,
            counterpart: trail.counterpart.map {
                .init(number: $0, path: Link("/events/\($0)").text, isCancel: event.state != .cancel)
            }, meaning: meaning(of: event.state),
            usage: isCounted
                ? Link(
                    "/usage",
                    [("meter", record.meterApiName), ("customer", record.customerId), ("from", day), ("to", day)]
                ).text : nil,
            defineMeter: event.state == .undefined
                ? Link("/meters/new", [("name", record.meterApiName)]).text : nil,
            json: Show.text(String(decoding: json, as: UTF8.self)))
    }

    private static func meaning(of state: StoredEvent.State) -> String {
        switch state {
        case .counted: "It counts toward its meter's usage."
        case .cancelled: "It does not count: it was taken back, or an equal record of an earlier time counts."
        case .undefined: "It does not count yet: its meter is not defined. It counts as soon as the meter is."
        case .cancel: "It takes back the record that is otherwise equal, and is not usage itself."
        }
    }
}

/// A record as a list shows it.
struct EventRow: Sendable {
    struct Pair: Sendable {
        let name: String
        let value: String
    }

    let number: Int64
    let path: String
    let received: Time
    let time: Time
    let meter: String
    let customer: String
    let value: String
    let dimensions: [Pair]
    let state: String
    let style: String
    let source: String
    let duplicates: String?

    init(_ event: StoredEvent) {
        let record = event.record
        number = event.number
        path = Link("/events/\(event.number)").text
        received = Time(event.received)
        time = Time(record.meterTimeInMillis)
        meter = Show.name(record.meterApiName)
        customer = Show.name(record.customerId)
        value = Show.number(record.meterValue.text)
        dimensions = record.dimensions.map { Pair(name: Show.name($0.name), value: Show.name($0.value)) }
        state = Self.name(of: event.state)
        style =
            switch event.state {
            case .counted: "good"
            case .undefined: "warn"
            case .cancelled, .cancel: "plain"
            }
        source = Show.text(record.source?.logGroup ?? SourceName.text(event.intake))
        duplicates = event.duplicates > 0 ? Show.count(event.duplicates) : nil
    }

    static func name(of state: StoredEvent.State) -> String {
        switch state {
        case .counted: "counted"
        case .cancelled: "taken back"
        case .undefined: "undefined"
        case .cancel: "cancel"
        }
    }
}

/// The times between two fields of a form, in UTC.
enum TimeRange {
    /// Nil when neither is filled in; a day as the end is included whole.
    static func times(from: String, to: String) throws(APIError) -> Range<Int64>? {
        guard !from.isEmpty || !to.isEmpty else { return nil }
        let start = from.isEmpty ? 0 : try time(from)
        let end = to.isEmpty ? RecordLimits.timesInMillis.upperBound : try time(to) + (to.count == 10 ? 86_400_000 : 0)
        guard start <= end else { throw APIError(.badRequest, "The time ends before it begins.") }
        return start..<end
    }

    private static func time(_ text: String) throws(APIError) -> Int64 {
        guard let time = Time.milliseconds(text), RecordLimits.timesInMillis.contains(time) else {
            throw APIError(.badRequest, "\"\(Show.text(text))\" is no time; write 2026-10-31 or 2026-10-31T12:00.")
        }
        return time
    }
}
