import Delivery
import Gzip
import MeterLine

/// Reads objects, compressed or not, in bounded memory.
package enum ObjectText {
    /// Why an object cannot be read.
    package struct Damaged: Error, CustomStringConvertible {
        /// What is wrong, for people.
        package var description: String
    }

    /// The largest document; Lambda's records are smaller.
    static let maximumDocumentBytes = 64 << 20
    /// The longest line.
    static let maximumLineBytes = 64 << 20
    /// How much is asked for at once.
    private static let pieceBytes = 4 << 20
    /// How much is decompressed at once: it may become a thousand times as much.
    private static let inflatedBytes = 32 << 10

    /// The whole of a document.
    ///
    /// - Throws: `Damaged`, and what the bucket throws.
    static func document(_ object: BucketObject, of bucket: any Bucket) async throws -> [UInt8] {
        let tooLarge = Damaged(description: "it has more than \(maximumDocumentBytes >> 20) MiB")
        guard object.bytes ?? 0 <= maximumDocumentBytes else { throw tooLarge }
        let bytes = try await bucket.get(object.key)
        guard isGzip(bytes.span) else { return bytes }
        var gunzip = Gunzip(limit: maximumDocumentBytes)
        do throws(GzipError) {
            return try gunzip.decompress(bytes.span) { MeterLine.bytes(of: $0) }
        } catch {
            throw error == .damaged ? Damaged(description: "its compression is damaged or cut off") : tooLarge
        }
    }

    /// The lines, some at a time.
    ///
    /// - Throws: `Damaged`, what the bucket throws, and what the body throws.
    static func lines(
        _ key: String, of bucket: any Bucket, _ body: ([[UInt8]]) async throws -> Void
    ) async throws {
        var lines = ObjectLines()
        var position = 0
        while true {
            let piece = try await bucket.get(key, position..<position + pieceBytes)
            position += piece.count
            for start in stride(from: 0, to: piece.count, by: inflatedBytes) {
                let slice = piece.span.extracting(start..<min(piece.count, start + inflatedBytes))
                try lines.read(slice)
                let whole = lines.take()
                if !whole.isEmpty { try await body(whole) }
            }
            if piece.count < pieceBytes { break }
        }
        try lines.finish()
        let last = lines.take()
        if !last.isEmpty { try await body(last) }
    }
}

/// Cuts a text into lines.
package struct ObjectLines: ~Copyable {
    private var inflate: InflateStream?
    private var isAtStart = true
    private var line: [UInt8] = []
    private var whole: [[UInt8]] = []

    package init() {}

    package mutating func read(_ bytes: Span<UInt8>) throws(ObjectText.Damaged) {
        if isAtStart, bytes.count > 0 {
            isAtStart = false
            if isGzip(bytes) { inflate = InflateStream() }
        }
        guard var stream = inflate.take() else { return try cut(bytes) }
        do {
            try stream.decompress(bytes) { try cut($0) }
        } catch {
            throw error as? ObjectText.Damaged ?? ObjectText.Damaged(description: "its compression is damaged")
        }
        inflate = consume stream
    }

    package mutating func finish() throws(ObjectText.Damaged) {
        if let stream = inflate.take() {
            do throws(GzipError) { try stream.finish() } catch {
                throw ObjectText.Damaged(description: "its compression is cut off")
            }
        }
        if !line.isEmpty { whole.append(line) }
        line = []
    }

    /// What was read and not taken, as a text.
    var beginning: [UInt8] {
        Array(whole.joined(separator: [UInt8(ascii: "\n")])) + (whole.isEmpty ? [] : [UInt8(ascii: "\n")]) + line
    }

    /// The lines that are whole by now.
    package mutating func take() -> [[UInt8]] {
        defer { whole = [] }
        return whole
    }

    private mutating func cut(_ bytes: Span<UInt8>) throws(ObjectText.Damaged) {
        var start = 0
        for index in bytes.indices where bytes[index] == UInt8(ascii: "\n") {
            try hold(bytes.extracting(start..<index))
            if !line.isEmpty { whole.append(line) }
            line = []
            start = index + 1
        }
        try hold(bytes.extracting(start...))
    }

    private mutating func hold(_ bytes: Span<UInt8>) throws(ObjectText.Damaged) {
        line.append(contentsOf: MeterLine.bytes(of: bytes))
        guard line.count <= ObjectText.maximumLineBytes else {
            throw ObjectText.Damaged(
                description: "one of its lines has more than \(ObjectText.maximumLineBytes >> 20) MiB")
        }
    }
}
