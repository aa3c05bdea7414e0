package import Logging
package import Store

/// What the platform is made of, for the pages that show it.
package struct PlatformParts: Sendable {
    /// What it keeps.
    package let store: any Store
    /// The keys of its API.
    package let keys: KeyRing
    /// Tells of new records.
    package let hub: EventHub
    /// Stores rejects that were mended.
    package let rejects: RejectEditor
    /// Whether it can work.
    package let readiness: Readiness
    /// Sees what has stopped to report.
    package let silence: SilenceWatch
    /// What waits in buckets to be delivered again.
    package let waiting: WaitingBoard
    /// What it was started with.
    package let settings: PlatformSettings
    /// The address of the bucket that it reads.
    package let bucket: String?
    /// The server's log.
    package let logger: Logger
    /// The time, in milliseconds since 1970.
    package let now: @Sendable () -> Int64
}
