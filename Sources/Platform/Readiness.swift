import Store
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Whether the platform can work: it can write, the disk has room, the bucket is read.
package struct Readiness: Sendable {
    /// One thing that was looked at.
    package struct Check: Sendable {
        package var name: String
        package var isOK: Bool
        package var detail: String
    }

    /// How much room the disk must have.
    static let minimumFreeBytes: UInt64 = 64 << 20

    let store: any Store
    let directory: String
    let intake: IntakeStatus?

    package func checks() async -> [Check] {
        var checks = [await write(), disk()]
        if let intake { checks.append(intake.check()) }
        return checks
    }

    private func write() async -> Check {
        do throws(StoreError) {
            try await store.probe()
            return Check(name: "write", isOK: true, detail: "a probe was written")
        } catch {
            return Check(name: "write", isOK: false, detail: error.description)
        }
    }

    private func disk() -> Check {
        var status = statvfs()
        guard unsafe statvfs(directory, &status) == 0 else {
            return Check(name: "disk", isOK: false, detail: "the data directory cannot be looked at")
        }
        let free = UInt64(status.f_bavail) * UInt64(status.f_frsize)
        return Check(
            name: "disk", isOK: free >= Self.minimumFreeBytes, detail: "\(free >> 20) MiB are free")
    }
}

/// How the reading of the bucket goes.
final class IntakeStatus: Sendable {
    private struct State {
        var error: String?
        var lastRound: ContinuousClock.Instant?
        var unopened: [Unopened] = []
    }

    /// An object that can't be opened for now, and is tried again.
    struct Unopened: Sendable {
        var key: String
        var reason: String
        /// How often it was tried.
        var attempts: Int
    }

    /// What can't be opened for now, in the order of the keys.
    var unopened: [Unopened] {
        get { state.withLock { $0.unopened } }
        set { state.withLock { $0.unopened = newValue } }
    }

    private let state = Mutex(State())

    func finished(_ error: String?) {
        state.withLock { state in
            state.error = error
            if error == nil { state.lastRound = .now }
        }
    }

    /// Whether the last round went well.
    var isWell: Bool { state.withLock { $0.error == nil } }

    func check() -> Readiness.Check {
        let state = state.withLock { $0 }
        if let error = state.error { return .init(name: "bucket", isOK: false, detail: error) }
        guard state.lastRound != nil else {
            return .init(name: "bucket", isOK: false, detail: "the bucket was not read yet")
        }
        let count = state.unopened.count
        return .init(
            name: "bucket", isOK: true,
            detail: count == 0
                ? "the bucket was read to its end"
                : """
                the bucket was read, but objects that can't be opened aren't counted: \(count); GET /pipeline lists them
                """)
    }
}
