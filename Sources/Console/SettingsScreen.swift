import Delivery
import Hummingbird
import Logging
import MeterLine
import Platform
import Store

/// Keys, what the platform was started with, and who changed what.
struct SettingsScreen: Sendable {
    private static let changesAtOnce = 50

    let parts: PlatformParts
    let pages: Pages
    let sessions: Sessions

    var screens: [Screen] {
        [
            Screen(.get, "/settings", .read) { try await show($0) },
            Screen(.post, "/settings/keys", .admin, create),
            Screen(.post, "/settings/keys/revoke", .admin, revoke),
            Screen(.post, "/settings/sessions/end", .admin, endLinks),
        ]
    }

    private struct Key {
        let id: String
        let name: String
        let rights: String
        let created: Time
        let used: Time?
    }

    private struct Change {
        let time: Time
        let who: String
        let what: String
        let subject: String
        let before: String?
        let after: String?
    }

    private struct Setting {
        let name: String
        let value: String
        let how: String
    }

    private struct Content {
        let isAdmin: Bool
        let keys: [Key]
        let rights: [Choice]
        let links: String?
        let settings: [Setting]
        let changes: [Change]
        let next: String?
    }

    private func show(_ visit: Visit, problem: APIError? = nil) async throws -> Response {
        try await parts.keys.noteUse()
        let cursor = try visit.query.int("cursor", in: EventRoutes.numbers)
        let changes = try await parts.store.changes(limit: Self.changesAtOnce + 1, before: cursor)
        let keys = visit.isAdmin ? try await parts.store.keys() : []
        let content = Content(
            isAdmin: visit.isAdmin,
            keys: keys.map {
                .init(
                    id: $0.id, name: Show.name($0.name), rights: $0.rights.joined(separator: ", "),
                    created: Time($0.created), used: $0.used.map { Time($0) })
            },
            rights: [
                Choice(value: "ingest", title: "ingest: send records", isChosen: true),
                Choice(value: "read", title: "read: see everything", isChosen: false),
                Choice(value: "admin", title: "admin: change everything", isChosen: false),
            ], links: sessions.countOfLinks == 0 ? nil : Show.count(sessions.countOfLinks), settings: settings,
            changes: changes.prefix(Self.changesAtOnce).map {
                .init(
                    time: Time($0.time), who: Show.name($0.who), what: $0.what, subject: Show.text($0.subject),
                    before: Self.text($0.before), after: Self.text($0.after))
            },
            next: changes.count > Self.changesAtOnce
                ? Link("/settings", [("cursor", "\(changes[Self.changesAtOnce - 1].id)")]).text + "#changes" : nil)
        return try pages.show(
            Page(
                title: "Settings", section: .settings, template: "settings", content: content,
                status: problem?.status ?? .ok, problem: problem?.message), to: visit)
    }

    private static func text(_ bytes: [UInt8]?) -> String? {
        bytes.map { Show.text(String(decoding: $0, as: UTF8.self)) }
    }

    private var settings: [Setting] {
        let settings = parts.settings
        return [
            Setting(
                name: "Retention", value: "\(settings.retentionDays) days",
                how: "--retention-days; records are dropped after it, their usage by hour and by day stays"),
            Setting(
                name: "Bucket", value: Show.text(parts.bucket ?? "none"),
                how: "--bucket; every object in it is taken in once"),
            Setting(
                name: "Bucket notifications",
                value: settings.notifications == nil ? "none, the bucket is listed" : "SQS",
                how: "--bucket-notifications"),
            Setting(
                name: "Failures", value: Show.text(settings.failures.compactMap(\.storeURL).joined(separator: ", ")),
                how: "--failures; buckets in which something may wait to be delivered again"),
            Setting(
                name: "Webhook of silence", value: Show.text(settings.webhook?.address.authority ?? "none"),
                how: "--alert-webhook; METERTAP_WEBHOOK_SECRET signs its calls"),
            Setting(
                name: "Data", value: Show.text(settings.directory),
                how: "--data; metertap backup copies it while it runs"),
        ]
    }

    // MARK: - Keys

    private struct NewKeyContent {
        let name: String
        let secret: String
        let rights: String
    }

    private func create(_ visit: Visit) async throws -> Response {
        let form = try await visit.form()
        do {
            let (key, secret) = try await parts.keys.create(
                name: form.text("name"), rights: form.texts("rights"), who: visit.session.who)
            // The one page that is not reached by a redirect: the secret is nowhere else.
            return try pages.show(
                Page(
                    title: "The new key", section: .settings, template: "new-key",
                    content: NewKeyContent(
                        name: Show.name(key.name), secret: secret, rights: key.rights.joined(separator: ", "))),
                to: visit)
        } catch {
            return try await show(visit, problem: try MetersScreen.mendable(error))
        }
    }

    private func revoke(_ visit: Visit) async throws -> Response {
        let id = try await visit.form().text("id") ?? ""
        let key = try await parts.keys.revoke(id: id, who: visit.session.who)
        return visit.redirect(to: "/settings", saying: "The key \(Show.name(key.name)) opens nothing any more.")
    }

    /// Ends the sessions that no key opened, which revoking a key doesn't end.
    private func endLinks(_ visit: Visit) async throws -> Response {
        let count = sessions.endLinks()
        parts.logger.notice(
            "sessions opened by a sign-in link were ended",
            metadata: ["count": "\(count)", "who": "\(visit.session.who)"])
        return visit.redirect(to: "/settings", saying: "Ended sessions: \(Show.count(count)).")
    }
}
