import Aggregation
import FoundationEssentials
import Hummingbird
import Meter
import MeterLine
import Store

/// The usage API: aggregated records, filled or sparse, one query or many.
struct UsageRoutes: Sendable {
    /// The most queries of a batch.
    static let maximumQueries = 100

    private static let parametersOfAll = [
        "startTimeInSeconds", "endTimeInSeconds", "timeGroupingInterval", "groupBy", "customerId",
    ]

    let store: any Store
    let now: @Sendable () -> Int64

    var routes: [Route] {
        [
            Route(.post, "/usage", .read) { request, _ in try await one(request, fillsGaps: true) },
            Route(.post, "/usage/batch", .read) { request, _ in try await many(request, fillsGaps: true) },
            Route(.post, "/usage/sparse", .read) { request, _ in try await one(request, fillsGaps: false) },
            Route(.post, "/usage/sparse/batch", .read) { request, _ in try await many(request, fillsGaps: false) },
            Route(.get, "/usage/all", .read, parameters: Self.parametersOfAll) { request, _ in try await all(request) },
        ]
    }

    private func one(_ request: Request, fillsGaps: Bool) async throws -> Response {
        let asked = try await RequestBodies.decode(UsageRequest.self, from: request)
        let answer = try await answer(asked, fillsGaps: fillsGaps)
        return UsageWriter.response { writer in try await writer.write(answer) }
    }

    private func many(_ request: Request, fillsGaps: Bool) async throws -> Response {
        let asked = try await RequestBodies.decode([UsageRequest].self, from: request)
        guard asked.count <= Self.maximumQueries else {
            throw APIError(.badRequest, "a batch holds at most \(Self.maximumQueries) queries")
        }
        var answers: [UsageWriter.Answer] = []
        for query in asked { answers.append(try await answer(query, fillsGaps: fillsGaps)) }
        return Self.response(answers)
    }

    /// Every meter by its own function; `groupBy=customerId` tells customers apart.
    private func all(_ request: Request) async throws -> Response {
        let query = QueryReader(request)
        let start = try query.int("startTimeInSeconds", in: UsageRequest.seconds)
        guard let start else { throw APIError(.badRequest, "the parameter startTimeInSeconds is missing") }
        let end = try query.int("endTimeInSeconds", in: UsageRequest.seconds)
        let groupBy = query.text("groupBy")
        guard groupBy == nil || groupBy == "customerId" else {
            throw APIError(.badRequest, "groupBy is customerId or absent: meters have no other key in common")
        }
        var answers: [UsageWriter.Answer] = []
        for meter in try await store.meters() {
            let asked = UsageRequest(
                meterApiName: meter.meterApiName, timeGroupingInterval: query.text("timeGroupingInterval"),
                timeRange: .init(startTimeInSeconds: start, endTimeInSeconds: end),
                filter: query.text("customerId").map { ["customerId": .init(values: [$0])] },
                groupBy: groupBy.map { [$0] })
            answers.append(try await answer(asked, fillsGaps: true))
        }
        return Self.response(answers)
    }

    private static func response(_ answers: [UsageWriter.Answer]) -> Response {
        UsageWriter.response { writer in
            try await writer.write("[")
            for (index, answer) in answers.enumerated() {
                if index > 0 { try await writer.write(",") }
                try await writer.write(answer)
            }
            try await writer.write("]")
        }
    }

    private func answer(_ asked: UsageRequest, fillsGaps: Bool) async throws -> UsageWriter.Answer {
        let query: UsageQuery
        do throws(APIError) {
            query = try asked.query(fillsGaps: fillsGaps, now: now())
        } catch {
            // What is wrong with a question about no meter does not matter.
            let names = try await store.meters().map(\.meterApiName)
            guard names.contains(where: { $0.utf8.elementsEqual(asked.meterApiName.utf8) }) else {
                throw APIError(.notFound, "there is no meter \"\(asked.meterApiName)\"; GET /meters lists them")
            }
            throw error
        }
        let answer = try await store.usage(query)
        return UsageWriter.Answer(query: query, answer: answer)
    }
}

