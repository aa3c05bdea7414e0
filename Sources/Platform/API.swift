import HTTP
package import HTTPTypes
package import Hummingbird
import Logging
import Store

/// What a key allows.
package enum Right: String, CaseIterable, Sendable {
    case ingest
    case read
    case admin

    /// The right that holds all others.
    package static func allows(_ rights: [String], _ right: Right) -> Bool {
        rights.contains(right.rawValue) || rights.contains(admin.rawValue)
    }
}

/// What is known of a request besides itself.
package struct APIContext: RequestContext {
    package var coreContext: CoreRequestContextStorage
    /// The name of the key that came with it.
    package var who = ""

    package init(source: ApplicationRequestContextSource) {
        coreContext = .init(source: source)
    }
}

/// One operation of the API, or a page of the console.
package struct Route: Sendable {
    let method: HTTPRequest.Method
    let path: String
    /// What the key must allow; nil where none is needed.
    let right: Right?
    /// The parameters of the query that are known, all others being refused; nil where any is taken.
    let parameters: [String]?
    let handle: @Sendable (Request, APIContext) async throws -> Response

    /// Names an operation.
    ///
    /// - Parameter parameters: the parameters of the query that are known, each given at most once; a name that ends with
    ///   a point is the beginning of names. Nil takes any, which is for what no parameter changes, and for pages.
    package init(
        _ method: HTTPRequest.Method, _ path: String, _ right: Right?, parameters: [String]? = [],
        _ handle: @escaping @Sendable (Request, APIContext) async throws -> Response
    ) {
        self.method = method
        self.path = path
        self.right = right
        self.parameters = parameters
        self.handle = handle
    }
}

/// Puts the routes behind keys, and gives every error its answer.
struct API: Sendable {
    let keys: KeyRing
    let metrics: Metrics
    /// Whether clients may come by TLS, and should from then on.
    let mayHaveTLS: Bool
    let logger: Logger

    /// A router of these routes; what they lack is 404 or 405.
    func router(_ routes: [Route]) -> Router<APIContext> {
        let router = Router(context: APIContext.self)
        router.addMiddleware { ErrorAnswers(metrics: metrics, mayHaveTLS: mayHaveTLS, logger: logger) }
        var methods: [String: [HTTPRequest.Method]] = [:]
        for route in routes {
            methods[route.path, default: []] += route.method == .get ? [.get, .head] : [route.method]
            // HEAD is GET, whose body the connection leaves out.
            for method in route.method == .get ? [.get, .head] : [route.method] {
                router.on(RouterPath(route.path), method: method) { request, context in
                    try await answer(request, context, route)
                }
            }
        }
        for (path, known) in methods { refuseOthers(than: known, at: path, router) }
        return router
    }

    private func answer(_ request: Request, _ context: APIContext, _ route: Route) async throws -> Response {
        var context = context
        if let right = route.right { context.who = try await keys.check(request.headers, for: right) }
        if let known = route.parameters { try QueryReader(request).check(known) }
        return try await route.handle(request, context)
    }

    private func refuseOthers(than known: [HTTPRequest.Method], at path: String, _ router: Router<APIContext>) {
        let allowed = known.map(\.rawValue).sorted().joined(separator: ", ")
        let all: [HTTPRequest.Method] = [.get, .head, .post, .put, .delete, .patch, .options, .trace, .connect]
        let others = all.filter { !known.contains($0) } + [HTTPRequest.Method("QUERY")].compactMap { $0 }
        for method in others {
            router.on(RouterPath(path), method: method) { _, _ -> Response in
                throw APIError(
                    .methodNotAllowed, "this path takes \(allowed), not \(method.rawValue)",
                    headers: [.allow: allowed])
            }
        }
    }
}

/// Turns whatever is thrown into an answer that people can read, and counts the answers.
private struct ErrorAnswers: RouterMiddleware {
    let metrics: Metrics
    let mayHaveTLS: Bool
    let logger: Logger

    func handle(
        _ request: Request, context: APIContext,
        next: @concurrent (Request, APIContext) async throws -> Response
    ) async throws -> Response {
        let start = ContinuousClock.now
        var response: Response
        do {
            response = try await next(request, context)
        } catch {
            let answer = APIError(error)
            if answer.isOurs {
                // The path may hold a customer's name; the route does not.
                logger.error(
                    "request failed", metadata: ["route": "\(context.endpointPath ?? "?")", "error": "\(error)"])
            }
            response = answer.response
        }
        response.headers[.xContentTypeOptions] = "nosniff"
        if mayHaveTLS, let host = request.head.authority, !PlatformSettings.isLoopback(Self.name(of: host)) {
            response.headers[.strictTransportSecurity] = "max-age=31536000"
        }
        metrics.count(
            method: request.method.rawValue, route: context.endpointPath ?? "unknown", status: response.status.code,
            duration: ContinuousClock.now - start)
        return response
    }

    /// The host of an authority without its port.
    private static func name(of authority: String) -> String {
        if authority.hasPrefix("[") { return String(authority.dropFirst().prefix { $0 != "]" }) }
        return String(authority.prefix { $0 != ":" })
    }
}
