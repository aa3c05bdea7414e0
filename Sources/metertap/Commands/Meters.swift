import ArgumentParser
import FoundationEssentials
import MeterLine
import Yams

struct Meters: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "List meters, or make them match a file.",
        subcommands: [List.self, Show.self, Apply.self], defaultSubcommand: List.self)

    struct List: PlatformCommand {
        static let configuration = CommandConfiguration(
            abstract: "List all meters.", discussion: "Example:\n  metertap meters list")

        @OptionGroup var output: OutputOptions

        func work(_ client: PlatformClient) async throws {
            let meters = try await client.get("/meters")
            if output.json { return Terminal.output(meters.json) }
            var table = Table("meterApiName", "label", "type", "dimensions", "status")
            for meter in meters.elements {
                table.add(
                    ["meterApiName", "label", "meterType", "dimensions", "lockingStatus"].map { meter[$0]?.text ?? "" })
            }
            table.print(orElse: "No meter is defined; metertap meters apply FILE.yaml defines some.")
        }
    }

    struct Show: PlatformCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show one meter.", discussion: "Example:\n  metertap meters show ApiCalls")

        @Argument(help: "The meter's meterApiName.")
        var name: String

        @OptionGroup var output: OutputOptions

        func work(_ client: PlatformClient) async throws {
            guard let meter = try await client.get("/meters", [("meterApiName", name)]).elements.first else {
                throw Failure(message: "there is no meter \(name)", code: .badData)
            }
            if output.json { return Terminal.output(meter.json) }
            Describe.show(meter)
        }
    }

    struct Apply: PlatformCommand {
        static let configuration = CommandConfiguration(
            abstract: "Make the meters match a file: the plan first, then the work.",
            discussion: """
                The file has a list named meters, whose entries have the fields of the API. Meters that the file does not \
                name stay, unless --prune deprecates and deletes them; their records stay in any case.

                Example:
                  metertap meters apply meters.yaml
                """)

        @Argument(help: "The YAML file.")
        var file: String

        @Flag(help: "Do it without asking.")
        var yes = false

        @Flag(help: "Delete meters that the file does not name.")
        var prune = false

        func work(_ client: PlatformClient) async throws {
            let wanted = try MeterFile.read(file)
            let plan = MeterPlan(
                wanted: wanted, present: try await client.get("/meters").elements, prunes: prune)
            plan.show()
            guard !plan.isEmpty else { return }
            guard yes || Question.ask("Do this?") else {
                throw Failure(message: "nothing was done; --yes does it without asking", code: ExitCode(64))
            }
            for step in plan.steps { try await step.carryOut(client) }
            Terminal.output("\(plan.count) done.")
        }
    }
}

/// The file that says which meters there are to be.
enum MeterFile {
    static func read(_ path: String) throws -> [JSONTree] {
        let text: String
        do {
            text = String(decoding: try Data(contentsOf: URL(filePath: path)), as: UTF8.self)
        } catch {
            throw Failure(message: "\(path) cannot be read", code: .inputOutput)
        }
        let root: JSONTree
        do {
            root = try tree(try Yams.compose(yaml: text))
        } catch let error as YamlError {
            throw Failure(message: "\(path) is no YAML: \(error)", code: .badData)
        }
        guard case .array(let meters)? = root["meters"] else {
            throw Failure(message: "\(path) has no list named meters", code: .badData)
        }
        for (index, meter) in meters.enumerated() where meter["meterApiName"] == nil {
            throw Failure(message: "\(path): entry \(index + 1) of meters has no meterApiName", code: .badData)
        }
        return meters
    }

    private static func tree(_ node: Node?) throws -> JSONTree {
        switch node {
        case nil: .null
        case .mapping(let mapping):
            .object(try mapping.map { JSONTree.Member($0.key.string ?? "", try tree($0.value)) })
        case .sequence(let sequence): .array(try sequence.map(tree))
        case .scalar(let scalar): value(scalar)
        case .alias: throw YamlError.no
        }
    }

    /// Only what is written without quotation marks can be anything but a text.
    private static func value(_ scalar: Node.Scalar) -> JSONTree {
        guard scalar.style == .plain || scalar.style == .any else { return .string(scalar.string) }
        switch scalar.string {
        case "true": return .bool(true)
        case "false": return .bool(false)
        case "", "null", "~": return .null
        default: return Int(scalar.string) != nil ? .number(scalar.string) : .string(scalar.string)
        }
    }
}

/// What must happen so that the meters match a file.
struct MeterPlan {
    /// One meter's part of it.
    enum Step {
        case create(JSONTree)
        case change(JSONTree, id: String, differences: [String])
        case delete(JSONTree)

        func carryOut(_ client: PlatformClient) async throws {
            switch self {
            case .create(let meter): _ = try await client.post("/meters", meter)
            case .change(let meter, _, _): _ = try await client.put("/meters", meter)
            case .delete(let meter):
                guard case .object(let members) = meter else { return }
                let deprecated = members.map { $0.name == "lockingStatus" ? .init($0.name, .string("deprecated")) : $0 }
                _ = try await client.put("/meters", .object(deprecated))
                _ = try await client.delete("/meters/\(PlatformClient.encoded(meter["id"]?.text ?? ""))")
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
                steps.append(.change(meter, id: old["id"]?.text ?? "", differences: differences))
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
            case .change(let meter, _, let differences):
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
