import Crypto
import Gzip
package import MeterLine

/// The log events of an export, taken in any order of its objects and given in the order of time, in bounded memory.
///
/// An export tells no event ids, and so its events get ids of their own: they are never those of CloudWatch Logs, and what
/// was received from there is told by stream, time and content.
package final class ExportedEvents: LogEventSource {
    private static let idPrefix = "export-"
    private static let findingsOfPiece = 500

    /// What the log events hold; complete when all objects are read.
    package private(set) var accounting = Accounting()
    /// The times of the log events that hold records; nil when there is none.
    package private(set) var times: Range<Int64>?
    /// How many log events lie outside the range.
    package private(set) var outside = 0
    private let lineReader: LineReader
    private let account: String
    private let logGroup: String
    private let range: Range<Int64>
    /// Counts equal log events of one task: two tasks may hold the same ones.
    private let counter = LineCounter()
    private var spool = ReceiptSpool()
    /// What was taken from the spool and not yet passed by.
    private var held: [ReceiptSpool.Entry] = []
    private var rejects: [Finding] = []

    /// Holds nothing yet.
    ///
    /// - Parameter range: log events of other times are passed over.
    package init(lineReader: LineReader, account: String, logGroup: String, range: Range<Int64>) {
        self.lineReader = lineReader
        self.account = account
        self.logGroup = logGroup
        self.range = range
    }

    /// Whether an event id is one of an export.
    package static func isId(_ eventId: String) -> Bool { eventId.hasPrefix(idPrefix) }

    /// Whether an event id in a text is one of an export.
    static func isId(_ text: ByteText, _ eventId: Range<Int>) -> Bool {
        unsafe text.withBytes(eventId) { unsafe $0.starts(with: idPrefix.utf8) }
    }

    // MARK: - Reading objects

    /// The reading of one object.
    package struct Reading: ~Copyable {
        fileprivate let object: ExportObject
        fileprivate var lines = ExportLines()
        fileprivate var inflate: InflateStream? = InflateStream()

        /// Begins an object.
        package init(_ object: ExportObject) {
            self.object = object
        }
    }

    /// Takes the next piece of an object, as it is stored.
    ///
    /// - Returns: what is no valid record.
    /// - Throws: `GzipError`, `ExportLines.Problem`, `Errno`.
    package func read(_ bytes: Span<UInt8>, _ reading: inout Reading) throws -> [Finding] {
        guard var inflate = reading.inflate.take() else { return [] }
        try inflate.decompress(bytes) { text in
            try reading.lines.read(text) { try take($0, $1, reading.object) }
        }
        reading.inflate = consume inflate
        return takeRejects()
    }

    /// Ends an object.
    ///
    /// - Returns: what is no valid record.
    /// - Throws: as `read`.
    package func finish(_ reading: consuming Reading) throws -> [Finding] {
        var reading = reading
        let object = reading.object
        try reading.inflate?.finish()
        try reading.lines.finish { try take($0, $1, object) }
        return takeRejects()
    }

    private func takeRejects() -> [Finding] {
        defer { rejects = [] }
        return rejects
    }

    private func take(_ time: Int64, _ message: [UInt8], _ object: ExportObject) throws {
        guard range.contains(time) else {
            outside += 1
            return
        }
        guard lineReader.mayHoldTag(message.span) else {
            accounting.events += 1
            return
        }
        let print = Fingerprint([object.stream, String(time)] + [String(decoding: message, as: UTF8.self)])
        let ofTask = Fingerprint([object.task, "\(print.high) \(print.low)"])
        let before = try counter.countBefore(LineCounter.Key(high: ofTask.high, low: ofTask.low))
        let id = Self.idPrefix + Self.hexadecimal(print) + "-\(before)"
        var hasRecord = false
        for finding in findings(in: message, stream: object.stream, id: id, time: time, &accounting) {
            if case .record = finding { hasRecord = true } else { rejects.append(finding) }
        }
        guard hasRecord else { return }
        times = min(times?.lowerBound ?? time, time)..<max(times?.upperBound ?? 0, time + 1)
        try spool.put(Array(object.stream.utf8) + [0] + Array(id.utf8) + [0] + message, time: time)
    }

    private static func hexadecimal(_ print: Fingerprint) -> String {
        let words = [print.high, print.low].map { String($0, radix: 16) }
        return words.map { String(repeating: "0", count: 16 - $0.count) + $0 }.joined()
    }

    private func findings(
        in message: [UInt8], stream: String, id: String, time: Int64, _ accounting: inout Accounting
    ) -> [Finding] {
        let origin = EventOrigin(
            account: account, logGroup: logGroup, logStream: stream, eventId: id, timestamp: time)
        return lineReader.read(message.span, of: origin, accounting: &accounting)
    }

    // MARK: - The order of time

    /// Hands on the records of a range, for ranges in the order of time; one may come again with an earlier end.
    ///
    /// Nothing may be read from objects any more. Rejects were told when their objects were read.
    package func read(
        _ times: Range<Int64>, accounting: inout Accounting, cost: inout LogGroupReader.Cost,
        _ body: ([Finding]) async throws -> Bool
    ) async throws {
        held.removeAll { $0.time < times.lowerBound }
        var index = 0
        var piece: [Finding] = []
        while let entry = try entry(index, of: times) {
            index += 1
            piece += records(of: entry, &accounting)
            guard piece.count >= Self.findingsOfPiece else { continue }
            guard try await body(piece) else { return }
            piece = []
        }
        if !piece.isEmpty { _ = try await body(piece) }
    }

    /// One of the held entries, or the next one that the spool has.
    private func entry(_ index: Int, of times: Range<Int64>) throws -> ReceiptSpool.Entry? {
        if index < held.count { return held[index].time < times.upperBound ? held[index] : nil }
        while let next = try spool.take(before: times.upperBound) {
            // What lies before was settled by an earlier run.
            guard next.time >= times.lowerBound else { continue }
            held.append(next)
            return next
        }
        return nil
    }

    private func records(of entry: ReceiptSpool.Entry, _ accounting: inout Accounting) -> [Finding] {
        let parts = entry.line.split(separator: 0, maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count == 3 else { return [] }
        return findings(
            in: Array(parts[2]), stream: String(decoding: parts[0], as: UTF8.self),
            id: String(decoding: parts[1], as: UTF8.self), time: entry.time, &accounting
        ).filter { if case .record = $0 { true } else { false } }
    }
}
