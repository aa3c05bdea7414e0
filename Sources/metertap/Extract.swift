public import ArgumentParser
public import Collection
import MeterLine
import SystemPackage

struct Extract: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Turn log lines into meter records.",
        discussion: """
            A filter: log lines, envelopes of CloudWatch Logs, Lambda events or Lambda's failure records in, compressed \
            with gzip or not; NDJSON records out, one a line. The accounting is one JSON line on stderr, or in a file.

            Example:
              metertap extract app.log.gz --rejects rejects.ndjson > records.ndjson
            """)

    @Argument(help: "The files to read; '-' or none is stdin.")
    var files: [String] = []

    @Option(help: "What the input holds: auto (told by its beginning), lines, or event.")
    var format = Extraction.Format.auto

    @Option(help: "The tags that mark a record, separated by commas.")
    var tags = LineReader.defaultTags.joined(separator: ",")

    @Option(help: "The name that stands for the log group of lines (default: the file's base name).")
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
            let accounting = try extract()
            if strict, accounting.rejected > 0 { throw ExitCode.badData }
        } catch let failure as Failure {
            throw failure.exitCode()
        }
    }

    private func extract() throws -> Accounting {
        let lineReader: LineReader
        do throws(InvalidTag) {
            lineReader = try LineReader(
                tags: tags.split(separator: ",").map(String.init), allowMissingCustomer: allowMissingCustomer)
        } catch {
            throw ValidationError(error.description)
        }
        let output = OutputFile()
        let rejectFile = try rejects.map { path in try opening(path) { try OutputFile(path: path) } }
        var accounting = Accounting()
        var bytesRead = 0
        for file in files.isEmpty ? ["-"] : files {
            let (found, bytes) = try extract(file, lineReader, output, rejectFile)
            accounting.add(found)
            bytesRead += bytes
        }
        try writing("stdout") { try output.close() }
        try writing(rejects ?? "") { try rejectFile?.close() }
        try report(accounting, bytesRead)
        return accounting
    }

    private func extract(
        _ file: String, _ lineReader: LineReader, _ output: OutputFile, _ rejectFile: OutputFile?
    ) throws -> (Accounting, bytes: Int) {
        let isStandardInput = file == "-"
        let name = source ?? (isStandardInput ? "stdin" : FilePath(file).lastComponent?.string ?? file)
        let input =
            isStandardInput
            ? FileDescriptor.standardInput : try opening(file) { try FileDescriptor.open(FilePath(file), .readOnly) }
        defer { if !isStandardInput { try? input.close() } }

        let provenance = provenance
        var extraction = Extraction(name: name, format: format, lineReader: lineReader) { finding in
            switch finding {
            case .record(let record):
                NDJSON.append(record, provenance: provenance, to: &output.buffer)
                try output.flushIfLarge()
            case .reject(let reject):
                guard let rejectFile else { return }
                NDJSON.append(reject, to: &rejectFile.buffer)
                try rejectFile.flushIfLarge()
            }
        }
        let size = isStandardInput ? nil : (try? input.seek(offset: 0, from: .end)).map(Int.init)
        if size != nil { _ = try? input.seek(offset: 0, from: .start) }
        var progress = ProgressLine()
        var bytesRead = 0
        do {
            var buffer = [UInt8](repeating: 0, count: 1 << 20)
            while true {
                let count = try unsafe buffer.withUnsafeMutableBytes { try unsafe input.read(into: $0) }
                if count == 0 { break }
                try extraction.read(buffer.span.extracting(..<count))
                bytesRead += count
                let figures = extraction.accounting
                let seconds = progress.seconds
                progress.show(progressText(name, bytesRead, size, figures, seconds))
            }
            try extraction.finish()
        } catch {
            progress.clear()
            throw failure(reading: isStandardInput ? "stdin" : file, at: bytesRead, error)
        }
        progress.clear()
        return (extraction.accounting, bytesRead)
    }

    private func progressText(
        _ name: String, _ bytes: Int, _ size: Int?, _ accounting: Accounting, _ seconds: Double
    ) -> String {
        let part = size.map { " of \(Display.bytes($0))  \($0 > 0 ? bytes * 100 / $0 : 100) %" } ?? ""
        let speed = seconds > 0 ? "  \(Display.bytes(Int(Double(bytes) / seconds)))/s" : ""
        return "\(name)  \(Display.bytes(bytes))\(part)\(speed)  \(Display.count(accounting.records)) records"
            + "  \(Display.count(accounting.rejected)) rejects"
    }

    private func report(_ accounting: Accounting, _ bytesRead: Int) throws {
        var line: [UInt8] = []
        var object = JSONObjectWriter(&line)
        object.member("bytes", bytesRead, &line)
        NDJSON.appendMembers(of: accounting, namesIgnoredKeys: true, to: &object, &line)
        object.end(&line)
        line.append(UInt8(ascii: "\n"))
        if let summary {
            let file = try opening(summary) { try OutputFile(path: summary) }
            file.buffer = line
            try writing(summary) { try file.close() }
        } else {
            _ = try? FileDescriptor.standardError.writeAll(line)
        }
        if accounting.rejected > 0, rejects == nil {
            Terminal.error(
                "metertap: \(accounting.rejected) found behind a tag are no valid records and will not be billed; "
                    + "run again with --rejects FILE to see each with its reason")
        }
    }

    // MARK: - Errors

    private func opening<Result>(_ path: String, _ body: () throws -> Result) throws -> Result {
        do { return try body() } catch let error as Errno {
            throw Failure(message: "\(path) cannot be opened: \(error)", code: ExitCode(error))
        }
    }

    private func writing(_ path: String, _ body: () throws -> Void) throws {
        do { try body() } catch let error as Errno {
            throw Failure(message: "\(path) cannot be written: \(error); the output is incomplete", code: ExitCode(error))
        }
    }

    private func failure(reading file: String, at offset: Int, _ error: any Error) -> any Error {
        switch error {
        case let error as Errno:
            Failure(message: "\(file), near byte \(offset): \(error); the output is incomplete", code: ExitCode(error))
        default:
            Failure(
                message: "\(file) is damaged near byte \(offset): \(error). What stands before is in the output, what "
                    + "stands behind is missing from the bill", code: .badData)
        }
    }
}

extension Extraction.Format: ExpressibleByArgument {}
