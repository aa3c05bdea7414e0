import Hummingbird
package import Meter
import MeterLine
import Store

/// The definitions of customers.
struct CustomerRoutes: Sendable {
    let store: any Store
    let now: @Sendable () -> Int64

    /// Amberflo's SDKs send it; there is no Stripe here.
    private static let parametersOfPut = ["autoCreateCustomerInStripe"]

    var routes: [Route] {
        [
            Route(.get, "/customers", .read, parameters: ["customerId"]) { request, _ in try await list(request) },
            Route(.post, "/customers", .admin, parameters: Self.parametersOfPut) { try await put($0, $1, isNew: true) },
            Route(.put, "/customers", .admin, parameters: Self.parametersOfPut) { try await put($0, $1, isNew: false) },
            Route(.get, "/customers/{id}", .read) { _, context in try await one(context.parameters.get("id") ?? "") },
            Route(.delete, "/customers/{id}", .admin, delete),
        ]
    }

    private func list(_ request: Request) async throws -> Response {
        if let id = QueryReader(request).text("customerId") { return try await one(id) }
        return try .json(encoding: try await store.customers())
    }

    /// A customer that is not defined is an empty object: Amberflo's SDKs tell it so.
    private func one(_ id: String) async throws -> Response {
        guard let customer = try await store.customer(id) else { return .json(Array("{}".utf8)) }
        return try .json(encoding: customer)
    }

    private func put(_ request: Request, _ context: APIContext, isNew: Bool) async throws -> Response {
        let input = try await RequestBodies.decode(CustomerInput.self, from: request)
        let customer = try input.customer(now: now())
        return try .json(encoding: try await store.put(customer, isNew: isNew, who: context.who))
    }

    private func delete(_ request: Request, _ context: APIContext) async throws -> Response {
        let id = context.parameters.get("id") ?? ""
        return try .json(encoding: try await store.deleteCustomer(id, who: context.who, time: now()))
    }
}

/// A customer as it is sent.
package struct CustomerInput: RequestBody {
    /// A client may send back what it carries along.
    static let members = KnownMembers.anything

    package var customerId: String?
    package var customerName: String?
    package var customerEmail: String?
    package var description: String?
    package var traits: [String: String]?
    package var enabled: Bool?
    package var lifecycleStage: String?

    package init() {}

    private static let maximumTraits = 100

    package func customer(now: Int64) throws(APIError) -> Customer {
        let traits = traits ?? [:]
        guard traits.count <= Self.maximumTraits else {
            throw APIError(.badRequest, "more than \(Self.maximumTraits) traits")
        }
        for (name, value) in traits {
            guard name.utf8.count <= RecordLimits.nameBytes, value.utf8.count <= RecordLimits.dimensionValueBytes else {
                throw APIError(.badRequest, "a trait's name or value is too long")
            }
        }
        return Customer(
            customerId: try MeterInput.name(customerId, "customerId"),
            customerName: try MeterInput.name(customerName, "customerName"),
            customerEmail: try MeterInput.description(customerEmail),
            description: try MeterInput.description(description), traits: traits, enabled: enabled ?? true,
            lifecycleStage: try MeterInput.description(lifecycleStage), createTime: now, updateTime: now)
    }
}
