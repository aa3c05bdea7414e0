package import Store

/// Sees what usually reports and has stopped: an outage must not look like zero usage.
package struct SilenceWatch: Sendable {
    /// What is silent.
    package struct Silent: Sendable {
        package var sources: Set<IntakeName> = []
        package var meters: [Pipeline.MeterActivity] = []
    }

    /// How often something must have reported before its silence means anything.
    static let minimumReports = 10
    /// How long a silence is at least, in milliseconds.
    static let minimumSilence: Int64 = 15 * 60_000

    /// What has been silent for half as long again as ever in this week and the week before.
    package func silent(in pipeline: Pipeline, now: Int64) -> Silent {
        var silent = Silent()
        for source in pipeline.sources where source.intake.kind != .retry {
            if let activity = source.activity, Self.isSilent(activity, now: now) {
                silent.sources.insert(source.intake)
            }
        }
        silent.meters = pipeline.meters.filter { Self.isSilent($0.activity, now: now) }
        return silent
    }

    private static func isSilent(_ activity: Activity, now: Int64) -> Bool {
        activity.reports >= minimumReports
            && now - activity.last > max(minimumSilence, activity.longestSilence + activity.longestSilence / 2)
    }
}
