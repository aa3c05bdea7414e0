import HTTP

/// Credentials of the profile in use: keys, a role by another profile's credentials, or a role by a token file.
///
/// https://docs.aws.amazon.com/sdkref/latest/guide/feature-assume-role-credentials.html
struct ProfileCredentials: CredentialsSource {
    let settings: AWSSettings
    let http: HTTPClient
    let clocks: Clocks
    /// What `credential_source` names.
    let sources: [String: any CredentialsSource]

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
        if profile["mfa_serial"] != nil { throw unsupported(name, "mfa_serial, which asks a person for a code") }
        if let file = profile["web_identity_token_file"] {
            return try await WebIdentityCredentials.assume(
                role, tokenFile: file, sessionName: profile["role_session_name"], settings, http, clocks)
        }
        let base = try await base(of: name, profile, behind: behind)
        let sts = try STSClient(
            settings: settings, credentials: CachedCredentials(FixedCredentials(base), clocks: clocks), http: http,
            clocks: clocks)
        return try await sts.assumeRole(
            roleARN: role, sessionName: profile["role_session_name"] ?? "metertap",
            externalID: profile["external_id"], deadline: sts.sourceDeadline)
    }

    /// With which credentials the role of a profile is taken on.
    private func base(
        of name: String, _ profile: [String: String], behind: [String]
    ) async throws(AWSError) -> Credentials {
        if let source = profile["credential_source"] {
            guard profile["source_profile"] == nil else {
                throw failure(
                    "UnsupportedProfile",
                    "The profile \(name) has both source_profile and credential_source; AWS takes one of them.")
            }
            guard let place = sources[source] else {
                throw failure(
                    "UnsupportedProfile",
                    "The credential_source of the profile \(name) is none of "
                        + "\(sources.keys.sorted().joined(separator: ", ")).")
            }
            guard let base = try await place.load() else {
                throw failure(
                    "PartialCredentials",
                    "There are no credentials at \(source), the credential_source of the profile \(name).")
            }
            return base
        }
        guard let source = profile["source_profile"] else {
            throw failure(
                "UnsupportedProfile",
                "The profile \(name) has a role_arn but neither source_profile, credential_source nor "
                    + "web_identity_token_file.")
        }
        guard !behind.contains(name) else {
            throw failure("CircularProfile", "The source_profile of \(name) leads back to itself.")
        }
        guard let base = try await credentials(of: source, behind: behind + [name]) else {
            throw failure("PartialCredentials", "The profile \(source), the source of \(name), has no credentials.")
        }
        return base
    }

    private func keys(_ name: String, _ profile: [String: String]) throws(AWSError) -> Credentials? {
        switch (profile["aws_access_key_id"], profile["aws_secret_access_key"]) {
        case (let id?, let secret?):
            return Credentials(
                accessKeyID: id, secretAccessKey: secret, sessionToken: profile["aws_session_token"])
        case (nil, nil):
            if let key = Self.unsupported.first(where: { profile[$0] != nil }) { throw unsupported(name, key) }
            return nil
        default:
            throw failure(
                "PartialCredentials",
                "The profile \(name) has one of aws_access_key_id and aws_secret_access_key without the other.")
        }
    }

    /// Settings that the AWS CLI gets credentials by, and we do not.
    private static let unsupported = [
        "credential_process", "login_session", "sso_session", "sso_start_url", "sso_account_id", "sso_role_name",
    ]

    private func unsupported(_ name: String, _ what: String) -> AWSError {
        failure(
            "UnsupportedProfile",
            "The profile \(name) uses \(what), which is not supported. "
                + "`aws configure export-credentials --profile \(name) --format env` gives its credentials as variables."
        )
    }

    private func failure(_ code: String, _ message: String) -> AWSError {
        .configuration(code, message, operation: "Reading credentials from the shared files")
    }
}
