import Logging
import ServiceLifecycle
import Store

/// What is done now and then: records past retention are dropped, and the use of keys is written down.
struct Housekeeping: Service {
    private static let pause = Duration.seconds(60)

    let store: any Store
    let keys: KeyRing
    let retentionDays: Int
    let logger: Logger
    let now: @Sendable () -> Int64

    func run() async throws {
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            do {
                try await keys.noteUse()
                while try await store.closeRecords(keeping: Int64(retentionDays) * 24, at: now()) > 0 {
                    if Task.isShuttingDownGracefully || Task.isCancelled { return }
                }
                while try await store.expireRejects() > 0 {
                    if Task.isShuttingDownGracefully || Task.isCancelled { return }
                }
            } catch {
                logger.warning("housekeeping failed and is tried again", metadata: ["error": "\(error)"])
            }
            try? await cancelWhenGracefulShutdown { try await Task.sleep(for: Self.pause) }
        }
    }
}
