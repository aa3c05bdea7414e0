import HTTP

/// Credentials of the role `AWS_ROLE_ARN` by the token in `AWS_WEB_IDENTITY_TOKEN_FILE`.
///
/// The file is read for each refresh, since the platform renews it (IAM roles for service accounts).
struct WebIdentityCredentials: CredentialsSource {
    let settings: AWSSettings
    let http: HTTPClient
    let clocks: Clocks

    func load() async throws(AWSError) -> Credentials? {
        guard let file = settings.variable("AWS_WEB_IDENTITY_TOKEN_FILE") else { return nil }
        guard let role = settings.variable("AWS_ROLE_ARN") else {
            throw .configuration(
                "PartialCredentials", "AWS_WEB_IDENTITY_TOKEN_FILE is set, AWS_ROLE_ARN is not.",
                operation: Self.operation)
        }
        return try await Self.assume(
            role, tokenFile: file, sessionName: settings.variable("AWS_ROLE_SESSION_NAME"), settings, http, clocks)
    }

    static func assume(
        _ role: String, tokenFile: String, sessionName: String?, _ settings: AWSSettings, _ http: HTTPClient,
        _ clocks: Clocks
    ) async throws(AWSError) -> Credentials {
        guard let token = settings.readLine(tokenFile), !token.isEmpty else {
            throw .configuration("NoToken", "The file \(tokenFile) cannot be read or is empty.", operation: operation)
        }
        let sts = try STSClient(settings: settings, credentials: nil, http: http, clocks: clocks)
        return try await sts.assumeRole(
            roleARN: role, sessionName: sessionName ?? "metertap", webIdentityToken: token,
            deadline: sts.sourceDeadline)
    }

    private static let operation = "Reading the web identity token"
}
