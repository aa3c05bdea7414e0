import AWS
import Hummingbird
import Meter
import MeterLine
import Platform
import Redrive
import Store

/// What is no valid record: seen in groups, edited, and stored after all.
struct RejectsScreen: Sendable {
    private static let pageSize = 50
    private static let days: Int64 = 14

    let parts: PlatformParts
    let pages: Pages

    var screens: [Screen] {
        [
            Screen(.get, "/rejects", .read, list),
            Screen(.get, "/rejects/mend", .read) { visit in
                let ids = Self.ids(visit.query)
                return try await mend(try await rejects(ids), visit.query, edited: [:], said: [:], visit)
            },
            Screen(.post, "/rejects/mend", .admin, store),
            Screen(.post, "/rejects/dismiss", .admin, dismiss),
        ]
    }

    // MARK: - The list

    private struct Group {
        let reason: String
        let source: String
        let count: String
        let newest: Time
        let spark: String
        let path: String
        let isChosen: Bool
    }

    private struct Row {
        let id: Int64
        let received: Time
        let reason: String
        let detail: String
        let line: String
        let source: String
        let path: String
    }

    private struct NamedCount {
        let name: String
        let records: String
    }

    private struct Waiting {
        let place: String
        let kind: String
        let objects: String
        let oldest: Time?
    }

    private struct Problem {
        let place: String
        let text: String
    }

    private struct Content {
        let waiting: [Waiting]
        let commands: [String]
        let problems: [Problem]
        let hasPlaces: Bool
        let groups: [Group]
        let rows: [Row]
        let hasRows: Bool
        let isFiltered: Bool
        let next: String?
        let undefined: [MetersScreen.Undefined]
        let hasUndefined: Bool
        let ignored: [NamedCount]
        let hasIgnored: Bool
        let resolved: String
    }

    private func list(_ visit: Visit) async throws -> Response {
        let reader = visit.query
        var query = RejectQuery()
        query.reason = reader.text("reason")
        query.logGroup = reader.text("source")
        query.hasNoLogGroup = reader.text("source") == nil && reader.text("intake") != nil
        if let kind = reader.text("kind").flatMap({ IntakeName.Kind(rawValue: $0) }), let name = reader.text("intake") {
            query.intake = IntakeName(kind: kind, name: name)
        }
        query.limit = Self.pageSize
        query.cursor = try reader.int("cursor", in: EventRoutes.numbers)
        let today = parts.now() / UsageQuestion.day
        let since = (today - Self.days + 1) * UsageQuestion.day
        let groups = try await parts.store.rejectGroups(daysSince: since)
        let page = try await parts.store.rejects(query)
        let pipeline = try await parts.store.pipeline()
        let link = Link("/rejects", reader.parameters.filter { $0.name != "cursor" }.map { ($0.name, $0.value) })
        let places = parts.waiting.places
        let content = Content(
            waiting: places.flatMap(Self.waiting),
            commands: places.filter { $0.waiting?.isEmpty == false }.map { "metertap redrive \(Show.word($0.name))" },
            problems: places.compactMap { place in
                place.problem.map { Problem(place: Show.text(place.name), text: Show.text($0)) }
            }, hasPlaces: !places.isEmpty,
            groups: groups.map { Self.group($0, since: since, chosen: query) }, rows: page.rejects.map(Self.row),
            hasRows: !page.rejects.isEmpty, isFiltered: query.reason != nil,
            next: page.cursor.map { link.with("cursor", "\($0)").text },
            undefined: MetersScreen.undefined(pipeline), hasUndefined: !pipeline.undefinedMeters.isEmpty,
            ignored: pipeline.ignoredKeys.prefix(100).map {
                .init(name: Show.name($0.name), records: Show.count($0.records))
            }, hasIgnored: !pipeline.ignoredKeys.isEmpty, resolved: Show.count(pipeline.resolvedRejects))
        return try pages.show(
            Page(title: "Rejects", section: .rejects, template: "rejects", content: content), to: visit)
    }

    private static func waiting(_ place: WaitingBoard.Place) -> [Waiting] {
        guard let waiting = place.waiting else { return [] }
        return waiting.counts.map { count in
            Waiting(
                place: Show.text(place.name), kind: title(count.kind),
                objects: Show.count(count.objects) + (waiting.isWhole ? "" : " or more"),
                oldest: count.oldest.map(Time.init))
        }
    }

    private static func title(_ kind: WaitingKind) -> String {
        switch kind {
        case .streamFailure: "Batches that Lambda gave up"
        case .directFailure: "Direct events that Lambda gave up"
        case .rejects: "Rejects of the agent"
        case .failedRequest: "Objects that could not be taken"
        }
    }

    private static func group(_ group: RejectGroup, since: Int64, chosen: RejectQuery) -> Group {
        let days = (0..<days).map { Double(group.days[since + $0 * UsageQuestion.day] ?? 0) }
        return Group(
            reason: group.reason, source: Show.text(group.logGroup ?? SourceName.text(group.intake)),
            count: Show.count(group.count), newest: Time(group.newest),
            spark: Chart.spark(days, title: "by day in two weeks"),
            path: Link(
                "/rejects",
                [
                    ("reason", group.reason), ("kind", group.intake.kind.rawValue), ("intake", group.intake.name),
                    ("source", group.logGroup),
                ]
            ).text,
            isChosen: chosen.reason == group.reason && chosen.intake == group.intake
                && chosen.logGroup.map { Array($0.utf8) } == group.logGroup.map { Array($0.utf8) })
    }