/// A query as it is sent.
struct UsageRequest: RequestBody {
    static let members = KnownMembers.object([
        "meterApiName": .anything, "aggregation": .anything, "timeGroupingInterval": .anything,
        "timeRange": .object(["startTimeInSeconds": .anything, "endTimeInSeconds": .anything]), "filter": .names,
        "groupBy": .anything, "take": .object(["limit": .anything, "isAscending": .anything]),
    ])

    struct TimeRange: Decodable {
        var startTimeInSeconds: Int64
        var endTimeInSeconds: Int64?
    }

    struct TakeRequest: Decodable {
        var limit: Int
        var isAscending: Bool?
    }

    /// A list of texts, or one text alone.
    struct Values: Decodable {
        var values: [String]

        init(values: [String]) { self.values = values }

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let one = try? container.decode(String.self) {
                values = [one]
            } else {
                values = try container.decode([String].self)
            }
        }
    }

    var meterApiName: String
    var aggregation: String?
    var timeGroupingInterval: String?
    var timeRange: TimeRange
    var filter: [String: Values]?
    var groupBy: [String]?
    var take: TakeRequest?

    /// From 1970 to the end of the year 9999.
    static let seconds = 0...RecordLimits.timesInMillis.upperBound / 1_000

    /// What is asked for, checked.
    func query(fillsGaps: Bool, now: Int64) throws(APIError) -> UsageQuery {
        guard !meterApiName.isEmpty else { throw APIError(.badRequest, "meterApiName is empty") }
        let interval = try interval()
        let range = try range(interval, now: now)
        let function = try aggregation.map { name throws(APIError) in
            guard let function = Function(name: name) else {
                throw APIError(.badRequest, "aggregation is none of SUM, COUNT, MIN, MAX, AVG, UNIQUE, LATEST")
            }
            return function
        }
        if let take, take.limit < 1 { throw APIError(.badRequest, "take.limit is below 1") }
        let keys = (groupBy ?? []).map(Self.key)
        guard Set((groupBy ?? []).map { Array($0.utf8) }).count == keys.count else {
            throw APIError(.badRequest, "groupBy names a key twice")
        }
        let mostKeys = RecordLimits.dimensions + 1
        guard keys.count <= mostKeys, (filter ?? [:]).count <= mostKeys else {
            throw APIError(
                .badRequest,
                "groupBy and filter name at most \(mostKeys) keys each: customerId, and as many dimensions as a record may have"
            )
        }
        let filters = (filter ?? [:]).sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        return UsageQuery(
            meterApiName: meterApiName, function: function, interval: interval, range: range,
            filters: filters.map { .init(key: Self.key($0.key), values: $0.value.values) }, groupBy: keys,
            fillsGaps: fillsGaps,
            take: take.map { Take(limit: $0.limit, isAscending: $0.isAscending ?? false) })
    }

    private static func key(_ name: String) -> UsageQuery.Key {
        name == "customerId" ? .customer : .dimension(name)
    }

    private func interval() throws(APIError) -> Interval {
        guard let interval = Interval(name: timeGroupingInterval ?? "HOUR") else {
            throw APIError(.badRequest, "timeGroupingInterval is none of MINUTE, HOUR, DAY, WEEK, MONTH")
        }
        return interval
    }

    private func range(_ interval: Interval, now: Int64) throws(APIError) -> Range<Int64> {
        let start = timeRange.startTimeInSeconds
        let end = timeRange.endTimeInSeconds ?? (now / 1_000 + 1)
        guard Self.seconds.contains(start), Self.seconds.contains(end) else {
            throw APIError(.badRequest, "timeRange is outside of the years 1970 to 9999; is it in milliseconds?")
        }
        guard start < end else {
            throw APIError(
                .badRequest, "timeRange ends at or before its start; it may be that both are the same second")
        }
        let range = start * 1_000..<end * 1_000
        guard interval.starts(in: interval.widened(range), limit: UsageTable.maximumIntervals) != nil else {
            throw APIError(
                .badRequest,
                "timeRange holds more than \(UsageTable.maximumIntervals) buckets; ask for a longer interval or a shorter time"
            )
        }
        return range
    }
}

