#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// The thread that a process begins with.
public enum MainThread {
    /// Does the work of a process on other threads, and ends the process with 0 when it is done.
    ///
    /// An asynchronous `main` would end this thread instead. In a static executable that takes 30 to 80 milliseconds of
    /// the processor: to unwind its stack, the C library sorts the unwinding tables of the whole program first.
    public static func wait(for work: @escaping @Sendable () async -> Void) -> Never {
        Task {
            await work()
            exit(0)
        }
        while true { pause() }
    }
}
