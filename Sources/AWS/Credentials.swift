public import HTTP

/// What a request is signed with.
///
/// Its description leaves the secrets out, so that it may stand in a log.
public struct Credentials: Sendable, Hashable {
    /// The access key's id, for example `AKIA…`; no secret.
    public var accessKeyID: String
    /// The secret access key.
    public var secretAccessKey: String
    /// The session token of temporary credentials; secret.
    public var sessionToken: String?
    /// When temporary credentials end; nil for those that do not.
    public var expiration: UnixTime?

    /// Makes credentials.
    public init(
        accessKeyID: String, secretAccessKey: String, sessionToken: String? = nil, expiration: UnixTime? = nil
    ) {
        self.accessKeyID = accessKeyID
        self.secretAccessKey = secretAccessKey
        self.sessionToken = sessionToken
        self.expiration = expiration
    }
}

extension Credentials: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    /// The last four characters of the access key's id; no secret.
    public var description: String { "Credentials(…\(accessKeyID.suffix(4)), redacted)" }
    /// The same as `description`.
    public var debugDescription: String { description }
    /// A mirror without members, so that `dump` shows no secret.
    public var customMirror: Mirror { Mirror(self, children: []) }
}

/// Where credentials come from.
public protocol CredentialsProvider: Sendable {
    /// Gives credentials that are valid now.
    ///
    /// - Throws: `AWSError` that says which source failed and what to do; never with a secret in it.
    func credentials() async throws(AWSError) -> Credentials
}

/// Credentials that are given and never change.
public struct FixedCredentials: CredentialsProvider {
    private let fixed: Credentials

    /// Makes a provider that always gives `credentials`.
    public init(_ credentials: Credentials) {
        self.fixed = credentials
    }

    /// The credentials given.
    public func credentials() async throws(AWSError) -> Credentials { fixed }
}
