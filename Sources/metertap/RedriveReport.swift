import Delivery
import MeterLine
import Redrive

/// What waits in a bucket and what became of it, as people and scripts read it.
struct RedriveReport {
    /// How many objects are told one by one.
    private static let toldObjects = 20
    /// How much is told of what the reader of a bucket says.
    private static let reasonCharacters = 200

    let plan: RedrivePlan

    /// What stands in one row of the table: objects of one kind with which the same can be done for the same reason.
    private struct Group {
        let kind: WaitingKind
        let label: String
        let reason: String
        var objects = 0
        var found = RedriveFigures()
        var reasons: [String: Int] = [:]
    }

    // MARK: - For people

    func show() {
        var table = Table("KIND", ">OBJECTS", ">RECORDS", ">REJECTS", "OLDEST", "NEWEST", "REASON")
        for group in groups {
            let reason = group.reason.isEmpty ? Self.reasons(group.reasons) : group.reason
            table.add([
                group.kind.title, Display.count(group.objects), Display.count(group.found.records),
                Display.count(group.found.rejects), group.found.times.map { CommandTime.text($0.lowerBound) } ?? "",
                group.found.times.map { CommandTime.text($0.upperBound) } ?? "",
                [group.label, reason].filter { !$0.isEmpty }.joined(separator: ": "),
            ])
        }
        table.print(orElse: "Nothing waits.")
        let failed = plan.items.filter { $0.kind == .failedRequest && $0.state == .ready }
        Self.show(failed.map { "  \($0.about ?? $0.object.key): \(Self.reasons($0.reasons))" })
        Self.show(
            plan.items.compactMap { item in
                switch item.state {
                case .ready, .unchanged: nil
                case .metadata(let text): "! \(item.object.key): \(text)"
                case .damaged(let text): "! \(item.object.key) cannot be read: \(text)"
                }
            })
        if !plan.isWhole { Terminal.output("There is more behind these; run the command again when they are done.") }
    }

    private static func show(_ lines: [String]) {
        for line in lines.prefix(toldObjects) { Terminal.output(Table.printable(line)) }
        if lines.count > toldObjects {
            Terminal.output("  and \(Display.count(lines.count - toldObjects)) more; --json tells all")
        }
    }

    private var groups: [Group] {
        var groups: [Group] = []
        for item in plan.items {
            let reason = item.kind == .rejects || item.kind == .failedRequest ? "" : Self.reasons(item.reasons)
            let label = item.state.label
            let index =
                groups.firstIndex { $0.kind == item.kind && $0.label == label && $0.reason == reason }
                ?? groups.endIndex
            if index == groups.endIndex { groups.append(Group(kind: item.kind, label: label, reason: reason)) }
            groups[index].objects += 1
            groups[index].found.add(item.found)
            if item.kind == .rejects { groups[index].reasons.merge(item.reasons, uniquingKeysWith: +) }
        }
        return groups
    }

    private static func reasons(_ reasons: [String: Int]) -> String {
        let sorted = reasons.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
        return sorted.map { name, count in
            let text = String(name.prefix(reasonCharacters))
            let line = text.split(whereSeparator: \.isNewline).joined(separator: " ")
            return count == 1 ? line : "\(line) (\(Display.count(count)))"
        }.joined(separator: ", ")
    }

    static func show(_ figures: RedriveFigures, finished: Int, of count: Int, _ ending: Redriver.Ending) {
        let what =
            switch ending {
            case .moved: "are below redriven/ now"
            case .deleted: "are deleted"
            case .kept: "are delivered, and left where they are"
            }
        Terminal.output(
            "\(Display.count(finished)) of \(Display.count(count)) objects \(what): \(Display.count(figures.delivered)) "
                + "records delivered, \(Display.count(figures.rejected)) rejected"
                + (figures.refusedBySink > 0 ? ", \(Display.count(figures.refusedBySink)) of them by the sink" : "")
                + (figures.left > 0 ? ", \(Display.count(figures.left)) left as they were" : "") + ".")
    }

    // MARK: - For programs

    /// Prints plan and figures as one JSON object.
    ///
    /// - Parameter finished: how many objects are finished; nil when nothing was done.
    func print(_ figures: RedriveFigures, finished: Int?) {
        var line: [UInt8] = []
        var object = JSONObjectWriter(&line)
        object.literal("complete", plan.isWhole ? "true" : "false", &line)
        object.member("others", plan.others, &line)
        object.name("plan", &line)
        line.append(UInt8(ascii: "["))
        for (index, item) in plan.items.enumerated() {
            if index > 0 { line.append(UInt8(ascii: ",")) }
            Self.append(item, to: &line)
        }
        line.append(UInt8(ascii: "]"))
        if let finished {
            object.name("done", &line)
            var done = JSONObjectWriter(&line)
            done.member("objects", finished, &line)
            Self.append(figures, to: &done, &line)
            done.member("delivered", figures.delivered, &line)
            done.member("rejected", figures.rejected, &line)
            done.member("refusedBySink", figures.refusedBySink, &line)
            done.member("left", figures.left, &line)
            done.member("parts", figures.parts, &line)
            done.member("bytes", figures.bytes, &line)
            done.end(&line)
        }
        object.end(&line)
        Terminal.output(String(decoding: line, as: UTF8.self))
    }

    private static func append(_ item: RedriveItem, to line: inout [UInt8]) {
        var object = JSONObjectWriter(&line)
        object.member("key", item.object.key, &line)
        object.member("kind", item.kind.rawValue, &line)
        object.member("state", item.state.label.isEmpty ? "ready" : item.state.label, &line)
        if let problem = item.state.problem { object.member("problem", problem, &line) }
        append(item.found, to: &object, &line)
        object.literal("oldest", item.found.times.map { "\($0.lowerBound)" } ?? "null", &line)
        object.literal("newest", item.found.times.map { "\($0.upperBound)" } ?? "null", &line)
        object.name("reasons", &line)
        var reasons = JSONObjectWriter(&line)
        for (name, count) in item.reasons.sorted(by: { $0.key < $1.key }) { reasons.member(name, count, &line) }
        reasons.end(&line)
        if let about = item.about {
            object.member("about", about, &line)
            object.name("recordIds", &line)
            line.append(UInt8(ascii: "["))
            for (index, id) in item.recordIds.enumerated() {
                if index > 0 { line.append(UInt8(ascii: ",")) }
                appendJSONString(id, to: &line)
            }
            line.append(UInt8(ascii: "]"))
        }
        object.end(&line)
    }

    private static func append(
        _ figures: RedriveFigures, to object: inout JSONObjectWriter, _ line: inout [UInt8]
    ) {
        object.member("events", figures.events, &line)
        object.member("records", figures.records, &line)
        object.member("rejects", figures.rejects, &line)
        object.member("repeated", figures.repeated, &line)
    }
}

extension WaitingKind {
    /// What people call it.
    var title: String {
        switch self {
        case .streamFailure: "batches that Lambda gave up"
        case .directFailure: "direct events that Lambda gave up"
        case .rejects: "rejects"
        case .failedRequest: "failed requests"
        }
    }
}

extension RedriveItem.State {
    /// What scripts call it; empty when it can be delivered.
    fileprivate var label: String {
        switch self {
        case .ready: ""
        case .unchanged: "unchanged"
        case .metadata: "metadata"
        case .damaged: "damaged"
        }
    }

    fileprivate var problem: String? {
        switch self {
        case .ready, .unchanged: nil
        case .metadata(let text), .damaged(let text): text
        }
    }
}
