import FoundationEssentials
package import SystemPackage

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Files and directories that only their owner may read, whatever the process's mask is.
///
/// Nothing here follows a link in the last part of a path: another user who may write into the directory could lead it to a
/// file elsewhere.
package enum PrivateFiles {
    private static let file = FilePermissions.ownerReadWrite
    private static let directory = FilePermissions.ownerReadWriteExecute
    private static let copiedAtOnce = 1 << 20

    /// Makes an empty file; there must be nothing at the path, not even a link.
    ///
    /// - Throws: `Errno`.
    package static func make(_ path: String) throws -> FileDescriptor {
        try FileDescriptor.open(
            FilePath(path), .readWrite, options: [.create, .exclusiveCreate, .noFollow], permissions: file)
    }

    /// Makes a file unless there is one, and takes from all others what they may do with it.
    ///
    /// - Throws: `Errno`: `tooManySymbolicLinkLevels` for a link.
    package static func prepare(_ path: String) throws {
        let descriptor = try FileDescriptor.open(
            FilePath(path), .readWrite, options: [.create, .noFollow], permissions: file)
        try descriptor.closeAfter { try restrict(descriptor, to: file) }
    }

    /// Prepares a SQLite database: the files that SQLite puts beside it get its permissions.
    ///
    /// - Throws: `Errno`.
    package static func prepareDatabase(_ path: String) throws {
        // Whoever keeps the database elsewhere may link to it; what it leads to is theirs to guard.
        do { try prepare(path) } catch Errno.tooManySymbolicLinkLevels { return }
        for beside in ["\(path)-wal", "\(path)-shm", "\(path)-journal"] {
            do {
                let descriptor = try FileDescriptor.open(FilePath(beside), .readOnly, options: [.noFollow])
                try descriptor.closeAfter { try restrict(descriptor, to: file) }
            } catch Errno.noSuchFileOrDirectory { continue }
        }
    }

    /// Makes a directory, with those above it, and takes from all others what they may do with it.
    ///
    /// A directory that holds something else than a database of the platform is left as it is: it may be shared.
    ///
    /// - Returns: whether only its owner may use it now.
    /// - Throws: `Errno`, or what Foundation throws when it can't be made.
    package static func prepareDirectory(_ path: String, holding name: String) throws -> Bool {
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let names = try FileManager.default.contentsOfDirectory(atPath: path)
        let descriptor = try FileDescriptor.open(FilePath(path), .readOnly, options: [.directory])
        return try descriptor.closeAfter {
            if names.isEmpty || names.contains(name) { try? restrict(descriptor, to: directory) }
            return try permissions(descriptor).isSubset(of: directory)
        }
    }

    /// Copies a file into one that is made, and isn't there yet.
    ///
    /// - Throws: `Errno`.
    package static func copy(_ source: String, to target: String) throws {
        let input = try FileDescriptor.open(FilePath(source), .readOnly)
        try input.closeAfter {
            let output = try make(target)
            try output.closeAfter {
                var buffer = [UInt8](repeating: 0, count: copiedAtOnce)
                while true {
                    let count = try unsafe buffer.withUnsafeMutableBytes { unsafe try input.read(into: $0) }
                    guard count > 0 else { return }
                    _ = try output.writeAll(buffer[..<count])
                }
            }
        }
    }

    /// Leaves a file what its owner may do, where it is more than that now.
    private static func restrict(_ descriptor: FileDescriptor, to wanted: FilePermissions) throws {
        guard try !permissions(descriptor).isSubset(of: wanted) else { return }
        guard fchmod(descriptor.rawValue, wanted.rawValue) == 0 else { throw Errno(rawValue: errno) }
    }

    private static func permissions(_ descriptor: FileDescriptor) throws -> FilePermissions {
        var status = stat()
        guard unsafe fstat(descriptor.rawValue, &status) == 0 else { throw Errno(rawValue: errno) }
        return FilePermissions(rawValue: status.st_mode & 0o7777)
    }
}
