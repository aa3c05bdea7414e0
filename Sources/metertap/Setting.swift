/// What can be set by a flag, in the environment and in a file, under one name.
enum Setting: String, CaseIterable {
    case data
    case host
    case port
    case bucket
    case bucketNotifications = "bucket-notifications"
    case failures
    case alertWebhook = "alert-webhook"
    case retentionDays = "retention-days"
    case certificate = "tls-cert"
    case privateKey = "tls-key"
    case isBehindProxy = "behind-proxy"
    case adminKey = "admin-key"
    case webhookSecret = "webhook-secret"
    case url
    case apiKey = "api-key"
    case apiKeySecretARN = "api-key-secret-arn"
    case sink
    case sinkRegion = "sink-region"
    case sinkCredentialsSecretARN = "sink-credentials-secret-arn"
    case sinkRoleARN = "sink-role-arn"
    case sinkExternalID = "sink-external-id"
    case sinkACL = "sink-acl"
    case sinkEncryption = "sink-encryption"
    case rejects
    case rejectsEncryption = "rejects-encryption"
    case tags
    case provenance
    case allowMissingCustomer = "allow-missing-customer"
    case state
    case interval
    case sweeps

    /// Its variable in the environment: METERTAP_RETENTION_DAYS for `retention-days`.
    var variable: String {
        "METERTAP_" + String(rawValue.uppercased().map { $0 == "-" ? "_" : $0 })
    }

    /// Whether it is never shown, and no flag sets it.
    var isSecret: Bool { [.adminKey, .webhookSecret, .apiKey].contains(self) }

    /// Whether it is several values, separated by commas; in a file they may be a list.
    var isList: Bool { [.tags, .sweeps, .failures].contains(self) }

    /// What it is when nobody sets it; nil for nothing.
    var standard: String? {
        switch self {
        case .data: "metertap-data"
        case .host: "127.0.0.1"
        case .port: "8080"
        case .retentionDays: "400"
        case .isBehindProxy: "false"
        case .url: "http://127.0.0.1:8080"
        case .state: "metertap-collector"
        case .interval: "10s"
        case .sweeps: "1h,24h,14d2h"
        default: nil
        }
    }
}
