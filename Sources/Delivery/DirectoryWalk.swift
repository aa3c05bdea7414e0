import AWS

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The files below a directory, by the bytes of their names.
///
/// Foundation's own walk leaves out names that aren't UTF-8, and strings compare names that differ only in Unicode
/// normalization as equal.
struct DirectoryWalk {
    /// Something below the directory that isn't a folder and isn't hidden.
    struct Entry {
        /// The name below the directory, with slashes.
        var name: [UInt8]
        /// What it is; nil when it can't be told, with the reason.
        var status: stat?
        var fault: String?
    }

    private let root: [UInt8]
    private(set) var entries: [Entry] = []

    init(_ root: String) { self.root = Array(root.utf8) }

    /// Reads it all, in the order of the names' bytes.
    mutating func read() {
        var folders: [[UInt8]] = [[]]
        while let folder = folders.popLast() {
            guard let names = Self.names(root + [UInt8(ascii: "/")] + folder) else {
                entries.append(Entry(name: folder, fault: "the folder can't be listed: \(Self.lastError())"))
                continue
            }
            for name in names { add(folder.isEmpty ? name : folder + [UInt8(ascii: "/")] + name, &folders) }
        }
        entries.sort { $0.name.lexicographicallyPrecedes($1.name) }
    }

    private mutating func add(_ name: [UInt8], _ folders: inout [[UInt8]]) {
        let path = Self.path(root + [UInt8(ascii: "/")] + name)
        var status = stat()
        guard unsafe lstat(path, &status) == 0 else { return }
        if status.st_mode & S_IFMT == S_IFDIR {
            folders.append(name)
            return
        }
        if status.st_mode & S_IFMT == S_IFLNK, unsafe stat(path, &status) != 0 {
            entries.append(Entry(name: name, fault: "it is a link to a file that isn't there"))
            return
        }
        let isFile = status.st_mode & S_IFMT == S_IFREG
        entries.append(Entry(name: name, status: status, fault: isFile ? nil : "it isn't a regular file"))
    }

    /// The names in a folder that aren't hidden; nil when it can't be listed.
    private static func names(_ folder: [UInt8]) -> [[UInt8]]? {
        guard let directory = unsafe opendir(path(folder)) else { return nil }
        defer { unsafe closedir(directory) }
        var names: [[UInt8]] = []
        while let entry = unsafe readdir(directory) {
            let name = unsafe withUnsafeBytes(of: &entry.pointee.d_name) { unsafe Array($0.prefix { $0 != 0 }) }
            if name.first != UInt8(ascii: ".") { names.append(name) }
        }
        return names
    }

    /// A path as C wants it.
    static func path(_ bytes: [UInt8]) -> [CChar] { bytes.map { CChar(bitPattern: $0) } + [0] }

    /// What the system says of the last call that failed.
    static func lastError() -> String { unsafe String(cString: strerror(errno)) }

    /// A name as a key: percent-encoded where it isn't UTF-8.
    static func key(_ name: [UInt8]) -> (key: String, isEncoded: Bool) {
        if let key = String(validating: name, as: UTF8.self) { return (key, false) }
        return (PercentEncoding.encode(name, keeping: keptInKeys), true)
    }

    /// ASCII, but for what an encoded byte begins with.
    private static let keptInKeys = String(
        decoding: (0..<0x80).filter { $0 != UInt8(ascii: "%") }, as: UTF8.self)
}
