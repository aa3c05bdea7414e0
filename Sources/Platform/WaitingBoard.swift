import Delivery
package import Redrive
import ServiceLifecycle
import Synchronization

/// What waits to be delivered again in the platform's bucket, and in others that it was told of.
package final class WaitingBoard: Sendable {
    /// One place, as it was when it was looked at last.
    package struct Place: Sendable {
        /// The address of the bucket.
        package var name: String
        /// What waits; nil when it was not looked at yet, or could not be.
        package var waiting: WaitingObjects?
        /// Why it could not be looked at.
        package var problem: String?
    }

    private let state: Mutex<[Place]>

    init(_ names: [String]) {
        state = Mutex(names.map { Place(name: $0) })
    }

    /// The places in their order.
    package var places: [Place] { state.withLock { $0 } }

    fileprivate func note(_ waiting: WaitingObjects?, _ problem: String?, at index: Int) {
        state.withLock {
            $0[index].waiting = waiting ?? $0[index].waiting
            $0[index].problem = problem
        }
    }
}

/// Looks again and again what waits: by listings alone, of a bounded number of keys.
struct WaitingWatch: Service {
    /// Listings of buckets cost money; a directory is looked at as often as intake does.
    private static let pause = Duration.seconds(300)
    private static let pauseOfDirectories = Duration.seconds(2)

    let buckets: [any Bucket]
    let board: WaitingBoard

    func run() async throws {
        let pause = buckets.allSatisfy { $0 is DirectoryBucket } ? Self.pauseOfDirectories : Self.pause
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            for (index, bucket) in buckets.enumerated() {
                do {
                    board.note(try await WaitingObjects(in: bucket), nil, at: index)
                } catch {
                    board.note(nil, "\(error)", at: index)
                }
            }
            try? await cancelWhenGracefulShutdown { try await Task.sleep(for: pause) }
        }
    }
}
