import FoundationEssentials
package import SystemPackage

#if canImport(Glibc)
    private import Glibc
#else
    private import Darwin
#endif

/// Small files that are on the disk when they are written, whole or not at all.
package enum DurableFile {
    /// Replaces a file.
    package static func write(_ bytes: [UInt8], to path: FilePath) throws {
        let temporary = FilePath("\(path.string).tmp")
        let file = try FileDescriptor.open(
            temporary, .writeOnly, options: [.create, .truncate], permissions: [.ownerReadWrite, .groupRead])
        try file.closeAfter {
            try file.writeAll(bytes)
            guard fsync(file.rawValue) == 0 else { throw Errno(rawValue: errno) }
        }
        let status = unsafe temporary.withPlatformString { from in
            unsafe path.withPlatformString { to in unsafe rename(from, to) }
        }
        guard status == 0 else { throw Errno(rawValue: errno) }
        let folder = path.removingLastComponent()
        let directory = try FileDescriptor.open(folder.isEmpty ? "." : folder, .readOnly)
        try directory.closeAfter {
            guard fsync(directory.rawValue) == 0 else { throw Errno(rawValue: errno) }
        }
    }

    /// Reads a file; nil when there is none.
    package static func read(_ path: FilePath) throws -> [UInt8]? {
        let file: FileDescriptor
        do { file = try FileDescriptor.open(path, .readOnly) } catch Errno.noSuchFileOrDirectory { return nil }
        return try file.closeAfter {
            var bytes: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 4_096)
            while true {
                let count = try unsafe buffer.withUnsafeMutableBytes { unsafe try file.read(into: $0) }
                guard count > 0 else { return bytes }
                bytes += buffer[..<count]
            }
        }
    }

    /// The names of what is in a directory; none when there is no directory.
    package static func names(in path: FilePath) throws -> [String] {
        guard FileManager.default.fileExists(atPath: path.string) else { return [] }
        return try FileManager.default.contentsOfDirectory(atPath: path.string)
    }

    /// Makes a directory and those above it.
    package static func makeDirectory(_ path: FilePath) throws {
        try FileManager.default.createDirectory(atPath: path.string, withIntermediateDirectories: true)
    }
}
