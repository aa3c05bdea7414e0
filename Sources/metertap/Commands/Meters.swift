import ArgumentParser
import MeterLine

struct Meters: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "meters",
        abstract: "List meters, or make them match a file.",
        subcommands: [List.self, Show.self, Apply.self], defaultSubcommand: List.self)

    struct List: PlatformCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "List all meters.", discussion: "Example:\n  metertap meters list")

        @OptionGroup var output: OutputOptions

        @OptionGroup var platform: PlatformOptions

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
            commandName: "show",
            abstract: "Show one meter.", discussion: "Example:\n  metertap meters show ApiCalls")

        @Argument(help: "The meter's meterApiName.")
        var name: String

        @OptionGroup var output: OutputOptions

        @OptionGroup var platform: PlatformOptions

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
            commandName: "apply",
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

        @OptionGroup var platform: PlatformOptions

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

/// A question on the terminal.
enum Question {
    /// Whether somebody says yes; nobody does where no terminal is.
    static func ask(_ text: String) -> Bool {
        guard Terminal.isInteractive else { return false }
        Terminal.error("\(text) [y/N]")
        return ["y", "yes"].contains(readLine()?.lowercased() ?? "")
    }
}
