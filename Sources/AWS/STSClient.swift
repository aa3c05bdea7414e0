import HTTP
import HTTPTypes

/// The Security Token Service: temporary credentials for a role.
///
/// https://docs.aws.amazon.com/STS/latest/APIReference/
public struct STSClient: Sendable {
    private let caller: ServiceCaller

    /// The longest time that a source of credentials waits for STS.
    ///
    /// Whoever waits for credentials may have a deadline of its own, which the source does not know.
    static let patience = Duration.seconds(10)

    /// Makes a client that calls with the credentials of a session.
    ///
    /// - Parameter region: nil for the session's; without any, `us-east-1`.
    public init(_ session: AWSSession, region: String? = nil) throws(AWSError) {
        caller = try ServiceCaller(.sts, region: region ?? session.settings.region ?? "us-east-1", session: session)
    }

    /// Makes a client inside a source of credentials, where there is no session yet.
    init(settings: AWSSettings, credentials: CachedCredentials?, http: HTTPClient, clocks: Clocks) throws(AWSError) {
        let region = settings.region ?? "us-east-1"
        caller = ServiceCaller(
            .sts, region: region, endpoint: try Endpoint(.sts, region: region, settings: settings),
            credentials: credentials, http: http, clocks: clocks)
    }

    /// Whose credentials these are, and what time it is for AWS.
    public struct Identity: Sendable, Hashable {
        /// The account.
        public var account: String
        /// The ARN of the user, or of the session in a role.
        public var arn: String
        /// By how many seconds AWS's clock is ahead of this machine's; nil where the answer has no date.
        public var secondsAhead: Int64?
    }

    /// Whose credentials these are (GetCallerIdentity), which everybody may ask.
    public func callerIdentity() async throws(AWSError) -> Identity {
        let operation = "GetCallerIdentity"
        let response = try await send(operation, [], resource: "the caller", deadline: nil)
        let now = caller.clocks.wall()
        guard let result = (try? XMLElement(response.body))?.child("\(operation)Result"),
            let account = result["Account"], let arn = result["Arn"]
        else { throw .malformed("STS \(operation)", what: "names no account") }
        let date = response.head.headerFields[.date].flatMap(UnixTime.init(httpDate:))
        // A header tells whole seconds.
        return Identity(
            account: account, arn: arn,
            secondsAhead: date.map { $0.milliseconds / 1_000 - now.milliseconds / 1_000 })
    }

    /// Takes on a role with the credentials of the session (AssumeRole).
    ///
    /// - Parameters:
    ///   - sessionName: what the session is called in CloudTrail.
    ///   - externalID: what the role's owner asks for, to tell its customers apart.
    public func assumeRole(
        roleARN: String, sessionName: String, externalID: String? = nil, deadline: ContinuousClock.Instant? = nil
    ) async throws(AWSError) -> Credentials {
        var form = [("RoleArn", roleARN), ("RoleSessionName", sessionName)]
        if let externalID { form.append(("ExternalId", externalID)) }
        return try await call("AssumeRole", form, resource: roleARN, deadline)
    }

    /// Takes on a role with a token of an identity provider (AssumeRoleWithWebIdentity); the call is not signed.
    public func assumeRole(
        roleARN: String, sessionName: String, webIdentityToken: String, deadline: ContinuousClock.Instant? = nil
    ) async throws(AWSError) -> Credentials {
        let form = [
            ("RoleArn", roleARN), ("RoleSessionName", sessionName), ("WebIdentityToken", webIdentityToken),
        ]
        return try await call("AssumeRoleWithWebIdentity", form, resource: roleARN, deadline)
    }

    /// The deadline for a call that a source of credentials begins now.
    var sourceDeadline: ContinuousClock.Instant { caller.clocks.now().advanced(by: Self.patience) }

    private func call(
        _ operation: String, _ form: [(String, String)], resource: String, _ deadline: ContinuousClock.Instant?
    ) async throws(AWSError) -> Credentials {
        let response = try await send(operation, form, resource: resource, deadline: deadline)
        guard let root = try? XMLElement(response.body),
            let credentials = root.child("\(operation)Result")?.child("Credentials"),
            let id = credentials["AccessKeyId"], let secret = credentials["SecretAccessKey"],
            let token = credentials["SessionToken"],
            let expiration = credentials["Expiration"].flatMap(UnixTime.init(iso8601:))
        else {
            throw .malformed("STS \(operation)", resource, what: "holds no credentials")
        }
        return Credentials(accessKeyID: id, secretAccessKey: secret, sessionToken: token, expiration: expiration)
    }

    private func send(
        _ operation: String, _ form: [(String, String)], resource: String, deadline: ContinuousClock.Instant?
    ) async throws(AWSError) -> Response {
        let body = PercentEncoding.query([("Action", operation), ("Version", "2011-06-15")] + form)
        return try await caller.send(
            .init(
                operation: operation, resource: resource, method: .post, path: "/",
                fields: [.contentType: "application/x-www-form-urlencoded; charset=utf-8"], body: Array(body.utf8),
                timeout: .seconds(5)),
            deadline: deadline)
    }
}

/// Credentials of a role that is taken on with other credentials, for example for a bucket of another account.
public struct AssumedRole: CredentialsProvider {
    private let sts: STSClient
    private let roleARN: String
    private let sessionName: String
    private let externalID: String?

    /// Makes a provider; put it behind `CachedCredentials`, or give it to `AWSSession.with(credentials:)`.
    public init(sts: STSClient, roleARN: String, sessionName: String, externalID: String? = nil) {
        self.sts = sts
        self.roleARN = roleARN
        self.sessionName = sessionName
        self.externalID = externalID
    }

    /// Calls AssumeRole.
    public func credentials() async throws(AWSError) -> Credentials {
        try await sts.assumeRole(
            roleARN: roleARN, sessionName: sessionName, externalID: externalID, deadline: sts.sourceDeadline)
    }
}
