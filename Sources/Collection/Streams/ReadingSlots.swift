/// Limits how many shards are read and delivered at once, and by that the memory that it takes: an answer of GetRecords has
/// up to 14 MB, and a batch as much again.
public actor ReadingSlots {
    private var free: Int
    private var waiting: [CheckedContinuation<Void, Never>] = []

    /// Makes slots.
    public init(_ count: Int = 8) {
        free = max(1, count)
    }

    /// Works in a slot, once there is one.
    nonisolated func use<Result: Sendable, Failure: Error>(
        _ body: () async throws(Failure) -> Result
    ) async throws(Failure) -> Result {
        await take()
        do throws(Failure) {
            let result = try await body()
            await giveBack()
            return result
        } catch {
            await giveBack()
            throw error
        }
    }

    private func take() async {
        if free > 0 {
            free -= 1
        } else {
            await withCheckedContinuation { waiting.append($0) }
        }
    }

    private func giveBack() {
        if waiting.isEmpty { free += 1 } else { waiting.removeFirst().resume() }
    }
}
