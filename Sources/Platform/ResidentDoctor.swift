import Logging
package import Store
import Synchronization

/// Runs the doctor's checks in the platform's process when somebody asks for it, one look at a time, and keeps what they
/// find.
///
/// To ask returns at once; `run()` does the work.
package final class ResidentDoctor: Sendable {
    /// Looks, for somebody of this name.
    package typealias Look = @Sendable (_ who: String) async -> StoredDiagnosis

    /// A look that goes on.
    package struct Patience: Sendable {
        /// Who asked for it.
        package let who: String
        /// When, in milliseconds since 1970.
        package let since: Int64
    }

    /// What a page says of it.
    package struct State: Sendable {
        /// The look that goes on; nil when none does.
        package fileprivate(set) var looking: Patience?
        /// Why the last look was not kept; nil when it was, and before the first.
        package fileprivate(set) var problem: String?
    }

    private let parts: PlatformParts
    private let look: Look
    private let current = Mutex(State())
    private let requests: AsyncStream<String>
    private let ask: AsyncStream<String>.Continuation

    /// Makes a doctor that waits to be asked.
    package init(_ parts: PlatformParts, look: @escaping Look) {
        self.parts = parts
        self.look = look
        (requests, ask) = AsyncStream.makeStream()
    }

    /// Whether it looks, and how the last look ended.
    package var state: State { current.withLock { $0 } }

    /// Asks for a look; one that goes on already is enough.
    package func askToLook(who: String) {
        let isFree = current.withLock { state in
            guard state.looking == nil else { return false }
            state = State(looking: Patience(who: who, since: parts.now()))
            return true
        }
        if isFree { ask.yield(who) }
    }

    /// Looks whenever it is asked to, until the task is cancelled.
    package func run() async {
        for await who in requests {
            let diagnosis = await look(who)
            // What a platform that stops could not look at is nothing that was found.
            guard !Task.isCancelled else { return }
            let problem = await note(diagnosis)
            current.withLock { $0 = State(problem: problem) }
        }
    }

    /// Keeps what was found; nil, or why that failed.
    private func note(_ diagnosis: StoredDiagnosis) async -> String? {
        do throws(StoreError) {
            _ = try await parts.store.note(diagnosis)
            return nil
        } catch {
            parts.logger.error("a diagnosis was not kept", metadata: ["error": "\(error)"])
            return error.description
        }
    }
}
