package import Collection
import HTTPTypes
import Hummingbird
package import Platform

/// The platform's web pages: server-rendered, usable without JavaScript, and asking no other host for anything.
package struct Console: Sendable {
    /// Where all of its pages are.
    static let root = "/console"

    /// How the connections do that the platform reads itself; none where it reads none.
    package typealias Connections = @Sendable () async -> [ConnectionStatus]

    private let parts: PlatformParts
    private let connections: Connections
    private let doctor: ResidentDoctor?
    private let sessions: Sessions
    private let pages: Pages

    /// Reads the templates.
    ///
    /// - Parameters:
    ///   - doctor: looks at the log groups when somebody asks; nil where the platform cannot.
    ///   - connections: tells how the connections do.
    /// - Throws: when a template is malformed, which a test would have found.
    package init(_ parts: PlatformParts, doctor: ResidentDoctor?, connections: @escaping Connections) throws {
        self.parts = parts
        self.connections = connections
        self.doctor = doctor
        sessions = Sessions(keys: parts.keys, now: parts.now)
        pages = try Pages(now: parts.now)
    }

    /// The path of a link that signs in once, as an administrator.
    package func makeSignInPath() -> String {
        "\(Self.root)/sign-in?link=\(sessions.makeLink())"
    }

    /// All pages, and what belongs to them.
    package var routes: [Route] {
        let screens =
            OverviewScreen(parts: parts, pages: pages, connections: connections).screens
            + StartScreen(parts: parts, pages: pages).screens
            + EventsScreen(parts: parts, pages: pages).screens
            + UsageScreen(parts: parts, pages: pages).screens
            + MetersScreen(parts: parts, pages: pages).screens
            + CustomersScreen(parts: parts, pages: pages).screens
            + RejectsScreen(parts: parts, pages: pages).screens
            + ConnectionsScreen(connections: connections, pages: pages).screens
            + AuditsScreen(parts: parts, pages: pages).screens
            + DoctorScreen(parts: parts, pages: pages, doctor: doctor).screens
            + SettingsScreen(parts: parts, pages: pages, sessions: sessions).screens
        let door = Door(sessions: sessions, pages: pages, parts: parts)
        return door.routes + Assets.routes
            + screens.map { screen in
                Route(screen.method, Self.root + screen.path, nil, parameters: nil) { request, context in
                    await door.answer(request, context, screen)
                }
            }
    }
}

/// One page of the console, or one action on it.
struct Screen: Sendable {
    let method: HTTPRequest.Method
    /// The path below the console's own.
    let path: String
    /// What the visitor must be allowed to.
    let right: Right
    let handle: @Sendable (Visit) async throws -> Response

    init(
        _ method: HTTPRequest.Method, _ path: String, _ right: Right,
        _ handle: @escaping @Sendable (Visit) async throws -> Response
    ) {
        self.method = method
        self.path = path
        self.right = right
        self.handle = handle
    }
}

/// Somebody's request for a page.
struct Visit: Sendable {
    let request: Request
    let context: APIContext
    let session: Session
    /// What a page says once after something was done.
    let notices: Notices
    /// Whether the session holds as long as an answer goes on.
    let isStillAllowed: @Sendable () -> Bool

    var query: QueryReader { QueryReader(request) }

    /// The fields of the form that was sent.
    ///
    /// - Throws: `APIError` when it is too large.
    func form() async throws -> QueryReader {
        let bytes = try await RequestBodies.bytes(of: request, maximum: RequestBodies.maximumJSONBytes)
        return QueryReader(query: String(decoding: bytes, as: UTF8.self))
    }

    /// A part of the path.
    func parameter(_ name: String) -> String {
        context.parameters.get(name) ?? ""
    }

    /// Goes to another page, so that a reload does not send a form again.
    func redirect(to path: String, saying notice: String) -> Response {
        notices.say(notice)
        return .redirect(to: Console.root + path)
    }

    /// The address of this platform, as the visitor's browser knows it.
    func address(_ settings: PlatformSettings) -> String {
        let scheme = settings.certificate == nil && !settings.isBehindProxy ? "http" : "https"
        return "\(scheme)://\(Show.text(request.head.authority ?? "127.0.0.1:8080"))"
    }

    /// Whether the visitor may change anything.
    var isAdmin: Bool { Right.allows(session.rights, .admin) }
}

extension Response {
    /// An answer that leads elsewhere.
    static func redirect(to path: String) -> Response {
        Response(status: .seeOther, headers: [.location: path, .cacheControl: "no-store"])
    }
}
