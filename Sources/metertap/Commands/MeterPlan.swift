import AWS
import MeterLine

/// What must happen so that the meters match a file.
struct MeterPlan {
    /// One meter's part of it.
    enum Step {
        case create(JSONTree)
        case change(JSONTree, differences: [String])
        case delete(JSONTree)

        func carryOut(_ client: PlatformClient) async throws {
            switch self {
            case .create(let meter): _ = try await client.post("/meters", meter)
            case .change(let meter, _): _ = try await client.put("/meters", meter)
            case .delete(let meter):
                guard case .object(let members) = meter else { return }
                let deprecated = members.map { $0.name == "lockingStatus" ? .init($0.name, .string("deprecated")) : $0 }
                _ = try await client.put("/meters", .object(deprecated))
                _ = try await client.delete("/meters/\(PercentEncoding.encode(meter["id"]?.text ?? ""))")
            }
        }
    }

    private(set) var steps: [Step] = []
    private var same = 0
    private var kept: [String] = []

    init(wanted: [JSONTree], present: [JSONTree], prunes: Bool) {
        for meter in wanted {
            guard let old = present.first(where: { $0["meterApiName"] == meter["meterApiName"] }) else {
                steps.append(.create(meter))
                continue
            }
            let differences = Self.differences(meter, old)
            if differences.isEmpty {
                same += 1
            } else {
                steps.append(.change(meter, differences: differences))
            }
        }
        let names = wanted.map { $0["meterApiName"] }
        for meter in present where !names.contains(meter["meterApiName"]) {
            if prunes { steps.append(.delete(meter)) } else { kept.append(meter["meterApiName"]?.text ?? "") }
        }
    }

    var isEmpty: Bool { steps.isEmpty }

    var count: String { steps.count == 1 ? "1 change" : "\(steps.count) changes" }

    /// The fields in which a file's meter differs from the platform's; a field that the file leaves out has its default.
    private static func differences(_ wanted: JSONTree, _ present: JSONTree) -> [String] {
        guard case .object(let members) = wanted, case .object(let old) = present else { return [] }
        var differences: [String] = []
        for member in members where (present[member.name] ?? .null) != member.value {
            differences.append("\(member.name): \(shown(present[member.name])) → \(shown(member.value))")
        }
        let defaults: [String: JSONTree] = [
            "description": .null, "dimensions": .array([]), "aggregationDimensions": .array([]),
            "timeoutInMinutes": .null, "useInBilling": .bool(true), "enabled": .bool(true),
        ]
        for member in old where wanted[member.name] == nil {
            guard let value = defaults[member.name], value != member.value else { continue }
            differences.append("\(member.name): \(shown(member.value)) → \(shown(value))")
        }
        return differences
    }

    private static func shown(_ value: JSONTree?) -> String {
        guard let value, value != .null else { return "none" }
        return value.text.isEmpty ? "none" : value.text
    }

    func show() {
        for step in steps {
            switch step {
            case .create(let meter): Terminal.output("+ \(Self.name(meter))  \(meter["meterType"]?.text ?? "")")
            case .change(let meter, let differences):
                Terminal.output("~ \(Self.name(meter))")
                for difference in differences { Terminal.output("    \(Table.printable(difference))") }
            case .delete(let meter): Terminal.output("- \(Self.name(meter))  (its records stay, and are undefined)")
            }
        }
        if same > 0 { Terminal.output("= \(same) as in the file") }
        if !kept.isEmpty {
            Terminal.output("  not in the file, and kept: \(Table.printable(kept.joined(separator: ", ")))")
        }
    }

    private static func name(_ meter: JSONTree) -> String { Table.printable(meter["meterApiName"]?.text ?? "") }
}
