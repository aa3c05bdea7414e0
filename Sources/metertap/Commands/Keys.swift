import AWS
import ArgumentParser
import MeterLine

struct Keys: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "keys",
        abstract: "List, make and revoke keys of the API.",
        subcommands: [List.self, Create.self, Revoke.self], defaultSubcommand: List.self)

    struct List: PlatformCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "List all keys, without their secrets.", discussion: "Example:\n  metertap keys list")

        @OptionGroup var output: OutputOptions

        @OptionGroup var platform: PlatformOptions

        func work(_ client: PlatformClient) async throws {
            let keys = try await client.get("/keys")
            if output.json { return Terminal.output(keys.json) }
            var table = Table("id", "name", "rights", "made", "last used")
            for key in keys.elements {
                table.add([
                    key["id"]?.text ?? "", key["name"]?.text ?? "", key["rights"]?.text ?? "",
                    Describe.time(key["createTime"]), Describe.time(key["lastUsedTime"]),
                ])
            }
            table.print(orElse: "There is no key.")
        }
    }

    struct Create: PlatformCommand {
        static let configuration = CommandConfiguration(
            commandName: "create",
            abstract: "Make a key; its secret is shown this once.",
            discussion: "Example:\n  metertap keys create lambda-agent --rights ingest")

        @Argument(help: "A name that says who uses it.")
        var name: String

        @Option(help: "What it allows: ingest, read, admin; separated by commas.")
        var rights: String

        @OptionGroup var output: OutputOptions

        @OptionGroup var platform: PlatformOptions

        func work(_ client: PlatformClient) async throws {
            let rights = rights.split(separator: ",").map { JSONTree.string(String($0)) }
            let key = try await client.post(
                "/keys", .object([.init("name", .string(name)), .init("rights", .array(rights))]))
            if output.json { return Terminal.output(key.json) }
            Terminal.output(key["key"]?.text ?? "")
            Terminal.error("This is the key of \(Table.printable(name)); it is not shown again.")
        }
    }

    struct Revoke: PlatformCommand {
        static let configuration = CommandConfiguration(
            commandName: "revoke",
            abstract: "Revoke a key.", discussion: "Example:\n  metertap keys revoke 0123456789abcdef")

        @Argument(help: "The key's id, as metertap keys list shows it.")
        var id: String

        @OptionGroup var platform: PlatformOptions

        func work(_ client: PlatformClient) async throws {
            let key = try await client.delete("/keys/\(PercentEncoding.encode(id))")
            Terminal.output("The key \(Table.printable(key["name"]?.text ?? "")) is revoked.")
        }
    }
}
