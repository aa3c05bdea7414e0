import Sample
import SystemPackage

/// The lines that mutation starts from.
struct Corpus {
    let lines: [[UInt8]]

    /// Reads one line after the other from a file.
    init(path: String) throws {
        let file = try FileDescriptor.open(FilePath(path), .readOnly)
        defer { try? file.close() }
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = try buffer.withUnsafeMutableBytes { try file.read(into: $0) }
            if count == 0 { break }
            bytes += buffer[..<count]
        }
        lines = bytes.split(separator: UInt8(ascii: "\n")).map { Array($0) }
        guard !lines.isEmpty else { throw Broken("the corpus \(path) is empty") }
    }
}

/// Changes lines at random, the same way for the same seed.
struct Mutator {
    private let corpus: Corpus
    private var random: SeededRandom

    /// What breaks readers: pieces of syntax, tags, limits, and bytes that are no text.
    private static let pieces: [[UInt8]] =
        [
            "amberflo_meter", "meter_record_for_cw", "amberflo_meter: {", "\"", "\\", "\\\"", "\\\\\\\"", "\\u0022",
            "{",
            "}", "[", "]", ":", "=", ",", "null", "true", "-0", "1e999", "1e-30", "\\ud800", "\\udc00", "\\n", "\r",
            "\t",
            "\"values\":{", "\"dimensions\":{", "\"customerId\":", "\"uniqueId\":\"\"", "'", "\u{feff}", "é",
            "e\u{301}",
            "[[[[[[[[[[[[[[[[[", "{\"a\":{\"a\":{\"a\":", "99999999999999999999999999999999999999",
        ].map { Array($0.utf8) } + [[0], [0xff], [0xc3], [0x1f, 0x8b], [0xed, 0xa0, 0x80]]

    init(corpus: Corpus, seed: UInt64) {
        self.corpus = corpus
        random = SeededRandom(seed: seed)
    }

    mutating func flip() -> Bool { random.next() & 1 == 0 }

    mutating func number(below bound: Int) -> Int { random.next(below: bound) }

    /// The next mutated line; one in sixteen is left as it is.
    mutating func next() -> [UInt8] {
        let line = corpus.lines[number(below: corpus.lines.count)]
        return number(below: 16) == 0 ? line : mutate(line)
    }

    /// One to four changes.
    mutating func mutate(_ input: [UInt8]) -> [UInt8] {
        var bytes = input
        for _ in 0...number(below: 4) {
            let at = number(below: bytes.count + 1)
            let end = min(bytes.count, at + number(below: 16))
            switch number(below: 8) {
            case 0 where at < bytes.count: bytes[at] = UInt8(truncatingIfNeeded: random.next())
            case 1 where at < bytes.count: bytes[at] ^= 1 << UInt8(number(below: 8))
            case 2: bytes.removeSubrange(at..<end)
            case 3: bytes.insert(contentsOf: bytes[at..<end], at: at)
            case 4: bytes.removeSubrange(at...)
            case 5: bytes.insert(contentsOf: corpus.lines[number(below: corpus.lines.count)], at: at)
            default: bytes.insert(contentsOf: Self.pieces[number(below: Self.pieces.count)], at: at)
            }
        }
        return bytes
    }
}
