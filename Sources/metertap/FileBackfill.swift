import AWS
import ArgumentParser
import Collection
import Delivery
import MeterLine
import SystemPackage

/// Brings the records of log files to a sink, with the identities that `metertap extract` gives them.
struct FileBackfill {
    private static let chunkBytes = 256 << 10

    private let command: BackfillCommand
    private let target: BackfillTarget

    init(_ command: BackfillCommand, _ target: BackfillTarget) {
        self.command = command
        self.target = target
    }

    /// What is found in the files, in order; the first findings may be settled already.
    private final class Found {
        var waiting: [Finding] = []
        var count: Int64 = 0
        let settled: SettledFindings

        init(settled: SettledFindings) {
            self.settled = settled
        }

        func take(_ finding: Finding) {
            if !settled.contains(count) { waiting.append(finding) }
            count += 1
        }
    }

    func run() async throws {
        var delivery = try await target.delivery()
        let sizes = try command.files.map { try Self.size($0) }
        let work = ["files", command.source ?? "", delivery.sinkName] + command.files
        var checkpoint = try target.checkpoint(command.checkpoint, work: work)
        let found = Found(settled: checkpoint.findings)
        var accounting = Accounting()
        var progress = ProgressLine()
        do {
            var counters: [String: LineCounter] = [:]
            for (index, file) in command.files.enumerated() {
                let name = command.source ?? FilePath(file).lastComponent?.string ?? file
                let lines = counters[name] ?? LineCounter()
                counters[name] = lines
                var extraction = Extraction(
                    name: name, format: .auto, lineReader: delivery.lineReader, lines: lines, body: found.take)
                let before = Int64(sizes[..<index].reduce(0, +))
                try await read(file, &extraction, found, &delivery, &checkpoint) { position in
                    let (done, total) = (before + position, Int64(sizes.reduce(0, +)))
                    let left = Display.timeLeft(done: done, of: total, progress.seconds)
                    progress.show("\(done * 100 / max(1, total)) %  \(Display.count(Int(found.count))) found\(left)")
                }
                accounting.add(extraction.accounting)
            }
            try await settle(found, &delivery, &checkpoint)
        } catch {
            progress.clear()
            report(accounting, delivery.report, checkpoint, isComplete: false)
            throw Failure.brokenOff(error)
        }
        progress.clear()
        checkpoint.remove()
        report(accounting, delivery.report, checkpoint, isComplete: true)
    }

    private func read(
        _ file: String, _ extraction: inout Extraction, _ found: Found, _ delivery: inout FindingDelivery,
        _ checkpoint: inout CheckpointFile, onProgress: (Int64) -> Void
    ) async throws {
        let input = try Self.reading(file) { try FileDescriptor.open(FilePath(file), .readOnly) }
        defer { try? input.close() }
        var buffer = [UInt8](repeating: 0, count: Self.chunkBytes)
        var position: Int64 = 0
        while true {
            let count = try Self.reading(file) {
                let count = try unsafe buffer.withUnsafeMutableBytes { try unsafe input.read(into: $0) }
                if count > 0 { try extraction.read(buffer.span.extracting(..<count)) } else { try extraction.finish() }
                return count
            }
            if found.waiting.count >= SettledFindings.ofPiece { try await settle(found, &delivery, &checkpoint) }
            guard count > 0 else { return }
            position += Int64(count)
            onProgress(position)
        }
    }

    /// Delivers what waits, and remembers that.
    private func settle(
        _ found: Found, _ delivery: inout FindingDelivery, _ checkpoint: inout CheckpointFile
    ) async throws {
        let findings = found.waiting
        found.waiting = []
        try await delivery.append(findings)
        try await delivery.flush()
        if target.sink != .standardOutput { try checkpoint.settleFindings(found.count) }
    }

    private func report(
        _ accounting: Accounting, _ report: DeliveryReport, _ checkpoint: CheckpointFile, isComplete: Bool
    ) {
        target.report { object, line in
            object.literal("complete", isComplete ? "true" : "false", &line)
            object.literal("resumed", checkpoint.isResumed ? "true" : "false", &line)
            object.member("files", command.files.count, &line)
            NDJSON.appendMembers(of: accounting, namesIgnoredKeys: true, to: &object, &line)
            report.append(to: &object, &line)
        }
    }

    private static func size(_ file: String) throws -> Int {
        try reading(file) {
            let input = try FileDescriptor.open(FilePath(file), .readOnly)
            return try input.closeAfter { Int(try input.seek(offset: 0, from: .end)) }
        }
    }

    private static func reading<Result>(_ file: String, _ body: () throws -> Result) throws -> Result {
        do { return try body() } catch let error as Errno {
            throw Failure(message: "\(file) cannot be read: \(error).", code: ExitCode(error))
        } catch {
            throw Failure(message: "\(file) is damaged: \(error).", code: .badData)
        }
    }
}
