import Hummingbird
import Meter
import Platform
import Store

/// The definitions of meters, with the rules explained where they bite.
struct MetersScreen: Sendable {
    let parts: PlatformParts
    let pages: Pages

    var screens: [Screen] {
        [
            Screen(.get, "/meters", .read, list),
            Screen(.get, "/meters/new", .admin) { visit in
                var form = MeterForm()
                form.meterApiName = visit.query.text("name") ?? ""
                return try page(form, of: nil, visit)
            },
            Screen(.post, "/meters/new", .admin, create),
            Screen(.get, "/meters/{id}", .read) { visit in
                let meter = try await find(visit)
                return try page(MeterForm(meter), of: meter, visit)
            },
            Screen(.post, "/meters/{id}", .admin, update),
            Screen(.post, "/meters/{id}/delete", .admin, delete),
        ]
    }

    // MARK: - The list

    private struct Row {
        let path: String
        let label: String
        let name: String
        let type: String
        let dimensions: String
        let status: String
        let isOpen: Bool
        let records: String
        let last: Time?
        let usage: String
        let isSilent: Bool
        let isBilled: Bool
    }

    private struct List {
        let rows: [Row]
        let search: String
        let isSearch: Bool
        let shown: String
        let undefined: [Undefined]
        let isAdmin: Bool
    }

    struct Undefined {
        let name: String
        let records: String
        let path: String
    }

    static func undefined(_ pipeline: Pipeline) -> [Undefined] {
        pipeline.undefinedMeters.map {
            Undefined(
                name: Show.name($0.name), records: Show.count($0.records),
                path: Link("/meters/new", [("name", $0.name)]).text)
        }
    }

    private func list(_ visit: Visit) async throws -> Response {
        let meters = try await parts.store.meters()
        let pipeline = try await parts.store.pipeline()
        let silent = parts.silence.silent(in: pipeline, now: parts.now()).meters
        let search = (visit.query.text("search") ?? "").lowercased()
        var activity: [[UInt8]: Pipeline.MeterActivity] = [:]
        for meter in pipeline.meters { activity[Array(meter.meterApiName.utf8)] = meter }
        let shown = meters.filter { meter in
            search.isEmpty || meter.label.lowercased().contains(search)
                || meter.meterApiName.lowercased().contains(search)
        }
        let rows = shown.map { meter in
            let known = activity[Array(meter.meterApiName.utf8)]
            return Row(
                path: Link("/meters/\(meter.id)").text, label: Show.name(meter.label),
                name: Show.name(meter.meterApiName), type: MeterForm.title(of: meter.meterType),
                dimensions: meter.dimensions.map(Show.name).joined(separator: ", "),
                status: MeterForm.title(of: meter.lockingStatus), isOpen: meter.lockingStatus == .open,
                records: Show.count(known?.records ?? 0), last: known.map { Time($0.activity.last) },
                usage: Link("/usage", [("meter", meter.meterApiName)]).text,
                isSilent: silent.contains { isSame($0.meterApiName, meter.meterApiName) },
                isBilled: meter.useInBilling)
        }
        let content = List(
            rows: rows, search: visit.query.text("search") ?? "", isSearch: !search.isEmpty,
            shown: "\(rows.count) of \(meters.count)",
            undefined: Self.undefined(pipeline), isAdmin: visit.isAdmin)
        return try pages.show(
            Page(title: "Meters", section: .meters, template: "meters", content: content), to: visit)
    }

    // MARK: - One

    private struct Content {
        let form: MeterForm
        let isNew: Bool
        let path: String
        let types: [Choice]
        let statuses: [Choice]
        let deduplications: [Choice]
        let isLocked: Bool
        let canDelete: Bool
        let isAdmin: Bool
        let created: Time?
        let updated: Time?
        let usage: String
        let events: String
    }

    private func find(_ visit: Visit) async throws -> MeterDefinition {
        let id = visit.parameter("id")
        guard let meter = try await parts.store.meters().first(where: { $0.id == id }) else {
            throw APIError(.notFound, "There is no meter of this id.")
        }
        return meter
    }

    private func page(
        _ form: MeterForm, of meter: MeterDefinition?, _ visit: Visit, problem: APIError? = nil
    ) throws -> Response {
        let content = Content(
            form: form, isNew: meter == nil,
            path: meter.map { Link("/meters/\($0.id)").text } ?? Link("/meters/new").text,
            types: MeterType.allCases.map {
                Choice(value: $0.rawValue, title: MeterForm.title(of: $0), isChosen: $0.rawValue == form.meterType)
            },
            // It goes one way: what lies behind is no choice.
            statuses: MeterDefinition.LockingStatus.allCases.drop { $0 != meter?.lockingStatus ?? .open }.map {
                Choice(value: $0.rawValue, title: MeterForm.title(of: $0), isChosen: $0.rawValue == form.lockingStatus)
            },
            deduplications: [
                Choice(value: "record", title: "everything that they say", isChosen: form.deduplication == "record"),
                Choice(
                    value: "uniqueId", title: "customer and uniqueId alone", isChosen: form.deduplication == "uniqueId"
                ),
            ], isLocked: meter.map { $0.lockingStatus != .open } ?? false,
            canDelete: meter?.lockingStatus == .deprecated, isAdmin: visit.isAdmin,
            created: meter.map { Time($0.createTime) }, updated: meter.map { Time($0.updateTime) },
            usage: Link("/usage", [("meter", meter?.meterApiName)]).text,
            events: Link("/events", [("meter", meter?.meterApiName)]).text)
        return try pages.show(
            Page(
                title: meter.map { Show.name($0.label) } ?? "Define a meter", section: .meters, template: "meter",
                content: content, status: problem?.status ?? .ok, problem: problem?.message), to: visit)
    }

