import Synchronization

/// Tells those who wait that records were stored.
package final class EventHub: Sendable {
    private struct State {
        var waiting: [Int: AsyncStream<Void>.Continuation] = [:]
        var next = 0
    }

    private let state = Mutex(State())

    /// A signal after each time that records were stored; several in a row may be one.
    package func signals() -> AsyncStream<Void> {
        let (stream, continuation) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let id = state.withLock { state in
            state.next += 1
            state.waiting[state.next] = continuation
            return state.next
        }
        continuation.onTermination = { [weak self] _ in
            self?.state.withLock { $0.waiting[id] = nil }
        }
        return stream
    }

    /// Wakes everybody.
    package func announce() {
        let waiting = state.withLock { Array($0.waiting.values) }
        for continuation in waiting { continuation.yield() }
    }

    /// Ends all streams, so that the server can stop.
    func finish() {
        let waiting = state.withLock { Array($0.waiting.values) }
        for continuation in waiting { continuation.finish() }
    }
}
