import HTTP

/// Credentials of the profile in use: keys, a role by another profile's credentials, or a role by a token file.
///
/// https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html
struct ProfileCredentials: CredentialsSource {
    let settings: AWSSettings
    let http: HTTPClient
    let clocks: Clocks

    func load() async throws(AWSError) -> Credentials? {
        guard settings.config.profiles[settings.profile] != nil else { return nil }
        return try await credentials(of: settings.profile, behind: [])
    }

    /// - Parameter behind: the profiles whose roles are taken on with what this one gives.
    private func credentials(of name: String, behind: [String]) async throws(AWSError) -> Credentials? {
        guard let profile = settings.config.profiles[name] else {
            throw failure(
                "NoSuchProfile",
                "The profile \(name), the source_profile of \(behind.last ?? name), does not exist.")
        }
        guard let role = profile["role_arn"], behind.last != name else { return try keys(name, profile) }
        if let file = profile["web_identity_token_file"] {
            return try await WebIdentityCredentials.assume(
                role, tokenFile: file, sessionName: profile["role_session_name"], settings, http, clocks)
        }
        guard let source = profile["source_profile"] else {
            throw failure(
                "UnsupportedProfile",
                "The profile \(name) has a role_arn but neither source_profile nor "
                    + "web_identity_token_file.")
        }
        guard !behind.contains(name) else {
            throw failure("CircularProfile", "The source_profile of \(name) leads back to itself.")
        }
        guard let base = try await credentials(of: source, behind: behind + [name]) else {
            throw failure("PartialCredentials", "The profile \(source), the source of \(name), has no credentials.")
        }
        let sts = try STSClient(
            settings: settings, credentials: CachedCredentials(FixedCredentials(base), clocks: clocks), http: http,
            clocks: clocks)
        return try await sts.assumeRole(
            roleARN: role, sessionName: profile["role_session_name"] ?? "metertap",
            externalID: profile["external_id"], deadline: sts.sourceDeadline)
    }

    private func keys(_ name: String, _ profile: [String: String]) throws(AWSError) -> Credentials? {
        switch (profile["aws_access_key_id"], profile["aws_secret_access_key"]) {
        case (let id?, let secret?):
            return Credentials(
                accessKeyID: id, secretAccessKey: secret, sessionToken: profile["aws_session_token"])
        case (nil, nil):
            if let key = ["credential_process", "sso_session", "sso_start_url"].first(where: { profile[$0] != nil }) {
                throw failure(
                    "UnsupportedProfile",
                    "The profile \(name) uses \(key), which is not supported. "
                        + "`aws configure export-credentials --format env` gives its credentials as variables.")
            }
            return nil
        default:
            throw failure(
                "PartialCredentials",
                "The profile \(name) has one of aws_access_key_id and aws_secret_access_key without the other.")
        }
    }

    private func failure(_ code: String, _ message: String) -> AWSError {
        .configuration(code, message, operation: "Reading credentials from the shared files")
    }
}
