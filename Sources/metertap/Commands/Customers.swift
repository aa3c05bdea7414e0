import AWS
import ArgumentParser
import MeterLine

struct Customers: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "customers",
        abstract: "List, define and delete customers.",
        subcommands: [List.self, Define.self, Delete.self], defaultSubcommand: List.self)

    struct List: PlatformCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "List all customers.", discussion: "Example:\n  metertap customers list")

        @OptionGroup var output: OutputOptions

        @OptionGroup var platform: PlatformOptions

        func work(_ client: PlatformClient) async throws {
            let customers = try await client.get("/customers")
            if output.json { return Terminal.output(customers.json) }
            var table = Table("customerId", "name", "email", "stage")
            for customer in customers.elements {
                table.add(
                    ["customerId", "customerName", "customerEmail", "lifecycleStage"].map { customer[$0]?.text ?? "" })
            }
            table.print(orElse: "No customer is defined; metertap customers define ID NAME defines one.")
        }
    }

    struct Define: PlatformCommand {
        static let configuration = CommandConfiguration(
            commandName: "define",
            abstract: "Define a customer, or change one.",
            discussion: "Example:\n  metertap customers define acme \"Acme Inc\" --email billing@acme.example")

        @Argument(help: "The customerId that records use.")
        var id: String

        @Argument(help: "The name for people.")
        var name: String

        @Option(help: "Where to write to.")
        var email: String?

        @OptionGroup var output: OutputOptions

        @OptionGroup var platform: PlatformOptions

        func work(_ client: PlatformClient) async throws {
            var members: [JSONTree.Member] = [
                .init("customerId", .string(id)), .init("customerName", .string(name)),
            ]
            if let email { members.append(.init("customerEmail", .string(email))) }
            let old = try await client.get("/customers", [("customerId", id)])
            // What the command does not know of stays.
            for name in ["description", "traits", "enabled", "lifecycleStage", "customerEmail"] {
                if let value = old[name], !members.contains(where: { $0.name == name }) {
                    members.append(.init(name, value))
                }
            }
            let isNew = old["customerId"] == nil
            let customer = JSONTree.object(members)
            let stored =
                isNew ? try await client.post("/customers", customer) : try await client.put("/customers", customer)
            Terminal.output(
                output.json ? stored.json : "\(Table.printable(id)) is \(isNew ? "defined" : "changed").")
        }
    }

    struct Delete: PlatformCommand {
        static let configuration = CommandConfiguration(
            commandName: "delete",
            abstract: "Delete a customer; its records and usage stay.",
            discussion: "Example:\n  metertap customers delete acme")

        @Argument(help: "The customerId.")
        var id: String

        @OptionGroup var platform: PlatformOptions

        func work(_ client: PlatformClient) async throws {
            _ = try await client.delete("/customers/\(PercentEncoding.encode(id))")
            Terminal.output("\(Table.printable(id)) is deleted; its records and usage stay.")
        }
    }
}
