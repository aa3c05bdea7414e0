private import Crypto
import Meter
import MeterLine

/// Extracts meter records from log lines, in constant memory.
struct LineExtraction: ~Copyable {
    /// How much of a line that is too long its reject holds.
    private static let excerptBytes = 1 << 20
    /// Longer than any tag.
    private static let overlapBytes = 512

    private let lineReader: LineReader
    private let counter: LineCounter
    /// The beginning of a line whose end has not come yet.
    private var pending: [UInt8] = []
    /// Whether the line goes on behind its limit.
    private var isPassingOver = false
    /// The last bytes that were passed over, in which a tag may begin.
    private var passedTail: [UInt8] = []
    private var hasPassedTag = false

    /// - Parameter counter: counts equal lines.
    init(lineReader: LineReader, counter: LineCounter) {
        self.lineReader = lineReader
        self.counter = counter
    }

    /// Reads a last line without an end.
    mutating func finish(_ findings: inout Findings) throws {
        if !pending.isEmpty || isPassingOver { try endLine(&findings) }
    }

    /// Takes the next piece of input.
    mutating func read(_ bytes: Span<UInt8>, _ findings: inout Findings) throws {
        var start = 0
        while start < bytes.count {
            var end = start
            while end < bytes.count, bytes[end] != UInt8(ascii: "\n") { end += 1 }
            let piece = bytes.extracting(start..<end)
            if end < bytes.count, pending.isEmpty, !isPassingOver, piece.count <= Extraction.maximumLineBytes {
                try readLine(piece, &findings)
            } else {
                hold(piece)
                if end < bytes.count { try endLine(&findings) }
            }
            start = end + 1
        }
    }

    /// Keeps a piece of a line that is not whole yet; behind the limit only tags are looked for.
    private mutating func hold(_ piece: Span<UInt8>) {
        var rest = piece
        if !isPassingOver {
            let room = Extraction.maximumLineBytes - pending.count
            let held = piece.extracting(..<min(room, piece.count))
            unsafe held.withUnsafeBufferPointer { unsafe pending.append(contentsOf: $0) }
            if piece.count <= room { return }
            isPassingOver = true
            passedTail = Array(pending.suffix(Self.overlapBytes))
            rest = piece.extracting(room...)
        }
        let passed = passedTail + MeterLine.bytes(of: rest)
        hasPassedTag = hasPassedTag || lineReader.mayHoldTag(passed.span)
        passedTail = Array(passed.suffix(Self.overlapBytes))
    }

    private mutating func endLine(_ findings: inout Findings) throws {
        let line = pending
        pending = []
        try readLine(line.span, &findings)
        if hasPassedTag {
            try findings.reject(
                "a tag stands behind the first \(Extraction.maximumLineBytes >> 20) MiB of the line, which alone are read",
                reason: .tooLarge,
                source: .event(
                    EventOrigin(account: "", logGroup: findings.name, logStream: "", eventId: "", timestamp: nil)),
                content: Array(line.prefix(Self.excerptBytes)))
        }
        isPassingOver = false
        hasPassedTag = false
    }

    /// Reads one whole line.
    func readLine(_ line: Span<UInt8>, _ findings: inout Findings) throws {
        let hasReturn = !line.isEmpty && line[line.count - 1] == UInt8(ascii: "\r")
        let line = hasReturn ? line.extracting(..<(line.count - 1)) : line
        guard lineReader.mayHoldTag(line) else {
            if !line.isEmpty { findings.accounting.events += 1 }
            return
        }
        let hash = unsafe line.withUnsafeBufferPointer { unsafe Array(SHA256.hash(data: UnsafeRawBufferPointer($0))) }
        let before = try counter.countBefore(LineCounter.Key(high: word(hash, 0), low: word(hash, 8)))
        let origin = EventOrigin(
            account: "", logGroup: findings.name, logStream: "", eventId: "\(hexadecimal(hash))-\(before)",
            timestamp: Timestamp.leading(line).flatMap { $0 < RecordLimits.earliestTimeInMillis ? nil : $0 })
        for finding in lineReader.read(line, of: origin, accounting: &findings.accounting) {
            try findings.body(finding)
        }
    }

    private func word(_ bytes: [UInt8], _ start: Int) -> UInt64 {
        bytes[start..<start + 8].reduce(0) { $0 << 8 | UInt64($1) }
    }
}
