import HTTPTypes
import Hummingbird
import Mustache
import NIOCore
import Platform

/// A page that is to be shown.
struct Page {
    /// The parts of the console, as its navigation names them.
    enum Section: String, CaseIterable {
        case overview, start, events, usage, meters, customers, rejects, connections, audits, doctor, settings

        var title: String {
            switch self {
            case .overview: "Overview"
            case .start: "Get started"
            case .events: "Events"
            case .usage: "Usage"
            case .meters: "Meters"
            case .customers: "Customers"
            case .rejects: "Rejects"
            case .connections: "Connections"
            case .audits: "Audits"
            case .doctor: "Doctor"
            case .settings: "Settings"
            }
        }
    }

    var title: String
    var section: Section?
    /// The template of what the page shows.
    var template: String
    /// What the template reads.
    var content: any Sendable
    var status = HTTPResponse.Status.ok
    /// What went wrong with the form that was sent.
    var problem: String?
    /// Whether it shows that something goes on, so that it is to be shown anew until that ends.
    var isWaiting = false
}

/// Makes pages of templates.
struct Pages: Sendable {
    private let library: MustacheLibrary
    private let now: @Sendable () -> Int64

    init(now: @escaping @Sendable () -> Int64) throws {
        // The library's own escaping goes by characters, in which a combining mark hides the quotation mark before it.
        MustacheContentTypes.register(ScalarEscapes(), named: ScalarEscapes.name)
        var library = MustacheLibrary()
        for (name, bytes) in Templates.all {
            let text = String(decoding: bytes, as: UTF8.self)
            try library.register("{{% CONTENT_TYPE: \(ScalarEscapes.name)}}\(text)", named: name)
        }
        self.library = library
        self.now = now
    }

    /// A template alone, without the frame around pages.
    func fragment(_ template: String, _ content: any Sendable) throws -> String {
        guard let text = library.render(content, withTemplate: template) else {
            throw APIError(.internalServerError, "the page \(template) is missing")
        }
        return text
    }

    /// A page for somebody who is signed in.
    func show(_ page: Page, to visit: Visit) throws -> Response {
        try show(page, session: visit.session, notice: visit.notices.take())
    }

    /// A page that tells what went wrong.
    func problem(_ problem: APIError, for session: Session?) throws -> Response {
        let title =
            switch problem.status.code {
            case 403: "Not allowed"
            case 404: "There is nothing here"
            case 500: "Something went wrong"
            case 503: "Not now"
            default: "This does not work"
            }
        let page = Page(
            title: title, section: nil, template: "problem",
            content: Problem(title: title, message: Show.sentence(problem.message)), status: problem.status)
        return Door.secured(try show(page, session: session, notice: nil))
    }

    private struct Problem {
        let title: String
        let message: String
    }

    /// The page on which one signs in.
    func signIn(next: String?, problem: String?) throws -> Response {
        struct Content {
            let next: String
        }
        let page = Page(
            title: "Sign in", section: nil, template: "sign-in", content: Content(next: next ?? ""),
            status: problem == nil ? .ok : .unauthorized, problem: problem)
        return Door.secured(try show(page, session: nil, notice: nil))
    }

    private func show(_ page: Page, session: Session?, notice: String?) throws -> Response {
        let sections = session == nil ? [] : Page.Section.allCases
        let frame = Frame(
            title: page.title, isSignedIn: session != nil, who: Show.text(session?.who ?? ""),
            sections: sections.map {
                Frame.Entry(title: $0.title, path: "\(Console.root)/\($0.rawValue)", isCurrent: $0 == page.section)
            }, notice: notice, problem: page.problem.map(Show.sentence),
            body: try fragment(page.template, page.content), now: Time(now()), style: Assets.style,
            script: Assets.script, icon: Assets.icon, isWaiting: page.isWaiting)
        return Response(
            status: page.status,
            headers: [.contentType: "text/html; charset=utf-8", .cacheControl: "no-store"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: try fragment("frame", frame))))
    }

    private struct Frame {
        struct Entry {
            let title: String
            let path: String
            let isCurrent: Bool
        }

        let title: String
        let isSignedIn: Bool
        let who: String
        let sections: [Entry]
        let notice: String?
        let problem: String?
        let body: String
        let now: Time
        let style: String
        let script: String
        let icon: String
        let isWaiting: Bool
    }
}

/// Escapes what templates write, scalar by scalar.
private struct ScalarEscapes: MustacheContentType {
    static let name = "SCALARS"

    func escapeText(_ text: String) -> String { Show.escaped(text) }
}

/// The templates, by the names under which they are shown.
private enum Templates {
    static let all: [(String, [UInt8])] = [
        ("frame", PackageResources.frame_mustache),
        ("time", PackageResources.time_mustache),
        ("sign-in", PackageResources.sign_in_mustache),
        ("problem", PackageResources.problem_mustache),
        ("overview", PackageResources.overview_mustache),
        ("start", PackageResources.start_mustache),
        ("tried", PackageResources.tried_mustache),
        ("events", PackageResources.events_mustache),
        ("event-row", PackageResources.event_row_mustache),
        ("event", PackageResources.event_mustache),
        ("usage", PackageResources.usage_mustache),
        ("figure", PackageResources.figure_mustache),
        ("meters", PackageResources.meters_mustache),
        ("meter", PackageResources.meter_mustache),
        ("customers", PackageResources.customers_mustache),
        ("customer", PackageResources.customer_mustache),
        ("rejects", PackageResources.rejects_mustache),
        ("mend", PackageResources.mend_mustache),
        ("connections", PackageResources.connections_mustache),
        ("audits", PackageResources.audits_mustache),
        ("audit", PackageResources.audit_mustache),
        ("doctor", PackageResources.doctor_mustache),
        ("diagnosis", PackageResources.diagnosis_mustache),
        ("diagnosis-page", PackageResources.diagnosis_page_mustache),
        ("passage", PackageResources.passage_mustache),
        ("settings", PackageResources.settings_mustache),
        ("new-key", PackageResources.new_key_mustache),
    ]
}
