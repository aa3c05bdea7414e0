import AWS
import Collection
import Meter
import MeterLine

/// What a platform has received from a log group.
struct PlatformReceipts: Receipts {
    private static let pageSize = "1000"

    let client: PlatformClient
    let account: String
    let logGroup: String

    func received(_ times: Range<Int64>, limit: Int) async throws -> [AuditReceived]? {
        var received: [AuditReceived] = []
        var (cursor, cursors): (String?, PageTokens) = (nil, PageTokens())
        repeat {
            let bytes = try await client.bytes("/events", parameters(times, cursor))
            guard let page = PlatformPage.events(bytes.span) else { throw client.strange }
            for event in page.events where isOurs(event.record.source) {
                guard let state = Self.state(event.state) else { throw client.strange }
                if let one = AuditReceived(event.record, number: event.number, state: state, isEdited: event.isEdited) {
                    received.append(one)
                }
            }
            if received.count > limit { return nil }
            cursor = try cursors.next(page.cursor, of: "GET /events of the platform")
        } while cursor != nil
        return received
    }

    func rejects(_ times: Range<Int64>) async throws -> [AuditReject] {
        var rejects: [AuditReject] = []
        var (cursor, cursors): (String?, PageTokens) = (nil, PageTokens())
        repeat {
            let page = try await client.get("/rejects", parameters(times, cursor) + [("state", "all")])
            for reject in page["rejects"]?.elements ?? [] {
                guard let source = RecordSource(reject["source"]), isOurs(source) else { continue }
                rejects.append(
                    AuditReject(
                        place: Fingerprint(source), isResolved: reject["state"]?.text == "resolved",
                        isPastRetention: reject["reason"]?.text == RejectReason.pastRetention.rawValue))
            }
            cursor = try cursors.next(
                page["cursor"].flatMap { $0 == .null ? nil : $0.text }, of: "GET /rejects of the platform")
        } while cursor != nil
        return rejects
    }

    private func parameters(_ times: Range<Int64>, _ cursor: String?) -> [(String, String?)] {
        [
            ("source", logGroup), ("sourceFrom", "\(times.lowerBound)"), ("sourceTo", "\(times.upperBound)"),
            ("limit", Self.pageSize), ("cursor", cursor),
        ]
    }

    /// Two accounts may have log groups of one name.
    private func isOurs(_ source: RecordSource?) -> Bool {
        source?.account.utf8.elementsEqual(account.utf8) ?? false
    }

    func find(_ records: [AuditFound]) async throws -> [AuditAnswer] {
        let keys = records.compactMap { found in found.record.map { Self.key(found, $0.record) } }
        let answer = try await client.post("/events/find", .object([.init("records", .array(keys))]))
        let answers = answer["records"]?.elements ?? []
        guard answers.count == records.count else { throw client.strange }
        return try answers.map { answer in
            guard let state = Self.state(answer["state"]?.text ?? "") else { throw client.strange }
            return AuditAnswer(
                state: state, number: (answer["number"]?.text).flatMap { Int64($0) },
                place: RecordSource(answer["source"]).map { Fingerprint($0) })
        }
    }

    private static func key(_ found: AuditFound, _ record: Record) -> JSONTree {
        .object([
            .init("meterApiName", .string(record.meterApiName)), .init("customerId", .string(record.customerId ?? "")),
            .init("meterValue", .string(record.meterValue.text)),
            .init("meterTimeInMillis", .number("\(record.meterTimeInMillis)")),
            .init("uniqueId", .string(record.uniqueId)),
            .init(
                "dimensions",
                .array(
                    record.dimensions.map {
                        .object([.init("name", .string($0.name)), .init("value", .string($0.value))])
                    })),
            .init("timeless", .bool(found.isTimeless)),
        ])
    }

    private static func state(_ text: String) -> AuditClass? {
        switch text {
        case "counted": .received
        case "cancelled", "cancel": .cancelled
        case "undefined": .undefined
        case "unknown": .missing
        case "pastRetention": .pastRetention
        default: nil
        }
    }

    func ingest(_ records: [FoundRecord]) async throws {
        var lines: [UInt8] = []
        for record in records { NDJSON.append(record, provenance: true, to: &lines) }
        _ = try await client.ingest(lines, type: "application/x-ndjson")
    }
}
