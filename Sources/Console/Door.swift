import AWS
import HTTPTypes
import Hummingbird
import Logging
import Platform

/// Lets visitors in, keeps forged requests out, and turns errors into pages.
struct Door: Sendable {
    let sessions: Sessions
    let pages: Pages
    let parts: PlatformParts

    var routes: [Route] {
        [
            Route(.get, "/", nil, parameters: nil) { _, _ in .redirect(to: "\(Console.root)/overview") },
            Route(.get, Console.root, nil, parameters: nil) { _, _ in .redirect(to: "\(Console.root)/overview") },
            Route(.get, "\(Console.root)/sign-in", nil, parameters: nil) { request, _ in try signInPage(request) },
            Route(.post, "\(Console.root)/sign-in", nil, parameters: nil) { request, _ in try await signIn(request) },
            Route(.post, "\(Console.root)/sign-out", nil, parameters: nil) { request, _ in signOut(request) },
            Route(.get, "\(Console.root)/**", nil, parameters: nil) { request, _ in
                try pages.problem(
                    APIError(.notFound, "There is no such page."), for: session(of: request)?.session)
            },
        ]
    }

    /// Answers a request for a screen.
    @concurrent func answer(_ request: Request, _ context: APIContext, _ screen: Screen) async -> Response {
        guard let (secret, session) = session(of: request) else { return toSignIn(request) }
        do {
            try Self.checkOrigin(request)
            guard Right.allows(session.rights, screen.right) else {
                throw APIError(
                    .forbidden,
                    "The key \"\(session.who)\" lacks the right \(screen.right.rawValue). Sign in with another one.")
            }
            let visit = Visit(
                request: request, context: context, session: session, notices: sessions.notices(of: secret),
                isStillAllowed: { [sessions] in sessions.holds(secret) })
            return Self.secured(try await screen.handle(visit))
        } catch {
            let problem = APIError(error)
            if problem.isOurs {
                parts.logger.error("page failed", metadata: ["route": "\(screen.path)", "error": "\(error)"])
            }
            return (try? pages.problem(problem, for: session)) ?? problem.response
        }
    }

    // MARK: - Signing in

    private func signInPage(_ request: Request) throws -> Response {
        let query = QueryReader(request)
        // A HEAD must not use the link up.
        guard let link = query.text("link"), request.method == .get else {
            return try pages.signIn(next: query.text("next"), problem: nil)
        }
        guard let secret = sessions.open(link: link) else {
            return try pages.signIn(
                next: nil,
                problem: "This link was used before or is too old. Sign in with an admin key, or restart metertap up, "
                    + "which prints a new link.")
        }
        return entered(request, secret, next: nil)
    }

    private func signIn(_ request: Request) async throws -> Response {
        try Self.checkOrigin(request)
        let bytes = try await RequestBodies.bytes(of: request, maximum: 8 << 10)
        let form = QueryReader(query: String(decoding: bytes, as: UTF8.self))
        guard let secret = sessions.open(key: (form.text("key") ?? "").filter { !$0.isWhitespace }) else {
            return try pages.signIn(next: form.text("next"), problem: "This is no key of this platform.")
        }
        return entered(request, secret, next: form.text("next"))
    }

    private func entered(_ request: Request, _ secret: String, next: String?) -> Response {
        // Only a path of the console: a link must not lead to another host.
        let isOwn = next.map { $0.hasPrefix("\(Console.root)/") && !$0.contains("\\") } ?? false
        var response = Response.redirect(to: isOwn ? next ?? "" : "\(Console.root)/overview")
        response.headers[.setCookie] = cookie(request, secret)
        return response
    }

    private func signOut(_ request: Request) -> Response {
        guard let (secret, _) = session(of: request), (try? Self.checkOrigin(request)) != nil else {
            return .redirect(to: "\(Console.root)/sign-in")
        }
        sessions.end(secret)
        // Its live lists look whether they may go on.
        parts.hub.announce()
        var response = Response.redirect(to: "\(Console.root)/sign-in")
        response.headers[.setCookie] = cookie(request, "") + "; Max-Age=0"
        return response
    }

    private func toSignIn(_ request: Request) -> Response {
        guard request.method == .get || request.method == .head else { return .redirect(to: "\(Console.root)/sign-in") }
        return .redirect(
            to: "\(Console.root)/sign-in?" + PercentEncoding.query([("next", request.uri.string)]))
    }

    // MARK: - Cookies and origins

    private func session(of request: Request) -> (secret: String, session: Session)? {
        let name = Self.cookieName(request)
        for field in request.headers[values: .cookie] {
            for cookie in field.split(separator: ";") {
                let parts = cookie.split(separator: "=", maxSplits: 1).map { $0.filter { $0 != " " } }
                guard parts.count == 2, parts[0] == name, let session = sessions.find(parts[1]) else { continue }
                return (parts[1], session)
            }
        }
        return nil
    }

    /// A cookie is shared by all ports of a host, so that its name tells them apart.
    private static func cookieName(_ request: Request) -> String {
        let authority = request.head.authority ?? ""
        let port = authority.split(separator: ":").last.flatMap { Int($0) } ?? 0
        return "metertap_\(port)"
    }

    /// It goes with the browser; how long the session lives is the server's to say.
    private func cookie(_ request: Request, _ secret: String) -> String {
        let isSecure = parts.settings.certificate != nil || parts.settings.isBehindProxy
        return "\(Self.cookieName(request))=\(secret); Path=\(Console.root); HttpOnly; SameSite=Strict"
            + (isSecure ? "; Secure" : "")
    }

    /// A form must come from the console's own pages: another site could send the visitor's cookie along, and so could
    /// another port of this host.
    private static func checkOrigin(_ request: Request) throws(APIError) {
        guard request.method != .get, request.method != .head else { return }
        if let site = request.headers[.secFetchSite] {
            if site == "same-origin" { return }
        } else if let origin = request.headers[.origin], let authority = request.head.authority,
            origin == "http://\(authority)" || origin == "https://\(authority)"
        {
            return
        }
        throw APIError(.forbidden, "This form was not sent from a page of this console, so nothing was done.")
    }

    /// Pages load nothing from elsewhere, run no script but ours, and are shown in nobody's frame.
    static func secured(_ response: Response) -> Response {
        var response = response
        response.headers[.contentSecurityPolicy] =
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
            + "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
        // Not "no-referrer", with which a browser would hide the origin of the console's own forms.
        response.headers[.referrerPolicy] = "same-origin"
        return response
    }
}

extension HTTPField.Name {
    /// Tells where a browser's request was made.
    static let secFetchSite = HTTPField.Name("Sec-Fetch-Site") ?? .origin
    /// Tells whether a browser names this page to the next.
    static let referrerPolicy = HTTPField.Name("Referrer-Policy") ?? .vary
}
