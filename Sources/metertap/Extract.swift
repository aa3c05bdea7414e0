public import ArgumentParser
public import Collection
import FoundationEssentials
import Meter
import MeterLine
import SystemPackage

struct Extract: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "extract",
        abstract: "Turn log lines into meter records.",
        discussion: """
            A filter: log lines, envelopes of CloudWatch Logs, Lambda events, Lambda's failure records or what \
            'aws logs filter-log-events' prints in, compressed with gzip or not; NDJSON records out, one a line. The \
            accounting is one JSON line on stderr, or in a file. Exit code 65: some input is in a form that \
            isn't read, or there is a reject and --strict.

            Example:
              metertap extract app.log.gz --rejects rejects.ndjson > records.ndjson
            """)

    @Argument(help: "The files to read; '-' or none is stdin.")
    var files: [String] = []

    @Option(help: "What the input holds: auto (told by its beginning), lines, or event.")
    var format = Extraction.Format.auto

    @Option(help: "The tags that mark a record, separated by commas (METERTAP_TAGS).")
    var tags: String?

    @Option(
        help:
            "The name that stands for the log group of lines (default: the file's base name), or of printed log events; a log group's ARN gives these the agent's identities."
    )
    var source: String?

    @Flag(help: "Add to each record the log event that it comes from.")
    var provenance = false

    @Flag(help: "Accept records without a customer.")
    var allowMissingCustomer = false

    @Option(help: "Write what carries a tag but is no valid record to this file.")
    var rejects: String?

    @Flag(help: "Exit with 65 when there is a reject.")
    var strict = false

    @Option(help: "Write the accounting to this file instead of stderr.")
    var summary: String?

    func run() throws {
        do {
            let work = try ExtractWork(self)
            let accounting = try work.run()
            // What is in a form that isn't read may hold any number of records.
            if accounting.unreadableForms > 0 || strict && accounting.rejected > 0 { throw ExitCode.badData }
        } catch let failure as Failure {
            throw failure.exitCode()
        }
    }
}

/// One run of the command: its outputs and figures.
private final class ExtractWork {
    private let command: Extract
    private let lineReader: LineReader
    private let output = OutputFile()
    private let rejects: OutputFile?
    private var accounting = Accounting()
    private var bytesRead = 0
    /// Inputs of one name count equal lines together.
    private var counters: [String: LineCounter] = [:]

    init(_ command: Extract) throws {
        self.command = command
        let tags = command.tags ?? ProcessInfo.processInfo.environment["METERTAP_TAGS"]
        do throws(InvalidTag) {
            lineReader = try LineReader(
                tags: tags.map(LineReader.tags(separatedByCommas:)) ?? LineReader.defaultTags,
                allowMissingCustomer: command.allowMissingCustomer)
        } catch {
            throw ValidationError(error.description)
        }
        rejects = try command.rejects.map { path in try opening(path) { try OutputFile(path: path) } }
    }

    /// Reads all inputs.
    ///
    /// Whatever stops it, what was found before is written and accounted for.
    func run() throws -> Accounting {
        do {
            for file in command.files.isEmpty ? ["-"] : command.files { try read(file) }
        } catch {
            try? output.close()
            try? rejects?.close()
            try? report(isComplete: false)
            throw error
        }
        try writing("stdout") { try output.close() }
        try writing(command.rejects ?? "") { try rejects?.close() }
        try report(isComplete: true)
        return accounting
    }

    private func read(_ file: String) throws {
        let isStandardInput = file == "-"
        let name = command.source ?? (isStandardInput ? "stdin" : FilePath(file).lastComponent?.string ?? file)
        let input =
            isStandardInput
            ? FileDescriptor.standardInput : try opening(file) { try FileDescriptor.open(FilePath(file), .readOnly) }
        defer { if !isStandardInput { try? input.close() } }
        let lines = counters[name] ?? LineCounter()
        counters[name] = lines
        var extraction = Extraction(
            name: name, format: command.format, lineReader: lineReader, lines: lines,
            lineFormat: LineFormat(provenance: command.provenance, rejects: rejects != nil), whenGrown: writeIfLarge)
        var progress = ProgressLine()
        defer { progress.clear() }
        do {
            try read(input, size: isStandardInput ? nil : size(of: input), name, &extraction, &progress)
            try extraction.finish()
            accounting.add(extraction.accounting)
            try write(extraction.foundLines)
        } catch {
            // What stands before the fault is good.
            try? extraction.finish()
            accounting.add(extraction.accounting)
            try? write(extraction.foundLines)
            throw failure(reading: isStandardInput ? "stdin" : file, error)
        }
    }

