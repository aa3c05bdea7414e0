#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// The database's file and its log as they were opened.
///
/// Whoever has a file open can go on writing after it was removed, and all of that is gone when the file is closed.
struct DatabaseFiles: Sendable {
    private struct Place: Equatable {
        var device: UInt64
        var number: UInt64

        init?(_ path: String) {
            var status = stat()
            guard unsafe stat(path, &status) == 0 else { return nil }
            device = UInt64(truncatingIfNeeded: status.st_dev)
            number = UInt64(truncatingIfNeeded: status.st_ino)
        }
    }

    private let opened: [(path: String, place: Place?)]

    /// Remembers what stands at a database's path and beside it.
    init(_ path: String) {
        opened = [path, path + "-wal"].map { ($0, Place($0)) }
    }

    /// - Throws: `StoreError`: `unavailable` when one was removed or replaced.
    func check() throws(StoreError) {
        guard opened.allSatisfy({ Place($0.path) == $0.place }) else {
            throw StoreError(
                .unavailable,
                """
                the database's file or its log was removed or replaced while the platform runs, so nothing of this \
                request was stored. Put it back, or stop the platform and restore a backup; then send this again
                """)
        }
    }
}
