import Hummingbird
import Meter
import MeterLine
package import Store

/// The records as they came: listed, one by one, and as they arrive.
package struct EventRoutes: Sendable {
    let store: any Store
    let keys: KeyRing
    let hub: EventHub

    package static let numbers: ClosedRange<Int64> = 1...Int64.max

    private static let parameters = [
        "meterApiName", "customerId", "source", "dimension.", "from", "to", "sourceFrom", "sourceTo", "state", "limit",
        "cursor", "isAscending",
    ]
    private static let parametersOfStream = ["meterApiName", "customerId", "after"]
    private static let parametersOfUsage = [
        "meterApiName", "customerId", "startTimeInSeconds", "endTimeInSeconds", "isAscending", "limit", "pageSize",
        "nextPageToken",
    ]

    var routes: [Route] {
        [
            Route(.get, "/events", .read, parameters: Self.parameters) { request, _ in try await list(request) },
            Route(.post, "/events/find", .read) { request, _ in try await FindRequest.answer(request, store) },
            Route(.get, "/events/stream", .read, parameters: Self.parametersOfStream) { request, _ in
                try await stream(request)
            },
            Route(.get, "/events/{number}", .read) { _, context in try await one(context) },
            Route(.get, "/usage/events", .read, parameters: Self.parametersOfUsage) { request, _ in
                try await usageEvents(request)
            },
        ]
    }

    private func list(_ request: Request) async throws -> Response {
        let page = try await store.events(try Self.query(QueryReader(request)))
        var output: [UInt8] = []
        var object = JSONObjectWriter(&output)
        object.name("events", &output)
        output.append(UInt8(ascii: "["))
        for (index, event) in page.events.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            Self.append(event, to: &output)
        }
        output.append(UInt8(ascii: "]"))
        object.literal("cursor", page.cursor.map { "\"\($0)\"" } ?? "null", &output)
        object.end(&output)
        return .json(output)
    }

    /// The query that the parameters of a request ask for.
    package static func query(_ reader: QueryReader) throws(APIError) -> EventQuery {
        var query = EventQuery()
        query.meterApiName = reader.text("meterApiName")
        query.customerId = reader.text("customerId")
        query.logGroup = reader.text("source")
        query.dimensions = reader.texts(beginning: "dimension.").map { Dimension(name: $0.name, value: $0.value) }
        guard query.dimensions.count <= RecordLimits.dimensions else {
            throw APIError(
                .badRequest,
                "\(query.dimensions.count) dimensions are asked for, and no record has more than \(RecordLimits.dimensions)"
            )
        }
        let from = try reader.int("from", in: RecordLimits.timesInMillis)
        let to = try reader.int("to", in: RecordLimits.timesInMillis)
        if from != nil || to != nil {
            let (from, to) = (from ?? 0, to ?? RecordLimits.timesInMillis.upperBound)
            guard from <= to else { throw APIError(.badRequest, "to is before from") }
            query.times = from..<to
        }
        query.logTimes = try logTimes(reader)
        query.state = try reader.choice("state", StoredEvent.State.self)
        query.limit = Int(try reader.int("limit", in: 1...1_000) ?? 100)
        query.cursor = try reader.int("cursor", in: numbers)
        query.isAscending = try reader.bool("isAscending") ?? false
        return query
    }

    /// A range of log event times; an end before its start holds nothing.
    static func logTimes(_ reader: QueryReader) throws(APIError) -> Range<Int64>? {
        let from = try reader.int("sourceFrom", in: RecordLimits.timesInMillis)
        let to = try reader.int("sourceTo", in: RecordLimits.timesInMillis)
        guard from != nil || to != nil else { return nil }
        let start = from ?? 0
        return start..<max(start, to ?? RecordLimits.timesInMillis.upperBound)
    }

    private func one(_ context: APIContext) async throws -> Response {
        let event = try await store.event(context.parameters.get("number", as: Int64.self) ?? 0)
        guard let event else {
            throw APIError(.notFound, "there is no event of this number; it may be past retention")
        }
        var output: [UInt8] = []
        Self.append(event, to: &output)
        return .json(output)
    }

    // MARK: - As they arrive

    private func stream(_ request: Request) async throws -> Response {
        let reader = QueryReader(request)
        var query = EventQuery()
        query.meterApiName = reader.text("meterApiName")
        query.customerId = reader.text("customerId")
        let key = request.headers[.apiKey].flatMap { keys.find($0)?.id } ?? ""
        return try await EventStream(store: store, hub: hub, query: query) { event, output in
            Self.append(event, to: &output)
        }.response(to: request) { [keys] in keys.holds(id: key) }
    }

    // MARK: - In Amberflo's form

    private static let columns = [
        "uniqueId", "meterApiName", "customerId", "meterValue", "meterTimeInMillis", "dimensions", "number",
    ]

    private func usageEvents(_ request: Request) async throws -> Response {
        let reader = QueryReader(request)
        let meter = try reader.required("meterApiName")
        let start = try reader.int("startTimeInSeconds", in: UsageRequest.seconds) ?? 0
        let end = try reader.int("endTimeInSeconds", in: UsageRequest.seconds) ?? UsageRequest.seconds.upperBound
        guard start <= end else { throw APIError(.badRequest, "endTimeInSeconds is before startTimeInSeconds") }
        let limit = try reader.int("limit", in: 1...1_000_000_000)
        let pageSize = try reader.int("pageSize", in: 1...10_000) ?? 1_000
        let isAscending = try reader.bool("isAscending") ?? false
        let token = try Self.token(reader.text("nextPageToken"))
        let remaining = limit.map { $0 - (token?.given ?? 0) } ?? pageSize
        let size = max(0, min(pageSize, remaining))
        let query = UsageEventQuery(
            meterApiName: meter, customerId: reader.text("customerId"), times: start * 1_000..<end * 1_000,
            isAscending: isAscending, limit: Int(size), after: token?.position)
        let found = size == 0 ? nil : try await store.usageEvents(query)
        let page = found?.events ?? []
        let given = (token?.given ?? 0) + Int64(page.count)
        let isLast = found?.isLast ?? true || (limit.map { given >= $0 } ?? false)
        var output: [UInt8] = []
        var object = JSONObjectWriter(&output)
        object.name("query", &output)
        Self.append(query, limit: limit, pageSize: pageSize, to: &output)
        if let last = page.last, !isLast {
            object.member("nextPageToken", "\(last.record.meterTimeInMillis).\(last.number).\(given)", &output)
        } else {
            object.literal("nextPageToken", "null", &output)
        }
        object.name("columns", &output)
        appendJSONList(Self.columns, to: &output)
        object.name("rows", &output)
        output.append(UInt8(ascii: "["))
        for (index, event) in page.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            appendJSONList(Self.row(event), to: &output)
        }
        output.append(UInt8(ascii: "]"))
        object.end(&output)
        return .json(output)
    }

    private static func token(
        _ text: String?
    ) throws(APIError) -> (position: UsageEventQuery.Position, given: Int64)? {
        guard let text else { return nil }
        let numbers = text.split(separator: ".", omittingEmptySubsequences: false).map { Int64($0) }
        guard numbers.count == 3, let time = numbers[0], let number = numbers[1], let given = numbers[2],
            let position = position(time: time, number: number), (0...1_000_000_000).contains(given)
        else { throw APIError(.badRequest, "nextPageToken is none that an earlier answer gave") }
        return (position, given)
    }

    /// The place behind a record, as tokens and links name it; nil for a time or a number that no record has.
    package static func position(time: Int64, number: Int64) -> UsageEventQuery.Position? {
        guard RecordLimits.timesInMillis.contains(time), numbers.contains(number) else { return nil }
        return UsageEventQuery.Position(time: time, number: number)
    }

    private static func append(_ query: UsageEventQuery, limit: Int64?, pageSize: Int64, to output: inout [UInt8]) {
        var object = JSONObjectWriter(&output)
        object.member("meterApiName", query.meterApiName, &output)
        if let customer = query.customerId { object.member("customerId", customer, &output) }
        object.member("startTimeInSeconds", query.times.lowerBound / 1_000, &output)
        object.member("endTimeInSeconds", query.times.upperBound / 1_000, &output)
        object.literal("isAscending", query.isAscending ? "true" : "false", &output)
        if let limit { object.member("limit", limit, &output) }
        object.member("pageSize", pageSize, &output)
        object.end(&output)
    }

    private static func row(_ event: StoredEvent) -> [String] {
        var dimensions: [UInt8] = []
        append(event.record.dimensions, to: &dimensions)
        let record = event.record
        return [
            record.uniqueId ?? "", record.meterApiName, record.customerId, record.meterValue.text,
            "\(record.meterTimeInMillis)", String(decoding: dimensions, as: UTF8.self), "\(event.number)",
        ]
    }

    // MARK: - JSON

    /// Writes an event as the API shows it.
    package static func append(_ event: StoredEvent, to output: inout [UInt8]) {
        let record = event.record
        var object = JSONObjectWriter(&output)
        object.member("number", event.number, &output)
        object.member("receivedTimeInMillis", event.received, &output)
        object.member("state", event.state.rawValue, &output)
        if let uniqueId = record.uniqueId { object.member("uniqueId", uniqueId, &output) }
        object.member("meterApiName", record.meterApiName, &output)
        object.literal("meterValue", record.meterValue.text, &output)
        object.member("meterTimeInMillis", record.meterTimeInMillis, &output)
        object.member("customerId", record.customerId, &output)
        object.name("dimensions", &output)
        append(record.dimensions, to: &output)
        object.member("duplicates", event.duplicates, &output)
        if let source = record.source {
            object.name("source", &output)
            append(source, to: &output)
        }
        object.name("intake", &output)
        append(event.intake, object: event.object, to: &output)
        object.end(&output)
    }

    private static func append(_ dimensions: [Dimension], to output: inout [UInt8]) {
        var object = JSONObjectWriter(&output)
        for dimension in dimensions { object.member(dimension.name, dimension.value, &output) }
        object.end(&output)
    }

    static func append(_ source: RecordSource, to output: inout [UInt8]) {
        var object = JSONObjectWriter(&output)
        object.member("account", source.account, &output)
        object.member("logGroup", source.logGroup, &output)
        object.member("logStream", source.logStream, &output)
        object.member("eventId", source.eventId, &output)
        object.literal("timestamp", source.timestamp.map { "\($0)" } ?? "null", &output)
        object.member("ordinal", source.ordinal, &output)
        if source.timeDerived { object.literal("timeDerived", "true", &output) }
        object.end(&output)
    }

    static func append(_ intake: IntakeName, object key: String?, to output: inout [UInt8]) {
        var object = JSONObjectWriter(&output)
        object.member("kind", intake.kind.rawValue, &output)
        object.member("name", intake.name, &output)
        if let key { object.member("object", key, &output) }
        object.end(&output)
    }
}