    private static func row(_ reject: StoredReject) -> Row {
        let line = Show.text(String(decoding: reject.line.prefix(300), as: UTF8.self))
        return Row(
            id: reject.id, received: Time(reject.received), reason: reject.reason, detail: Show.sentence(reject.detail),
            line: reject.line.count > 300 ? "\(line)…" : line,
            source: Show.text(reject.source?.logGroup ?? SourceName.text(reject.intake)),
            path: Link("/rejects/mend", [("id", "\(reject.id)")]).text)
    }

    // MARK: - Editing

    private struct Mending {
        struct Line {
            let id: Int64
            let reason: String
            let detail: String
            let received: Time
            let intake: String
            let object: String?
            let source: String?
            let before: String
            let fault: String?
            let after: String
            let edited: String
            let rows: Int
            let isResolved: Bool
            let resolved: Time?
            let said: String?
        }

        let lines: [Line]
        let isOne: Bool
        let canStore: Bool
        let find: String
        let replace: String
    }

    private static func ids(_ reader: QueryReader) -> [Int64] {
        Array(reader.texts("id").compactMap { Int64($0) }.prefix(pageSize))
    }

    private func rejects(_ ids: [Int64]) async throws -> [StoredReject] {
        var rejects: [StoredReject] = []
        for id in ids {
            guard let reject = try await parts.store.reject(id) else {
                throw APIError(.notFound, "There is no reject \(id).")
            }
            rejects.append(reject)
        }
        guard !rejects.isEmpty else { throw APIError(.badRequest, "Choose at least one reject to edit.") }
        return rejects
    }

    /// The page with each line to edit; a text can be replaced in all of them at once.
    private func mend(
        _ rejects: [StoredReject], _ reader: QueryReader, edited: [Int64: String], said: [Int64: String], _ visit: Visit
    ) async throws -> Response {
        let find = reader.text("find") ?? ""
        let replace = reader.text("replace") ?? ""
        let lines = rejects.map { reject in
            var text = edited[reject.id] ?? String(decoding: reject.line, as: UTF8.self)
            if !find.isEmpty { text = text.replacing(find, with: replace) }
            return Self.line(reject, text, said[reject.id])
        }
        let content = Mending(
            lines: lines, isOne: lines.count == 1,
            canStore: visit.isAdmin && lines.contains { !$0.isResolved }, find: find, replace: replace)
        return try pages.show(
            Page(
                title: lines.count == 1 ? "Reject \(lines[0].id)" : "\(lines.count) rejects", section: .rejects,
                template: "mend", content: content, status: said.isEmpty ? .ok : .unprocessableContent), to: visit)
    }

    private static func line(_ reject: StoredReject, _ edited: String, _ said: String?) -> Mending.Line {
        let fault = reject.format == .json ? RejectedLine.fault(reject.reason, in: reject.line) : nil
        func part(_ range: Range<Int>) -> String { Show.text(String(decoding: reject.line[range], as: UTF8.self)) }
        let place = fault ?? reject.line.count..<reject.line.count
        return Mending.Line(
            id: reject.id, reason: reject.reason, detail: Show.sentence(reject.detail), received: Time(reject.received),
            intake: Show.text(SourceName.text(reject.intake)), object: reject.object.map(Show.text),
            source: reject.source.map { Show.text("\($0.logGroup) \($0.logStream)") },
            before: part(0..<place.lowerBound), fault: place.isEmpty ? nil : part(place),
            after: part(place.upperBound..<reject.line.count),
            edited: edited, rows: min(12, 2 + edited.utf8.count / 100), isResolved: reject.resolved != nil,
            resolved: reject.resolved.map { Time($0) }, said: said)
    }

    /// Stores each line in its reject's place; those that are still no records come back with what is wrong.
    private func store(_ visit: Visit) async throws -> Response {
        let form = try await visit.form()
        let rejects = try await rejects(Self.ids(form))
        var edited: [Int64: String] = [:]
        var said: [Int64: String] = [:]
        var records = 0
        for reject in rejects where reject.resolved == nil {
            edited[reject.id] = Self.lineBreaksOfForms(form.text("line.\(reject.id)") ?? "", reject)
        }
        if form.text("action") == "replace" {
            return try await mend(rejects, form, edited: edited, said: [:], visit)
        }
        for reject in rejects {
            guard let text = edited[reject.id] else { continue }
            do {
                let result = try await parts.rejects.store(Array(text.utf8), for: reject, who: visit.session.who)
                records += result.stored + result.duplicates
            } catch {
                said[reject.id] = Show.sentence(try MetersScreen.mendable(error).message)
            }
        }
        guard said.isEmpty else {
            if records > 0 { visit.notices.say("\(Show.count(records)) records are stored; those below are not yet.") }
            let left = rejects.filter { said[$0.id] != nil }
            return try await mend(left, QueryReader(query: ""), edited: edited, said: said, visit)
        }
        return visit.redirect(to: "/rejects", saying: "\(Show.count(records)) records are stored.")
    }

    /// Settles rejects that need no fixing.
    private func dismiss(_ visit: Visit) async throws -> Response {
        let form = try await visit.form()
        var count = 0
        for reject in try await rejects(Self.ids(form)) where reject.resolved == nil && reject.dismissed == nil {
            _ = try await parts.rejects.dismiss(reject.id, reason: form.text("reason") ?? "", who: visit.session.who)
            count += 1
        }
        return visit.redirect(to: "/rejects", saying: "\(Show.count(count)) rejects are dismissed.")
    }

    /// Forms send every line break as CR LF; the line had none, or those of its file.
    private static func lineBreaksOfForms(_ text: String, _ reject: StoredReject) -> String {
        reject.line.contains(UInt8(ascii: "\r")) ? text : text.replacing("\r\n", with: "\n")
    }
}
