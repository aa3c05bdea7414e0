import Hummingbird
import Meter
import MeterLine
import Store

/// What `POST /events/find` asks: what became of records like these.
struct FindRequest: RequestBody {
    static let members = KnownMembers.object([
        "records": .list(
            .object([
                "meterApiName": .anything, "customerId": .anything, "meterValue": .anything,
                "meterTimeInMillis": .anything, "uniqueId": .anything, "timeless": .anything,
                "dimensions": .list(.object(["name": .anything, "value": .anything])),
            ]))
    ])

    /// The most records of one request.
    private static let maximumRecords = 1_000

    private struct Key: Decodable {
        var meterApiName: String
        var customerId: String
        var meterValue: String
        var meterTimeInMillis: Int64
        var uniqueId: String?
        var dimensions: [Property]?
        var timeless: Bool?
    }

    /// Pairs, for a dictionary would take canonically equivalent names for one.
    private struct Property: Decodable {
        var name: String
        var value: String
    }

    private var records: [Key]

    static func answer(_ request: Request, _ store: any Store) async throws -> Response {
        let bytes = try await RequestBodies.bytes(
            of: request, maximum: RequestBodies.maximumBytes, maximumInflated: RequestBodies.maximumInflatedBytes)
        let body = try RequestBodies.decode(FindRequest.self, from: bytes)
        guard body.records.count <= maximumRecords else {
            throw APIError(.badRequest, "records holds more than \(maximumRecords); ask in several requests")
        }
        let found = try await store.find(try body.records.map(record))
        var output: [UInt8] = []
        var object = JSONObjectWriter(&output)
        object.name("records", &output)
        output.append(UInt8(ascii: "["))
        for (index, known) in found.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            append(known, to: &output)
        }
        output.append(UInt8(ascii: "]"))
        object.end(&output)
        return .json(output)
    }

    private static func record(_ key: Key) throws(APIError) -> ReceivedRecord {
        let hasExponent = key.meterValue.utf8.contains { $0 | 0x20 == UInt8(ascii: "e") }
        guard !hasExponent, let value = Quantity(jsonNumber: Array(key.meterValue.utf8).span) else {
            throw APIError(.badRequest, "meterValue is no number below 10^36 with at most 30 decimal places")
        }
        guard RecordLimits.timesInMillis.contains(key.meterTimeInMillis) else {
            throw APIError(.badRequest, "meterTimeInMillis is no time in milliseconds since 1970")
        }
        let dimensions = (key.dimensions ?? []).map { Dimension(name: $0.name, value: $0.value) }
        return ReceivedRecord(
            meterApiName: key.meterApiName, customerId: key.customerId, meterValue: value,
            meterTimeInMillis: key.meterTimeInMillis, uniqueId: key.uniqueId,
            dimensions: dimensions.sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) },
            isTimeless: key.timeless ?? false)
    }

    private static func append(_ known: KnownRecord, to output: inout [UInt8]) {
        var object = JSONObjectWriter(&output)
        object.member("state", known.state.rawValue, &output)
        if let number = known.number { object.member("number", number, &output) }
        if let source = known.source {
            object.name("source", &output)
            EventRoutes.append(source, to: &output)
        }
        object.end(&output)
    }
}