/// Writes answers as they are made, so that a long one needs no memory of its own.
struct UsageWriter {
    /// An answer and what was asked.
    struct Answer: Sendable {
        let query: UsageQuery
        let answer: UsageAnswer
    }

    private static let flushBytes = 64 << 10

    private var body: any ResponseBodyWriter
    private var output: [UInt8] = []

    static func response(_ body: @escaping @concurrent @Sendable (inout UsageWriter) async throws -> Void) -> Response {
        Response(
            status: .ok, headers: [.contentType: "application/json; charset=utf-8", .cacheControl: "no-store"],
            body: ResponseBody { bodyWriter in
                var writer = UsageWriter(body: bodyWriter)
                try await body(&writer)
                try await writer.flush()
                try await bodyWriter.finish(nil)
            })
    }

    private init(body: any ResponseBodyWriter) {
        self.body = body
    }

    @concurrent private mutating func flush() async throws {
        try await body.write(ByteBuffer(bytes: output))
        output.removeAll(keepingCapacity: true)
    }

    @concurrent mutating func write(_ text: String) async throws {
        output.append(contentsOf: text.utf8)
        if output.count >= Self.flushBytes { try await flush() }
    }

    @concurrent mutating func write(_ answer: Answer) async throws {
        output.append(contentsOf: "{\"metadata\":".utf8)
        appendMetadata(answer.query, function: answer.answer.function)
        output.append(contentsOf: ",\"secondsSinceEpochIntervals\":[".utf8)
        for (index, start) in answer.answer.intervals.enumerated() {
            try await write("\(index > 0 ? "," : "")\(start / 1_000)")
        }
        output.append(contentsOf: "],\"clientMeters\":[".utf8)
        for (index, series) in answer.answer.series.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            try await write(series, keys: answer.query.groupBy)
        }
        try await write("]}")
    }

    @concurrent private mutating func write(_ series: UsageSeries, keys: [UsageQuery.Key]) async throws {
        output.append(contentsOf: "{\"group\":{\"groupInfo\":".utf8)
        var info = JSONObjectWriter(&output)
        for (key, text) in zip(keys, series.group.texts) {
            info.name(key.name, &output)
            if let text { appendJSONString(text, to: &output) } else { output.append(contentsOf: "null".utf8) }
        }
        info.end(&output)
        output.append(contentsOf: "},\"groupValue\":\(series.groupValue),\"values\":[".utf8)
        var isFirst = true
        for value in series.values {
            try await write(
                (isFirst ? "" : ",")
                    + "{\"percentageFromPrevious\":\(value.percentageFromPrevious),\"value\":\(value.value)"
                    + ",\"secondsSinceEpochUtc\":\(value.start / 1_000)}")
            isFirst = false
        }
        output.append(contentsOf: "]}".utf8)
    }

    private mutating func appendMetadata(_ query: UsageQuery, function: Function) {
        var object = JSONObjectWriter(&output)
        object.member("meterApiName", query.meterApiName, &output)
        object.member("aggregation", function.name, &output)
        object.member("timeGroupingInterval", query.interval.name, &output)
        object.name("timeRange", &output)
        var range = JSONObjectWriter(&output)
        range.member("startTimeInSeconds", query.range.lowerBound / 1_000, &output)
        range.member("endTimeInSeconds", query.range.upperBound / 1_000, &output)
        range.end(&output)
        if !query.filters.isEmpty {
            object.name("filter", &output)
            var filters = JSONObjectWriter(&output)
            for filter in query.filters {
                filters.name(filter.key.name, &output)
                // The API asks for no absence.
                appendJSONList(filter.values.compactMap { $0 }, to: &output)
            }
            filters.end(&output)
        }
        if !query.groupBy.isEmpty {
            object.name("groupBy", &output)
            appendJSONList(query.groupBy.map(\.name), to: &output)
        }
        if let take = query.take {
            object.name("take", &output)
            var members = JSONObjectWriter(&output)
            members.member("limit", take.limit, &output)
            members.literal("isAscending", take.isAscending ? "true" : "false", &output)
            members.end(&output)
        }
        object.end(&output)
    }
}

extension UsageQuery.Key {
    var name: String {
        switch self {
        case .customer: "customerId"
        case .dimension(let name): name
        }
    }
}
