import SystemPackage

/// Bytes on their way to a file or to stdout, written in large pieces.
final class OutputFile {
    /// So much is worth a write.
    static let flushBytes = 256 << 10

    private let file: FileDescriptor
    private let isOwned: Bool
    /// What is not written yet.
    var buffer: [UInt8] = []

    /// Writes to stdout.
    init() {
        file = .standardOutput
        isOwned = false
        buffer.reserveCapacity(2 * Self.flushBytes)
    }

    /// Writes to a new file in place of an older one.
    init(path: String) throws {
        file = try FileDescriptor.open(
            FilePath(path), .writeOnly, options: [.create, .truncate], permissions: [.ownerReadWrite, .groupRead])
        isOwned = true
    }

    /// Takes bytes, and writes them when they are many.
    func write(_ bytes: [UInt8]) throws {
        if bytes.count < Self.flushBytes {
            buffer.append(contentsOf: bytes)
            return try flushIfLarge()
        }
        try flush()
        try file.writeAll(bytes)
    }

    /// Writes what has gathered when it is enough.
    func flushIfLarge() throws {
        if buffer.count >= Self.flushBytes { try flush() }
    }

    func flush() throws {
        try file.writeAll(buffer)
        buffer.removeAll(keepingCapacity: true)
    }

    func close() throws {
        try flush()
        if isOwned { try file.close() }
    }
}
