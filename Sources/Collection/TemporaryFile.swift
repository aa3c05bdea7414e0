import SystemPackage

#if canImport(Glibc)
    private import Glibc
#else
    private import Darwin
#endif

/// Files that no other process can open and that go when they are closed.
enum TemporaryFile {
    /// A file without a name in the system's temporary directory.
    static func open() throws(Errno) -> FileDescriptor {
        let directory = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
        var path = Array("\(directory)/metertap-lines-XXXXXX".utf8CString)
        let descriptor = unsafe path.withUnsafeMutableBufferPointer {
            unsafe $0.baseAddress.map { unsafe mkstemp($0) } ?? -1
        }
        guard descriptor >= 0 else { throw Errno(rawValue: errno) }
        _ = unsafe path.withUnsafeBufferPointer { unsafe $0.baseAddress.map { unsafe unlink($0) } }
        return FileDescriptor(rawValue: descriptor)
    }
}