    private func read(
        _ input: FileDescriptor, size: Int?, _ name: String, _ extraction: inout Extraction,
        _ progress: inout ProgressLine
    ) throws {
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        var position = 0
        while true {
            let count = try unsafe buffer.withUnsafeMutableBytes { try unsafe input.read(into: $0) }
            if count == 0 { return }
            try extraction.read(buffer.span.extracting(..<count))
            position += count
            bytesRead += count
            let text = progressText(name, position, size, extraction.accounting, progress.seconds)
            progress.show(text)
        }
    }

    private func size(of input: FileDescriptor) -> Int? {
        guard let end = try? input.seek(offset: 0, from: .end), (try? input.seek(offset: 0, from: .start)) != nil else {
            return nil
        }
        return Int(end)
    }

    private func writeIfLarge(_ lines: inout FoundLines) throws {
        guard lines.bytes >= OutputFile.flushBytes else { return }
        // What cannot be written once cannot be written a second time.
        defer { lines.removeAll() }
        try write(lines)
    }

    private func write(_ lines: FoundLines) throws {
        try output.write(lines.records)
        try rejects?.write(lines.rejects)
    }

    private func progressText(
        _ name: String, _ bytes: Int, _ size: Int?, _ accounting: Accounting, _ seconds: Double
    ) -> String {
        let part = size.map { " of \(Display.bytes($0))  \($0 > 0 ? bytes * 100 / $0 : 100) %" } ?? ""
        let speed = seconds > 0 ? "  \(Display.bytes(Int(Double(bytes) / seconds)))/s" : ""
        return "\(name)  \(Display.bytes(bytes))\(part)\(speed)  \(Display.count(accounting.records)) records"
            + "  \(Display.count(accounting.rejected)) rejects"
    }

    private func report(isComplete: Bool) throws {
        var line: [UInt8] = []
        var object = JSONObjectWriter(&line)
        if !isComplete { object.literal("complete", "false", &line) }
        object.member("bytes", bytesRead, &line)
        NDJSON.appendMembers(of: accounting, namesIgnoredKeys: true, to: &object, &line)
        object.end(&line)
        line.append(UInt8(ascii: "\n"))
        if let summary = command.summary {
            let file = try opening(summary) { try OutputFile(path: summary) }
            file.buffer = line
            try writing(summary) { try file.close() }
        } else {
            _ = try? FileDescriptor.standardError.writeAll(line)
        }
        let undecodable = accounting.rejects[.undecodable, default: 0]
        if undecodable > 0 {
            Terminal.error(
                "metertap: \(undecodable) of the inputs, envelopes or log events can't be decoded, and nothing in them "
                    + "will be billed; \(command.rejects.map { "\($0) shows why" } ?? "run again with --rejects FILE to see why")"
            )
        }
        let others = accounting.rejected - undecodable
        if others > 0, command.rejects == nil {
            Terminal.error(
                "metertap: \(others) found behind a tag are no valid records and will not be billed; "
                    + "run again with --rejects FILE to see each with its reason")
        }
    }

    private func failure(reading file: String, _ error: any Error) -> any Error {
        switch error {
        case let error as Errno:
            Failure(
                message: "\(file), near byte \(bytesRead): \(error). What stands before is in the output, what stands "
                    + "behind is missing from the bill", code: ExitCode(error))
        default:
            Failure(
                message: "\(file) is damaged near byte \(bytesRead): \(error). What stands before is in the output, "
                    + "what stands behind is missing from the bill", code: .badData)
        }
    }
}

extension Extraction.Format: ExpressibleByArgument {}

private func opening<Result>(_ path: String, _ body: () throws -> Result) throws -> Result {
    do { return try body() } catch let error as Errno {
        throw Failure(message: "\(path) cannot be opened: \(error)", code: ExitCode(error))
    }
}

private func writing(_ path: String, _ body: () throws -> Void) throws {
    do { try body() } catch let error as Errno {
        throw Failure(
            message: "\(path) cannot be written: \(error); the output is incomplete", code: ExitCode(error))
    }
}
