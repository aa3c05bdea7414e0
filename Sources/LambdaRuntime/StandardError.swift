#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The standard error, which Lambda puts into the function's log.
public enum StandardError {
    /// Writes a line.
    @Sendable public static func write(_ line: String) {
        let bytes = Array("\(line)\n".utf8)
        unsafe bytes.withUnsafeBytes { unsafe _ = write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }

    private static func write(_ file: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
        #if canImport(Glibc)
            unsafe Glibc.write(file, bytes, count)
        #elseif canImport(Musl)
            unsafe Musl.write(file, bytes, count)
        #else
            unsafe Darwin.write(file, bytes, count)
        #endif
    }
}
