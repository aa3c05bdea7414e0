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
    private var logLines: LogLines
    private let counter: LineCounter
    /// The beginning of a line whose end has not come yet.
    private var pending: [UInt8] = []
    /// Whether the line goes on behind its limit.
    private var isPassingOver = false
    /// The last bytes that were passed over, in which a tag may begin.
    private var passedTail: [UInt8] = []
    private var hasPassedTag = false

    /// - Parameter counter: counts equal lines.
    init(lineReader: LineReader, name: String, counter: LineCounter) {
        self.lineReader = lineReader
        logLines = LogLines(lineReader: lineReader, name: name)
        self.counter = counter
    }

    /// Reads a last line without an end.
    mutating func finish(_ findings: inout Findings) throws {
        if !pending.isEmpty || isPassingOver { try endLine(&findings) }
    }

    /// Takes the next piece of input.
    mutating func read(_ bytes: Span<UInt8>, _ findings: inout Findings) throws {
        var start = 0
        if !pending.isEmpty || isPassingOver {
            start = LogLines.end(bytes, from: 0)
            hold(bytes.extracting(..<start))
            guard start < bytes.count else { return }
            try endLine(&findings)
            start += 1
        }
        let end = beginningOfLine(bytes, before: bytes.count, from: start)
        try readLines(bytes.extracting(start..<end), &findings)
        hold(bytes.extracting(end...))
    }

    /// Where the line begins that a position is in, at `start` at the earliest.
    private func beginningOfLine(_ bytes: Span<UInt8>, before position: Int, from start: Int) -> Int {
        var beginning = position
        while beginning > start, bytes[beginning - 1] != UInt8(ascii: "\n") { beginning -= 1 }
        return beginning
    }

    /// Reads whole lines: those without a tag are only counted.
    private mutating func readLines(_ bytes: Span<UInt8>, _ findings: inout Findings) throws {
        var start = 0
        while let tag = logLines.nextTag(bytes, from: start) {
            let beginning = beginningOfLine(bytes, before: tag, from: start)
            findings.accounting.events += LogLines.count(bytes, start..<beginning)
            let end = LogLines.end(bytes, from: tag)
            let line = bytes.extracting(beginning..<end)
            if line.count <= Extraction.maximumLineBytes {
                try readLine(line, &findings)
            } else {
                hold(line)
                try endLine(&findings)
            }
            start = end + 1
        }
        findings.accounting.events += LogLines.count(bytes, start..<bytes.count)
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
    mutating func readLine(_ line: Span<UInt8>, _ findings: inout Findings) throws {
        let hasReturn = !line.isEmpty && line[line.count - 1] == UInt8(ascii: "\r")
        let line = hasReturn ? line.extracting(..<(line.count - 1)) : line
        guard lineReader.mayHoldTag(line) else {
            if !line.isEmpty { findings.accounting.events += 1 }
            return
        }
        let timestamp = Timestamp.leading(line).flatMap { $0 < RecordLimits.earliestTimeInMillis ? nil : $0 }
        switch findings.taker {
        case .each(let body):
            try logLines.read(
                line, id: Self.id(of: line, counter), timestamp: timestamp, accounting: &findings.accounting, body)
        case .lines(let whenGrown):
            let counter = counter
            try logLines.read(
                line, timestamp: timestamp, accounting: &findings.accounting, into: &findings.lines,
                id: { try Self.id(of: line, counter) })
            try whenGrown(&findings.lines)
        }
    }

    /// The hash of a line, and how many equal ones were before it.
    ///
    /// Equal lines ask for it alike, so that those that need none need not be counted.
    private static func id(of line: Span<UInt8>, _ counter: LineCounter) throws -> String {
        let hash = unsafe line.withUnsafeBufferPointer { unsafe Array(SHA256.hash(data: UnsafeRawBufferPointer($0))) }
        let before = try counter.countBefore(LineCounter.Key(high: word(hash, 0), low: word(hash, 8)))
        return "\(hexadecimal(hash))-\(before)"
    }

    private static func word(_ bytes: [UInt8], _ start: Int) -> UInt64 {
        bytes[start..<start + 8].reduce(0) { $0 << 8 | UInt64($1) }
    }
}
