import Store
import Synchronization

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Whether the platform can work: it can write, the disk has room, the bucket is read.
///
/// All who ask within some seconds share one probe, so that asking often costs no writes.
package actor Readiness {
    /// One thing that was looked at.
    package struct Check: Sendable {
        package var name: String
        package var isOK: Bool
        package var detail: String
    }

    /// How much room the disk must have.
    static let minimumFreeBytes: UInt64 = 64 << 20

    /// How long a probe's outcome is given to all who ask.
    private static let pause = Duration.seconds(3)

    private let store: any Store
    private let directory: String
    let intake: IntakeStatus?
    private var last: (time: ContinuousClock.Instant, check: Check)?
    private var probing: Task<Check, Never>?

    /// - Parameters:
    ///   - directory: where the data is.
    ///   - intake: how the reading of the bucket goes; nil where none is read.
    init(store: any Store, directory: String, intake: IntakeStatus?) {
        self.store = store
        self.directory = directory
        self.intake = intake
    }

    /// What was looked at; the first thing that isn't OK says why the platform can't work.
    package func checks() async -> [Check] {
        var checks = [await write(), disk()]
        if let intake { checks.append(intake.check()) }
        return checks
    }

    private func write() async -> Check {
        // What failed a request needs no probe, and is told at once.
        if let trouble = store.trouble { return Check(name: "write", isOK: false, detail: trouble.description) }
        if let last, ContinuousClock.now - last.time < Self.pause { return last.check }
        if let probing { return await probing.value }
        let task = Task { [store] in await Self.probe(store) }
        probing = task
        let check = await task.value
        (last, probing) = ((.now, check), nil)
        return check
    }

    private static func probe(_ store: any Store) async -> Check {
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
