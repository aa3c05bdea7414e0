package import SystemPackage

/// Lines with a time, put in any order and taken in the order of time, any number of them in bounded memory.
///
/// What is put is sorted piece by piece and written to a temporary file; taking merges the pieces.
package struct ReceiptSpool: ~Copyable {
    /// A line and its time.
    package struct Entry {
        /// Milliseconds since 1970.
        package var time: Int64
        /// The line.
        package var line: [UInt8]
    }

    private let pieceBytes: Int
    private var held: [Entry] = []
    private var heldBytes = 0
    private var pieces: [Piece] = []

    /// Starts with nothing.
    ///
    /// - Parameter pieceBytes: how much is sorted in memory.
    package init(pieceBytes: Int = 16 << 20) {
        self.pieceBytes = pieceBytes
    }

    /// Puts a line; nothing may be put once something was taken.
    ///
    /// - Throws: `Errno` when the temporary file cannot be written.
    package mutating func put(_ line: [UInt8], time: Int64) throws(Errno) {
        held.append(Entry(time: time, line: line))
        heldBytes += line.count + MemoryLayout<Entry>.stride
        if heldBytes >= pieceBytes { try closePiece() }
    }

    /// Takes the next line of before a time; nil when there is none.
    ///
    /// - Throws: `Errno` when the temporary file cannot be read.
    package mutating func take(before time: Int64) throws(Errno) -> Entry? {
        if !held.isEmpty { try closePiece() }
        var first: Int?
        for index in pieces.indices {
            guard let candidate = try pieces[index].peek() else { continue }
            if let first, let best = try pieces[first].peek(), best <= candidate { continue }
            first = index
        }
        guard let first, let next = try pieces[first].peek(), next < time else { return nil }
        return try pieces[first].take()
    }

    private mutating func closePiece() throws(Errno) {
        held.sort { $0.time < $1.time }
        pieces.append(try Piece(held))
        held = []
        heldBytes = 0
    }
}

/// Sorted lines in a file.
private final class Piece {
    private static let bufferBytes = 256 << 10
    private static let headerBytes = 12

    private let file: FileDescriptor
    private var position: Int64 = 0
    private var buffer: [UInt8] = []
    private var start = 0
    private var isAtEnd = false

    init(_ entries: [ReceiptSpool.Entry]) throws(Errno) {
        file = try TemporaryFile.open()
        var output: [UInt8] = []
        do {
            for entry in entries {
                let time = UInt64(bitPattern: entry.time)
                for shift in stride(from: UInt64(0), to: 64, by: 8) {
                    output.append(UInt8(truncatingIfNeeded: time >> shift))
                }
                let count = UInt32(entry.line.count)
                for shift in stride(from: UInt32(0), to: 32, by: 8) {
                    output.append(UInt8(truncatingIfNeeded: count >> shift))
                }
                output.append(contentsOf: entry.line)
                if output.count >= Self.bufferBytes {
                    try file.writeAll(output)
                    output.removeAll(keepingCapacity: true)
                }
            }
            try file.writeAll(output)
        } catch {
            try? file.close()
            throw error as? Errno ?? .ioError
        }
    }

    deinit {
        try? file.close()
    }

    /// The time of the next line; nil at the end.
    func peek() throws(Errno) -> Int64? {
        guard try fill(Self.headerBytes) else { return nil }
        return Int64(truncatingIfNeeded: number(start, bytes: 8))
    }

    func take() throws(Errno) -> ReceiptSpool.Entry? {
        guard let time = try peek() else { return nil }
        let count = Int(number(start + 8, bytes: 4))
        guard try fill(Self.headerBytes + count) else { throw .ioError }
        let first = start + Self.headerBytes
        start = first + count
        return ReceiptSpool.Entry(time: time, line: Array(buffer[first..<start]))
    }

    private func number(_ position: Int, bytes: Int) -> UInt64 {
        (0..<bytes).reduce(0) { $0 | UInt64(buffer[position + $1]) << UInt64(8 * $1) }
    }

    /// Reads until so many bytes are at hand; false at the end of the file.
    private func fill(_ count: Int) throws(Errno) -> Bool {
        while buffer.count - start < count {
            // Whoever merges asks again and again also those that are done.
            if isAtEnd { return false }
            buffer.removeFirst(start)
            start = 0
            var chunk = [UInt8](repeating: 0, count: max(Self.bufferBytes, count))
            let read: Int
            do {
                read = try unsafe chunk.withUnsafeMutableBytes {
                    try unsafe file.read(fromAbsoluteOffset: position, into: $0)
                }
            } catch {
                throw error as? Errno ?? .ioError
            }
            isAtEnd = read == 0
            position += Int64(read)
            buffer.append(contentsOf: chunk[..<read])
        }
        return true
    }
}