    private func create(_ visit: Visit) async throws -> Response {
        let form = MeterForm(try await visit.form())
        do {
            let meter = try form.input.definition(of: nil, now: parts.now())
            _ = try await parts.store.create(meter, who: visit.session.who)
            return visit.redirect(
                to: "/meters", saying: "\(Show.name(meter.label)) is defined; its records count from now on.")
        } catch {
            return try page(form, of: nil, visit, problem: try Self.mendable(error))
        }
    }

    private func update(_ visit: Visit) async throws -> Response {
        let old = try await find(visit)
        var form = MeterForm(try await visit.form())
        form.meterApiName = old.meterApiName
        do {
            var meter = try form.input.definition(of: old, now: parts.now())
            // What nobody edited stays as it is, also what lines cannot say.
            let before = MeterForm(old)
            if form.dimensions == before.dimensions { meter.dimensions = old.dimensions }
            if form.aggregationDimensions == before.aggregationDimensions {
                meter.aggregationDimensions = old.aggregationDimensions
            }
            _ = try await parts.store.update(meter, who: visit.session.who)
            return visit.redirect(to: "/meters/\(old.id)", saying: "\(Show.name(meter.label)) is changed.")
        } catch {
            return try page(form, of: old, visit, problem: try Self.mendable(error))
        }
    }

    private func delete(_ visit: Visit) async throws -> Response {
        let meter = try await parts.store.deleteMeter(
            id: visit.parameter("id"), who: visit.session.who, time: parts.now())
        return visit.redirect(
            to: "/meters", saying: "\(Show.name(meter.label)) is deleted; its records stay and are undefined.")
    }

    /// What somebody can mend in the form; anything else is a page of its own.
    static func mendable(_ error: any Error) throws -> APIError {
        let problem = APIError(error)
        guard (400..<500).contains(problem.status.code) else { throw error }
        return problem
    }
}

/// The fields of a meter as a form holds them.
struct MeterForm: Sendable {
    var meterApiName = ""
    var label = ""
    var description = ""
    var meterType = MeterType.sumOfAllUsage.rawValue
    var dimensions = ""
    var aggregationDimensions = ""
    var lockingStatus = MeterDefinition.LockingStatus.open.rawValue
    var timeoutInMinutes = ""
    var useInBilling = true
    var enabled = true
    var deduplication = MeterDefinition.Deduplication.record.rawValue

    init() {}

    init(_ meter: MeterDefinition) {
        meterApiName = meter.meterApiName
        label = meter.label
        description = meter.description ?? ""
        meterType = meter.meterType.rawValue
        dimensions = meter.dimensions.joined(separator: "\n")
        aggregationDimensions = meter.aggregationDimensions.joined(separator: "\n")
        lockingStatus = meter.lockingStatus.rawValue
        timeoutInMinutes = meter.timeoutInMinutes.map { "\($0)" } ?? ""
        useInBilling = meter.useInBilling
        enabled = meter.enabled
        deduplication = meter.deduplication.rawValue
    }

    init(_ form: QueryReader) {
        meterApiName = form.text("meterApiName") ?? ""
        label = form.text("label") ?? ""
        description = form.text("description") ?? ""
        meterType = form.text("meterType") ?? meterType
        dimensions = (form.text("dimensions") ?? "").replacing("\r\n", with: "\n")
        aggregationDimensions = (form.text("aggregationDimensions") ?? "").replacing("\r\n", with: "\n")
        lockingStatus = form.text("lockingStatus") ?? lockingStatus
        timeoutInMinutes = form.text("timeoutInMinutes") ?? ""
        useInBilling = form.text("useInBilling") != nil
        enabled = form.text("enabled") != nil
        deduplication = form.text("deduplication") ?? deduplication
    }

    var input: MeterInput {
        get throws(APIError) {
            var input = MeterInput()
            input.meterApiName = meterApiName
            input.label = label
            input.description = description.isEmpty ? nil : description
            input.meterType = meterType
            input.dimensions = Self.lines(dimensions)
            input.aggregationDimensions = Self.lines(aggregationDimensions)
            input.lockingStatus = lockingStatus
            if !timeoutInMinutes.isEmpty {
                guard let minutes = Int(timeoutInMinutes) else {
                    throw APIError(.badRequest, "The timeout is no whole number of minutes.")
                }
                input.timeoutInMinutes = minutes
            }
            input.useInBilling = useInBilling
            input.enabled = enabled
            input.deduplication = deduplication
            return input
        }
    }

    private static func lines(_ text: String) -> [String] {
        text.split(whereSeparator: \.isNewline).map { line in
            var line = line.drop { $0 == " " }
            while line.last == " " { line.removeLast() }
            return String(line)
        }.filter { !$0.isEmpty }
    }

    static func title(of type: MeterType) -> String {
        switch type {
        case .sumOfAllUsage: "sum of all usage"
        case .activeUsers: "active users"
        case .eventDuration: "event duration"
        case .count: "number of records"
        case .maximum: "greatest value"
        case .minimum: "smallest value"
        case .average: "mean value"
        case .latest: "latest value"
        }
    }

    static func title(of status: MeterDefinition.LockingStatus) -> String {
        switch status {
        case .open: "open"
        case .closeToChanges: "closed to changes"
        case .deprecated: "deprecated"
        }
    }
}
