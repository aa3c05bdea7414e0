import Aggregation
import Hummingbird
import Meter
import Platform
import Store

/// Customers, and each one's usage of every meter at a glance.
struct CustomersScreen: Sendable {
    private static let pageSize = 100
    /// How many meters a customer's page shows at once.
    private static let metersAtOnce = 30

    let parts: PlatformParts
    let pages: Pages

    var screens: [Screen] {
        [
            Screen(.get, "/customers", .read, list),
            Screen(.get, "/customer", .read) { visit in
                let id = visit.query.text("id") ?? ""
                let customer = try await parts.store.customer(id)
                return try await page(CustomerForm(customer, id: id), of: id, isDefined: customer != nil, visit)
            },
            Screen(.get, "/customers/new", .admin) { visit in
                try await page(
                    CustomerForm(nil, id: visit.query.text("id") ?? ""), of: nil, isDefined: false, visit)
            },
            Screen(.post, "/customers/new", .admin) { try await save($0, isNew: true) },
            Screen(.post, "/customer", .admin) { try await save($0, isNew: false) },
            Screen(.post, "/customer/delete", .admin, delete),
        ]
    }

    // MARK: - The list

    private struct Row {
        let path: String
        let id: String
        let name: String
        let email: String
        let stage: String
        let isEnabled: Bool
    }

    private struct Undefined {
        let name: String
        let records: String
        let path: String
    }

    private struct List {
        let rows: [Row]
        let search: String
        let shown: String
        let next: String?
        let previous: String?
        let undefined: [Undefined]
        let hasUndefined: Bool
        let undefinedCount: String
        let isAdmin: Bool
    }

    private func list(_ visit: Visit) async throws -> Response {
        let all = try await parts.store.customers()
        let search = visit.query.text("search") ?? ""
        let wanted = search.lowercased()
        let found =
            wanted.isEmpty
            ? all
            : all.filter { customer in
                customer.customerId.lowercased().contains(wanted)
                    || customer.customerName.lowercased().contains(wanted)
            }
        let start = min(Int(try visit.query.int("start", in: 0...1_000_000_000) ?? 0), found.count)
        let end = min(start + Self.pageSize, found.count)
        let link = Link("/customers", [("search", search.filled)])
        let pipeline = try await parts.store.pipeline()
        let content = List(
            rows: found[start..<end].map { customer in
                Row(
                    path: Link("/customer", [("id", customer.customerId)]).text, id: Show.name(customer.customerId),
                    name: Show.name(customer.customerName), email: Show.text(customer.customerEmail ?? ""),
                    stage: Show.text(customer.lifecycleStage ?? ""), isEnabled: customer.enabled)
            }, search: search,
            shown: found.isEmpty
                ? "none of \(Show.count(all.count))"
                : "\(Show.count(start + 1)) to \(Show.count(end)) of \(Show.count(found.count))",
            next: end < found.count ? link.with("start", "\(end)").text : nil,
            previous: start > 0 ? link.with("start", "\(max(0, start - Self.pageSize))").text : nil,
            undefined: pipeline.undefinedCustomers.prefix(Self.pageSize).map {
                Undefined(
                    name: Show.name($0.name), records: Show.count($0.records),
                    path: Link("/customer", [("id", $0.name)]).text)
            }, hasUndefined: !pipeline.undefinedCustomers.isEmpty,
            undefinedCount: Show.count(pipeline.undefinedCustomers.count), isAdmin: visit.isAdmin)
        return try pages.show(
            Page(title: "Customers", section: .customers, template: "customers", content: content), to: visit)
    }

    // MARK: - One

    private struct Usage {
        let label: String
        let function: String
        let value: String
        let spark: String
        let path: String
    }

    private struct Content {
        let form: CustomerForm
        let title: String
        let shownId: String
        let isNew: Bool
        let isDefined: Bool
        let isAdmin: Bool
        let usages: [Usage]
        let hasMeters: Bool
        let month: String
        let next: String?
        let previous: String?
        let events: String
    }

    private func page(
        _ form: CustomerForm, of id: String?, isDefined: Bool, _ visit: Visit, problem: APIError? = nil
    ) async throws -> Response {
        let meters = id == nil ? [] : try await parts.store.meters()
        let start = min(Int(try visit.query.int("start", in: 0...1_000_000) ?? 0), meters.count)
        let end = min(start + Self.metersAtOnce, meters.count)
        let month = Interval.month.start(of: parts.now())
        var usages: [Usage] = []
        if let id {
            for meter in meters[start..<end] { usages.append(try await usage(of: meter, id, since: month)) }
        }
        let link = Link("/customer", [("id", id)])
        let title =
            id == nil ? "Define a customer" : Show.name(form.customerName.isEmpty ? id ?? "" : form.customerName)
        let content = Content(
            form: form, title: title, shownId: Show.name(id ?? ""), isNew: id == nil, isDefined: isDefined,
            isAdmin: visit.isAdmin,
            usages: usages, hasMeters: !meters.isEmpty, month: Time.bucket(month, "month"),
            next: end < meters.count ? link.with("start", "\(end)").text : nil,
            previous: start > 0 ? link.with("start", "\(max(0, start - Self.metersAtOnce))").text : nil,
            events: Link("/events", [("customer", id)]).text)
        return try pages.show(
            Page(
                title: title, section: .customers, template: "customer", content: content,
                status: problem?.status ?? .ok, problem: problem?.message), to: visit)
    }

