import ArgumentParser
import FoundationEssentials
import MeterLine

struct Rejects: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show what was no valid record, and store it once it is edited.",
        subcommands: [List.self, Show.self, Retry.self], defaultSubcommand: List.self)

    struct List: PlatformCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the rejects that wait.", discussion: "Example:\n  metertap rejects list")

        @OptionGroup var output: OutputOptions

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
            abstract: "Show one reject with its line.", discussion: "Example:\n  metertap rejects show 3")

        @Argument(help: "The reject's id.")
        var id: Int

        @OptionGroup var output: OutputOptions

        func work(_ client: PlatformClient) async throws {
            let reject = try await client.get("/rejects/\(id)")
            if output.json { return Terminal.output(reject.json) }
            Describe.show(reject)
        }
    }

    struct Retry: PlatformCommand {
        static let configuration = CommandConfiguration(
            abstract: "Store a reject once more, with an edited line or as it came.",
            discussion: "Example:\n  metertap rejects retry 3 --line edited.json")

        @Argument(help: "The reject's id.")
        var id: Int

        @Option(help: "A file with the edited line; - for stdin.")
        var line: String?

        func work(_ client: PlatformClient) async throws {
            var members: [JSONTree.Member] = []
            if let line {
                members.append(.init("line", .string(String(decoding: try InputFile.read(line), as: UTF8.self))))
            }
            let answer = try await client.post("/rejects/\(id)/retry", .object(members))
            Terminal.output("\(answer["records"]?.text ?? "") stored; reject \(id) is resolved.")
        }
    }
}

struct Ingest: PlatformCommand {
    static let configuration = CommandConfiguration(
        abstract: "Send a file of records to the platform: JSON, NDJSON or CSV.",
        discussion:
            "A record that is known is counted once, so a file may be sent again.\n\nExample:\n  metertap ingest records.ndjson"
    )

    @Argument(help: "The file; - for stdin.")
    var file: String

    @Flag(help: "Exit with 65 when there is a reject.")
    var strict = false

    /// What one request may hold.
    private static let maximumBytes = 8 << 20
    private static let maximumLines = 10_000

    func work(_ client: PlatformClient) async throws {
        let bytes = try InputFile.read(file)
        let isCSV = file.lowercased().hasSuffix(".csv")
        var progress = ProgressLine()
        var (sent, rejected) = (0, 0)
        for part in try Self.parts(bytes, isCSV: isCSV) {
            let answer = try await client.ingest(part, type: isCSV ? "text/csv" : "application/json")
            sent += Int(answer.text.prefix { $0 != " " }) ?? 0
            rejected += answer.rejected
            progress.show("\(Display.count(sent)) records")
        }
        progress.clear()
        Terminal.output("\(Display.count(sent)) records were ingested, \(Display.count(rejected)) rejected.")
        if rejected > 0 { Terminal.error("metertap rejects list shows why.") }
        if strict, rejected > 0 { throw ExitCode.badData }
    }

    /// The requests that a file makes: lines are sent in parts; a document that is no lines is sent whole.
    private static func parts(_ bytes: [UInt8], isCSV: Bool) throws -> [[UInt8]] {
        let newline = UInt8(ascii: "\n")
        let first = bytes.first { ![0x20, 0x09, 0x0a, 0x0d].contains($0) }
        guard bytes.count > maximumBytes || bytes.count(where: { $0 == newline }) > maximumLines else { return [bytes] }
        guard first != UInt8(ascii: "["), !isCSV else {
            throw Failure(
                message: "the file holds more than one request takes; write NDJSON, which is sent in parts",
                code: .badData)
        }
        var parts: [[UInt8]] = []
        var part: [UInt8] = []
        var lines = 0
        for line in bytes.split(separator: newline) {
            if lines == maximumLines || part.count + line.count > maximumBytes {
                parts.append(part)
                (part, lines) = ([], 0)
            }
            part.append(contentsOf: line)
            part.append(newline)
            lines += 1
        }
        return part.isEmpty ? parts : parts + [part]
    }
}
