import HTTPTypes
import Hummingbird
import Meter
import MeterLine
import Store

/// `POST /ingest`: takes records in and answers when they are durable.
package struct IngestRoutes: Sendable {
    /// The most records of one request.
    package static let maximumRecords = 10_000

    let store: any Store
    let hub: EventHub
    let now: @Sendable () -> Int64

    /// No parameter changes what is stored, so that none costs a record.
    var routes: [Route] { [Route(.post, "/ingest", .ingest, parameters: nil, ingest)] }

    private func ingest(_ request: Request, _ context: APIContext) async throws -> Response {
        let format = Self.format(of: request)
        let body = try await RequestBodies.bytes(
            of: request, maximum: RequestBodies.maximumBytes, maximumInflated: RequestBodies.maximumInflatedBytes)
        let batch = try Self.batch(body, format, IntakeName(kind: .api, name: context.who), time: now())
        let result = try await store.ingest(batch)
        if result.stored > 0 { hub.announce() }
        var response = Response.text("\(result.received - result.rejected) records were ingested")
        if result.rejected > 0 { response.headers[.rejectedRecords] = "\(result.rejected)" }
        return response
    }

    private static func format(of request: Request) -> IngestReader.Format {
        let type = request.headers[.contentType]?.prefix { $0 != ";" }.lowercased() ?? ""
        return type.filter { $0 != " " } == "text/csv" ? .csv : .json
    }

    private static func batch(
        _ body: [UInt8], _ format: IngestReader.Format, _ intake: IntakeName, time: Int64
    ) throws(APIError) -> IntakeBatch {
        do throws(IngestReader.Unreadable) {
            return try IntakeBatch(
                body, format, intake: intake, time: time, reader: IngestReader(maximumRecords: maximumRecords))
        } catch {
            throw APIError(error.isTooLarge ? .contentTooLarge : .badRequest, error.description)
        }
    }
}

extension IntakeBatch {
    /// Reads a body into a batch.
    init(
        _ body: [UInt8], _ format: IngestReader.Format, intake: IntakeName, object: IntakeObject? = nil, time: Int64,
        reader: IngestReader
    ) throws(IngestReader.Unreadable) {
        var items: [Item] = []
        var ignoredKeys: [[UInt8]: Int] = [:]
        let header = try reader.read(body, format: format, ignoredKeys: &ignoredKeys) { item, line in
            switch item {
            case .record(let record):
                items.append(.record(record, line: line))
            case .reject(let reason, let detail, let source):
                items.append(.reject(ReceivedReject(reason: reason, detail: detail, line: line, source: source)))
            }
        }
        self.init(
            intake: intake, object: object, time: time, items: items, format: format == .csv ? .csv : .json,
            ignoredKeys: ignoredKeys)
        self.header = header
    }
}