    private func usage(of meter: MeterDefinition, _ customer: String, since month: Int64) async throws -> Usage {
        let query = UsageQuery(
            meterApiName: meter.meterApiName, interval: .day, range: month..<Interval.month.next(after: month),
            filters: [.init(key: .customer, values: [customer])], fillsGaps: true)
        let answer = try await parts.store.usage(query)
        let series = answer.series.first
        return Usage(
            label: Show.name(meter.label), function: answer.function.name,
            value: Show.number(series?.groupValue ?? "0"),
            spark: Chart.spark(
                series.map { $0.values.map { Double($0.value) ?? 0 } } ?? [], title: "by day of this month"),
            path: Link(
                "/usage",
                [
                    ("meter", meter.meterApiName), ("customer", customer), ("from", Time.day(month)),
                    ("to", Time.day(Interval.month.next(after: month) - 1)),
                ]
            ).text)
    }

    private func save(_ visit: Visit, isNew: Bool) async throws -> Response {
        let form = CustomerForm(try await visit.form())
        do {
            var customer = try form.input.customer(now: parts.now())
            // What nobody edited stays as it is, also what lines cannot say.
            if let old = try await parts.store.customer(form.customerId),
                CustomerForm(old, id: old.customerId).traits == form.traits
            {
                customer.traits = old.traits
            }
            _ = try await parts.store.put(customer, isNew: isNew, who: visit.session.who)
            return visit.redirect(
                to: String(Link("/customer", [("id", customer.customerId)]).text.dropFirst(Console.root.count)),
                saying: "\(Show.name(customer.customerName)) is \(isNew ? "defined" : "changed").")
        } catch {
            return try await page(
                form, of: isNew ? nil : form.customerId, isDefined: !isNew, visit,
                problem: try MetersScreen.mendable(error))
        }
    }

    private func delete(_ visit: Visit) async throws -> Response {
        let id = try await visit.form().text("customerId") ?? ""
        let customer = try await parts.store.deleteCustomer(id, who: visit.session.who, time: parts.now())
        return visit.redirect(
            to: "/customers", saying: "\(Show.name(customer.customerName)) is deleted; the records stay and count.")
    }
}

/// The fields of a customer as a form holds them.
struct CustomerForm: Sendable {
    var customerId = ""
    var customerName = ""
    var customerEmail = ""
    var description = ""
    var lifecycleStage = ""
    var traits = ""
    var enabled = true

    init(_ customer: Customer?, id: String) {
        customerId = id
        guard let customer else { return }
        customerName = customer.customerName
        customerEmail = customer.customerEmail ?? ""
        description = customer.description ?? ""
        lifecycleStage = customer.lifecycleStage ?? ""
        traits = customer.traits.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            .map { "\($0.key)=\($0.value)" }.joined(separator: "\n")
        enabled = customer.enabled
    }

    init(_ form: QueryReader) {
        customerId = form.text("customerId") ?? ""
        customerName = form.text("customerName") ?? ""
        customerEmail = form.text("customerEmail") ?? ""
        description = form.text("description") ?? ""
        lifecycleStage = form.text("lifecycleStage") ?? ""
        traits = (form.text("traits") ?? "").replacing("\r\n", with: "\n")
        enabled = form.text("enabled") != nil
    }

    var input: CustomerInput {
        get throws(APIError) {
            var input = CustomerInput()
            input.customerId = customerId
            input.customerName = customerName
            input.customerEmail = customerEmail.isEmpty ? nil : customerEmail
            input.description = description.isEmpty ? nil : description
            input.lifecycleStage = lifecycleStage.isEmpty ? nil : lifecycleStage
            input.enabled = enabled
            var read: [String: String] = [:]
            for line in traits.split(whereSeparator: \.isNewline) {
                guard let (name, value) = Pair.split(String(line)), read.updateValue(value, forKey: name) == nil else {
                    throw APIError(.badRequest, "A trait is written as name=value, one on each line, each name once.")
                }
            }
            input.traits = read
            return input
        }
    }
}
