/// Credentials from `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`.
struct EnvironmentCredentials: CredentialsSource {
    let settings: AWSSettings

    func load() async throws(AWSError) -> Credentials? {
        guard let id = settings.variable("AWS_ACCESS_KEY_ID") else { return nil }
        guard let secret = settings.variable("AWS_SECRET_ACCESS_KEY") else {
            throw .configuration(
                "PartialCredentials", "AWS_ACCESS_KEY_ID is set, AWS_SECRET_ACCESS_KEY is not.",
                operation: "Reading credentials from the environment")
        }
        return Credentials(
            accessKeyID: id, secretAccessKey: secret, sessionToken: settings.variable("AWS_SESSION_TOKEN"))
    }
}
