public import HTTP

/// A place that may hold credentials.
protocol CredentialsSource: Sendable {
    /// Gives credentials, or nil when this place is not set up.
    ///
    /// - Throws: when it is set up and does not work; no other place is asked then.
    func load() async throws(AWSError) -> Credentials?
}

/// Credentials from the first place that is set up: environment, web identity token, container endpoint, shared files,
/// instance metadata.
///
/// A profile that `AWS_PROFILE` names goes before a container, and one with a role before a token too, as botocore has it.
///
/// https://docs.aws.amazon.com/sdkref/latest/guide/standardized-credentials.html
public struct DefaultCredentials: CredentialsProvider {
    private let sources: [any CredentialsSource]

    /// Makes the chain of sources.
    public init(
        settings: AWSSettings, transport: any HTTPTransport, clocks: Clocks = .system,
        random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) }
    ) {
        let http = HTTPClient(transport: transport, clocks: clocks, random: random)
        let metadata = HTTPClient(
            transport: transport, policy: RetryPolicy(maximumAttempts: 2, baseDelay: .milliseconds(100)),
            clocks: clocks, random: random)
        let environment = EnvironmentCredentials(settings: settings)
        let container = ContainerCredentials(settings: settings, http: http, clocks: clocks)
        let instance = InstanceCredentials(settings: settings, http: metadata)
        let profile = ProfileCredentials(
            settings: settings, http: http, clocks: clocks,
            sources: ["Environment": environment, "EcsContainer": container, "Ec2InstanceMetadata": instance])
        let token = WebIdentityCredentials(settings: settings, http: http, clocks: clocks)
        let others: [any CredentialsSource] =
            switch settings.namedProfile {
            case nil: [token, container, profile]
            case let named? where named["role_arn"] != nil && named["web_identity_token_file"] == nil:
                [profile, token, container]
            default: [token, profile, container]
            }
        sources = [environment] + others + [instance]
    }

    /// Asks one source after the other.
    ///
    /// - Throws: `AWSError` with the code `NoCredentials` when none is set up.
    public func credentials() async throws(AWSError) -> Credentials {
        for source in sources {
            if let credentials = try await source.load() { return credentials }
        }
        throw Self.none()
    }

    /// There are no credentials anywhere.
    static func none(_ hint: String = "") -> AWSError {
        .configuration(
            "NoCredentials",
            "There are none in the environment, a web identity token, a container, the shared files or the instance "
                + "metadata. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or AWS_PROFILE, or give this machine a role."
                + hint, operation: "Finding AWS credentials")
    }
}
