import SystemPackage

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// A directory that stands for a bucket.
///
/// An object appears whole or not at all: it is written under a temporary name, flushed to the disk, and renamed.
public struct DirectoryStore: ObjectStore {
    private let directory: FilePath

    /// Names a directory; it is made when the first object comes.
    public init(_ directory: String) {
        self.directory = FilePath(directory)
    }

    /// The directory's URL.
    public var name: String { "file://\(directory.string)/" }

    /// Writes the object unless it is there already: then it holds these lines.
    public func put(_ part: Part, deadline: ContinuousClock.Instant?) async throws(DeliveryError) {
        try write(part.body, key: part.key)
    }

    /// Writes a file and takes it away again.
    public func check(_ kind: Part.Kind, deadline: ContinuousClock.Instant?) async throws(DeliveryError) {
        try write([], key: kind.checkedKey)
        _ = unsafe path(kind.checkedKey).withPlatformString { unsafe unlink($0) }
    }

    private func path(_ key: String) -> FilePath {
        var path = directory
        for component in key.split(separator: "/") { path.append(String(component)) }
        return path
    }

    private func write(_ bytes: [UInt8], key: String) throws(DeliveryError) {
        let path = path(key)
        do throws(Errno) {
            try Self.write(bytes, to: path)
        } catch {
            let isConfiguration = error == .permissionDenied || error == .readOnlyFileSystem || error == .notDirectory
            throw DeliveryError(
                isConfiguration ? .configuration : .transient,
                "\(path.string) cannot be written: \(error). The records in it are not delivered yet; "
                    + "check the permissions of the directory and the space on its disk")
        }
    }

    private static func write(_ bytes: [UInt8], to path: FilePath) throws(Errno) {
        if unsafe path.withPlatformString({ unsafe access($0, F_OK) }) == 0 { return }
        let folder = path.removingLastComponent()
        try makeDirectory(folder)
        let temporary = folder.appending(".\(UInt64.random(in: 0...UInt64.max)).tmp")
        do {
            let file = try FileDescriptor.open(
                temporary, .writeOnly, options: [.create, .exclusiveCreate],
                permissions: [.ownerReadWrite, .groupRead, .otherRead])
            try file.closeAfter {
                try file.writeAll(bytes)
                try check(fsync(file.rawValue))
            }
            try check(
                unsafe temporary.withPlatformString { from in
                    unsafe path.withPlatformString { to in unsafe rename(from, to) }
                })
            try flush(folder)
        } catch {
            _ = unsafe temporary.withPlatformString { unsafe unlink($0) }
            throw error as? Errno ?? .ioError
        }
    }

    /// Makes a directory and those above it, and flushes each new name to the disk.
    private static func makeDirectory(_ path: FilePath) throws(Errno) {
        if unsafe path.withPlatformString({ unsafe access($0, F_OK) }) == 0 { return }
        let parent = path.removingLastComponent()
        if !parent.isEmpty, parent != path { try makeDirectory(parent) }
        let status = unsafe path.withPlatformString { unsafe mkdir($0, 0o755) }
        if status != 0, errno != EEXIST { throw Errno(rawValue: errno) }
        if !parent.isEmpty { try flush(parent) }
    }

    /// Flushes the names in a directory to the disk.
    private static func flush(_ directory: FilePath) throws(Errno) {
        do {
            let file = try FileDescriptor.open(directory, .readOnly)
            try file.closeAfter { try check(fsync(file.rawValue)) }
        } catch {
            throw error as? Errno ?? .ioError
        }
    }

    private static func check(_ status: Int32) throws(Errno) {
        if status != 0 { throw Errno(rawValue: errno) }
    }
}
