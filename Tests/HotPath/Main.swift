import Collection
import HTTP
import MeterLine
import SystemPackage

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Reads inputs over and over with nothing around the readers, so that their work can be counted and profiled.
///
/// `hot-path WAY FILE ROUNDS`: WAY is `file`, which reads FILE as `metertap extract` does and writes the records to
/// stdout, or one of `envelope`, `page` and `lines`, which read what stands in memory and write nowhere. `audit` reads a
/// page and makes of it what an audit compares. `general` reads an envelope without the quick way. `cores` works on a
/// Lambda event as one core and as two would, and writes the seconds of each, round by round.
@main
enum HotPath {
    static func main() throws {
        let arguments = CommandLine.arguments
        guard arguments.count == 4, let rounds = Int(arguments[3]) else {
            print("usage: hot-path file|envelope|page|audit|lines|general|cores FILE ROUNDS")
            exit(64)
        }
        if arguments[1] == "file" { return try extract(arguments[2]) }
        let text = try contents(of: arguments[2])
        if arguments[1] == "cores" {
            MainThread.wait {
                do {
                    try await Sharing(event: text).print(rounds: rounds)
                } catch {
                    print(error)
                    exit(1)
                }
            }
        }
        var bytes = 0
        for _ in 0..<rounds {
            switch arguments[1] {
            case "envelope": bytes += try readEnvelope(text)
            case "page": bytes += try readPage(text)
            case "audit": bytes += try readForAudit(text)
            case "lines": bytes += try readLines(text)
            case "general": bytes += try readGenerally(text)
            default: exit(64)
            }
        }
        print(bytes)
    }

    private static func contents(of path: String) throws -> [UInt8] {
        let file = try FileDescriptor.open(FilePath(path), .readOnly)
        defer { try? file.close() }
        let count = Int(try file.seek(offset: 0, from: .end))
        return try [UInt8](unsafeUninitializedCapacity: count) { buffer, written in
            written = try file.read(fromAbsoluteOffset: 0, into: UnsafeMutableRawBufferPointer(buffer))
        }
    }

    private static func extract(_ path: String) throws {
        func write(_ lines: FoundLines) throws { _ = try FileDescriptor.standardOutput.writeAll(lines.records) }
        var extraction = Extraction(
            name: "hot-path", format: .auto, lineReader: try LineReader(), lines: LineCounter(),
            lineFormat: LineFormat(provenance: false)
        ) { lines in
            guard lines.bytes >= 256 << 10 else { return }
            try write(lines)
            lines.removeAll()
        }
        let file = try FileDescriptor.open(FilePath(path), .readOnly)
        var buffer = [UInt8](repeating: 0, count: 1 << 20)
        while true {
            let count = try buffer.withUnsafeMutableBytes { try file.read(into: $0) }
            if count == 0 { break }
            try extraction.read(buffer.span.extracting(..<count))
        }
        try extraction.finish()
        try write(extraction.foundLines)
    }

    private static func readEnvelope(_ text: [UInt8]) throws -> Int {
        var reader = EnvelopeReader(lineReader: try LineReader())
        var lines = FoundLines(LineFormat(provenance: true))
        var accounting = Accounting()
        reader.read(text.span, source: .data(name: "hot-path"), accounting: &accounting, into: &lines) { _ in }
        return lines.bytes
    }

    private static func readPage(_ text: [UInt8]) throws -> Int {
        let reader = LogEventPage(lineReader: try LineReader(), account: "1", logGroup: "g")
        var lines = FoundLines(LineFormat(provenance: true))
        var accounting = Accounting()
        _ = try reader.read(text.span, accounting: &accounting, into: &lines)
        return lines.bytes
    }

    private static func readForAudit(_ text: [UInt8]) throws -> Int {
        let reader = LogEventPage(lineReader: try LineReader(), account: "1", logGroup: "g")
        var found: [AuditFound] = []
        var accounting = Accounting()
        _ = try reader.read(text.span, accounting: &accounting) { finding in
            if let one = AuditFound(finding) { found.append(one) }
        }
        return found.count
    }

    private static func readGenerally(_ text: [UInt8]) throws -> Int {
        var bytes = 0
        let reader = try LineReader()
        var accounting = Accounting()
        for (number, line) in text.split(separator: UInt8(ascii: "\n")).enumerated() {
            let origin = EventOrigin(
                account: "1", logGroup: "g", logStream: "s", eventId: String(number), timestamp: 1_767_225_600_000)
            var output: [UInt8] = []
            for finding in reader.read(Array(line).span, of: origin, accounting: &accounting) {
                if case .record(let record) = finding { NDJSON.append(record, provenance: true, to: &output) }
            }
            bytes += output.count
        }
        return bytes
    }

    private static func readLines(_ text: [UInt8]) throws -> Int {
        var bytes = 0
        var extraction = Extraction(
            name: "hot-path", format: .lines, lineReader: try LineReader(), lines: LineCounter(),
            lineFormat: LineFormat(provenance: true)
        ) { lines in
            bytes += lines.bytes
            lines.removeAll()
        }
        try extraction.read(text.span)
        try extraction.finish()
        return bytes
    }
}
