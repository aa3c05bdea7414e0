import ArgumentParser

struct Ingest: PlatformCommand {
    static let configuration = CommandConfiguration(
        commandName: "ingest",
        abstract: "Send a file of records to the platform: JSON, NDJSON or CSV.",
        discussion:
            "A record that is known is counted once, so a file may be sent again.\n\nExample:\n  metertap ingest records.ndjson"
    )

    @Argument(help: "The file; - for stdin.")
    var file: String

    @Flag(help: "Exit with 65 when there is a reject.")
    var strict = false

    @OptionGroup var platform: PlatformOptions

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
