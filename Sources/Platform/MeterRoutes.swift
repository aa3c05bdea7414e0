import FoundationEssentials
import Hummingbird
package import Meter
import MeterLine
import Store

/// The definitions of meters.
struct MeterRoutes: Sendable {
    let store: any Store
    let now: @Sendable () -> Int64

    var routes: [Route] {
        [
            Route(.get, "/meters", .read, parameters: ["meterApiName"]) { request, _ in try await list(request) },
            Route(.post, "/meters", .admin, create),
            Route(.put, "/meters", .admin, update),
            Route(.get, "/meters/{id}", .read) { _, context in try .json(encoding: try await find(context)) },
            Route(.delete, "/meters/{id}", .admin, delete),
        ]
    }

    private func list(_ request: Request) async throws -> Response {
        var meters = try await store.meters()
        if let name = QueryReader(request).text("meterApiName") {
            meters = meters.filter { $0.meterApiName.utf8.elementsEqual(name.utf8) }
        }
        return try .json(encoding: meters)
    }

    private func find(_ context: APIContext) async throws -> MeterDefinition {
        let id = context.parameters.get("id") ?? ""
        guard let meter = try await store.meters().first(where: { $0.id == id }) else {
            throw APIError(.notFound, "there is no meter of this id; GET /meters lists them")
        }
        return meter
    }

    private func create(_ request: Request, _ context: APIContext) async throws -> Response {
        let input = try await RequestBodies.decode(MeterInput.self, from: request)
        let meter = try input.definition(of: nil, now: now())
        return try .json(encoding: try await store.create(meter, who: context.who))
    }

    private func update(_ request: Request, _ context: APIContext) async throws -> Response {
        let input = try await RequestBodies.decode(MeterInput.self, from: request)
        let meters = try await store.meters()
        let old = meters.first { old in
            input.id.map { $0 == old.id } ?? old.meterApiName.utf8.elementsEqual((input.meterApiName ?? "").utf8)
        }
        guard let old else {
            throw APIError(.notFound, "there is no meter of this id or meterApiName; POST defines one")
        }
        let meter = try input.definition(of: old, now: now())
        return try .json(encoding: try await store.update(meter, who: context.who))
    }

    private func delete(_ request: Request, _ context: APIContext) async throws -> Response {
        let id = context.parameters.get("id") ?? ""
        return try .json(encoding: try await store.deleteMeter(id: id, who: context.who, time: now()))
    }
}

/// A meter as it is sent.
package struct MeterInput: RequestBody {
    /// A client may send back what it carries along.
    static let members = KnownMembers.anything

    package var id: String?
    package var meterApiName: String?
    package var label: String?
    package var description: String?
    package var meterType: String?
    package var dimensions: [String]?
    package var aggregationDimensions: [String]?
    package var lockingStatus: String?
    package var timeoutInMinutes: Int?
    package var useInBilling: Bool?
    package var enabled: Bool?
    package var deduplication: String?

    package init() {}

    private static let maximumDescriptionBytes = 4_096
    private static let timeouts = 1...525_600

    /// The definition that is meant; what is absent has its default, or for the locking status and the deduplication what
    /// it was.
    package func definition(of old: MeterDefinition?, now: Int64) throws(APIError) -> MeterDefinition {
        let name = try Self.name(meterApiName ?? old?.meterApiName, "meterApiName")
        let meter = MeterDefinition(
            id: old?.id ?? Self.newId(), meterApiName: name, label: try Self.name(label, "label"),
            description: try Self.description(description),
            meterType: try Self.choice(meterType, "meterType", MeterType.self)
                .orThrow("meterType is missing; it is one of \(Self.names(MeterType.self))"),
            dimensions: try Self.dimensions(dimensions, "dimensions"),
            aggregationDimensions: try Self.dimensions(aggregationDimensions, "aggregationDimensions"),
            lockingStatus: try Self.choice(lockingStatus, "lockingStatus", MeterDefinition.LockingStatus.self)
                ?? old?.lockingStatus ?? .open,
            timeoutInMinutes: timeoutInMinutes, useInBilling: useInBilling ?? true, enabled: enabled ?? true,
            deduplication: try Self.choice(deduplication, "deduplication", MeterDefinition.Deduplication.self)
                ?? old?.deduplication ?? .record,
            createTime: old?.createTime ?? now, updateTime: now)
        try Self.check(meter)
        return meter
    }

    private static func check(_ meter: MeterDefinition) throws(APIError) {
        if meter.meterType == .activeUsers, meter.aggregationDimensions.isEmpty {
            throw APIError(
                .badRequest, "active_users needs aggregationDimensions: the dimensions whose distinct values it counts")
        }
        if meter.meterType == .eventDuration, meter.timeoutInMinutes == nil {
            throw APIError(
                .badRequest, "event_duration needs timeoutInMinutes: when an event that nothing stopped ends")
        }
        if let timeout = meter.timeoutInMinutes, !timeouts.contains(timeout) {
            throw APIError(
                .badRequest, "timeoutInMinutes is outside of \(timeouts.lowerBound) to \(timeouts.upperBound)")
        }
    }

    package static func name(_ text: String?, _ field: String) throws(APIError) -> String {
        guard let text, !text.isEmpty else { throw APIError(.badRequest, "\(field) is missing") }
        guard text.utf8.count <= RecordLimits.nameBytes else {
            throw APIError(.badRequest, "\(field) is longer than \(RecordLimits.nameBytes) bytes")
        }
        return text
    }

    static func description(_ text: String?) throws(APIError) -> String? {
        guard (text?.utf8.count ?? 0) <= maximumDescriptionBytes else {
            throw APIError(.badRequest, "description is longer than \(maximumDescriptionBytes) bytes")
        }
        return text
    }

    private static func dimensions(_ names: [String]?, _ field: String) throws(APIError) -> [String] {
        let names = names ?? []
        guard names.count <= RecordLimits.dimensions, Set(names.map { Array($0.utf8) }).count == names.count else {
            throw APIError(
                .badRequest, "\(field) names more than \(RecordLimits.dimensions) dimensions, or one of them twice")
        }
        for name in names {
            _ = try Self.name(name, field)
            guard name != "customerId" else {
                throw APIError(.badRequest, "\(field): customerId is no dimension; usage is always kept by customer")
            }
        }
        return names
    }

    private static func choice<Value: RawRepresentable & CaseIterable>(
        _ text: String?, _ field: String, _: Value.Type
    ) throws(APIError) -> Value? where Value.RawValue == String {
        guard let text else { return nil }
        guard let value = Value(rawValue: text) else {
            throw APIError(.badRequest, "\(field) is none of \(names(Value.self))")
        }
        return value
    }

    private static func names<Value: RawRepresentable & CaseIterable>(
        _: Value.Type
    ) -> String where Value.RawValue == String {
        Value.allCases.map(\.rawValue).joined(separator: ", ")
    }

    /// 64 random bits in hexadecimal.
    static func newId() -> String {
        let text = String(UInt64.random(in: .min ... .max), radix: 16)
        return String(repeating: "0", count: 16 - text.count) + text
    }
}

extension Optional {
    fileprivate func orThrow(_ message: String) throws(APIError) -> Wrapped {
        guard let self else { throw APIError(.badRequest, message) }
        return self
    }
}

extension Response {
    /// An answer of JSON made of a value.
    static func json(encoding value: some Encodable) throws -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return .json(Array(try encoder.encode(value)))
    }
}
