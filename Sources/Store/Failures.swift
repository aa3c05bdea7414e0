import Synchronization

/// What requests have met that says that the store doesn't work.
final class Failures: Sendable {
    /// How long a failure that isn't damage is told of, since a single request may be its cause.
    private static let patience = Duration.seconds(60)

    private struct State {
        var damage: StoreError?
        var failure: (error: StoreError, time: ContinuousClock.Instant)?
    }

    private let state = Mutex(State())

    var trouble: StoreError? {
        state.withLock { state in
            if let damage = state.damage { return damage }
            guard let failure = state.failure, ContinuousClock.now - failure.time < Self.patience else { return nil }
            return failure.error
        }
    }

    /// The error in the words of the store, kept where it says that the store doesn't work.
    func noted(_ error: any Error, ofIngest isIngest: Bool = false) -> StoreError {
        let error = StoreError(error)
        state.withLock { state in
            if error.kind == .damaged { state.damage = error }
            if isIngest, error.kind == .failed { state.failure = (error, .now) }
        }
        return error
    }

    /// Records were stored; damage of the file stays.
    func clear() {
        state.withLock { $0.failure = nil }
    }
}
