import ArgumentParser
import Delivery
import Platform

extension PlatformSettings {
    /// What a platform is started with.
    ///
    /// - Parameters:
    ///   - settings: the settings of the command.
    ///   - isDemo: whether it has a bucket of its own.
    /// - Throws: `Failure` or `SettingError` for the first that makes no sense.
    init(_ settings: Settings, isDemo: Bool = false) throws {
        guard !isDemo || (settings[.bucket] == nil && settings[.certificate] == nil) else {
            throw Failure(
                message: "--demo has a bucket of its own and speaks plain HTTP on this machine",
                code: .validationFailure)
        }
        // What it pulls itself comes in by a bucket, too.
        let hasOwnBucket = try settings[.bucket] == nil && !ConnectionList.read(settings.file).isEmpty
        let bucket: Location? =
            isDemo || hasOwnBucket
            ? .directory("\(settings.text(.data))/bucket")
            : try settings[.bucket].map { try Location($0, setting: settings.name(of: .bucket)) }
        let failures = try (settings[.failures] ?? "").split(separator: ",").map {
            try Location($0.split(separator: " ").joined(separator: " "), setting: settings.name(of: .failures))
        }
        try self.init(
            directory: settings.text(.data), host: settings.text(.host),
            port: try settings.number(.port, in: 0...65_535), bucket: bucket,
            notifications: settings[.bucketNotifications], failures: failures, webhook: settings[.alertWebhook],
            webhookSecret: settings[.webhookSecret],
            retentionDays: try settings.number(.retentionDays, in: 1...36_500), certificate: settings[.certificate],
            privateKey: settings[.privateKey], isBehindProxy: try settings.isOn(.isBehindProxy),
            adminKey: settings[.adminKey])
    }
}
