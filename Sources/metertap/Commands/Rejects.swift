import ArgumentParser
import MeterLine

struct Rejects: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rejects",
        abstract: "Show what was no valid record, and store it once it is edited.",
        subcommands: [List.self, Show.self, Retry.self, Dismiss.self],
        defaultSubcommand: List.self)

    struct List: PlatformCommand {
        static let configuration = CommandConfiguration(
            commandName: "list",
            abstract: "List the rejects that wait.", discussion: "Example:\n  metertap rejects list")

        @OptionGroup var output: OutputOptions

        @OptionGroup var platform: PlatformOptions

        func work(_ client: PlatformClient) async throws {
            let page = try await client.get("/rejects", [("limit", "100")])
            if output.json { return Terminal.output(page.json) }
            var table = Table(">id", "received", "reason", "detail")
            for reject in page["rejects"]?.elements ?? [] {
                table.add([
                    reject["id"]?.text ?? "", Describe.time(reject["receivedTimeInMillis"]),
                    reject["reason"]?.text ?? "", reject["detail"]?.text ?? "",
                ])
            }
            table.print(orElse: "No reject waits.")
            if page["cursor"] != .null { Terminal.error("These are the newest 100; there are more.") }
        }
    }

    struct Show: PlatformCommand {
        static let configuration = CommandConfiguration(
            commandName: "show",
            abstract: "Show one reject with its line.", discussion: "Example:\n  metertap rejects show 3")

        @Argument(help: "The reject's id.")
        var id: Int

        @OptionGroup var output: OutputOptions

        @OptionGroup var platform: PlatformOptions

        func work(_ client: PlatformClient) async throws {
            let reject = try await client.get("/rejects/\(id)")
            if output.json { return Terminal.output(reject.json) }
            Describe.show(reject)
        }
    }

    struct Retry: PlatformCommand {
        static let configuration = CommandConfiguration(
            commandName: "retry",
            abstract: "Store a reject once more, with an edited line or as it came.",
            discussion: "Example:\n  metertap rejects retry 3 --line edited.json")

        @Argument(help: "The reject's id.")
        var id: Int

        @Option(help: "A file with the edited line; - for stdin.")
        var line: String?

        @OptionGroup var platform: PlatformOptions

        func work(_ client: PlatformClient) async throws {
            var members: [JSONTree.Member] = []
            if let line {
                members.append(.init("line", .string(String(decoding: try InputFile.read(line), as: UTF8.self))))
            }
            let answer = try await client.post("/rejects/\(id)/retry", .object(members))
            Terminal.output("\(answer["records"]?.text ?? "") stored; reject \(id) is resolved.")
        }
    }

    struct Dismiss: PlatformCommand {
        static let configuration = CommandConfiguration(
            commandName: "dismiss",
            abstract: "Settle a reject that needs no fixing; it isn't billed, and can still be stored.",
            discussion: "Example:\n  metertap rejects dismiss 3 --reason 'a test of ours'")

        @Argument(help: "The reject's id.")
        var id: Int

        @Option(help: "Why it needs no fixing.")
        var reason: String

        @OptionGroup var platform: PlatformOptions

        func work(_ client: PlatformClient) async throws {
            _ = try await client.post("/rejects/\(id)/dismiss", .object([.init("reason", .string(reason))]))
            Terminal.output("Reject \(id) is dismissed.")
        }
    }
}
