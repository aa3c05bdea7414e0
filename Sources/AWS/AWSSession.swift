public import HTTP
import Synchronization

/// What all calls share: settings, transport, credentials, clocks.
///
/// ```swift
/// let settings = try AWSSettings.ofProcess()
/// let session = AWSSession(settings: settings, transport: try AsyncHTTPTransport(caBundle: settings.caBundle))
/// let s3 = try S3Client(session)
/// ```
public struct AWSSession: Sendable {
    /// What the environment says.
    public let settings: AWSSettings
    /// What calls are signed with.
    public let credentials: CachedCredentials
    let transport: any HTTPTransport
    let http: HTTPClient
    let clocks: Clocks
    let clockOffset = ClockOffset()

    /// Makes a session.
    ///
    /// - Parameters:
    ///   - credentials: where credentials come from; nil for the sources of `DefaultCredentials`.
    ///   - policy: how often calls are tried.
    ///   - random: gives numbers from 0 up to and without 1, for the jitter of retries.
    public init(
        settings: AWSSettings, transport: any HTTPTransport, credentials: (any CredentialsProvider)? = nil,
        policy: RetryPolicy = RetryPolicy(), clocks: Clocks = .system,
        random: @escaping @Sendable () -> Double = { Double.random(in: 0..<1) }
    ) {
        self.settings = settings
        self.transport = transport
        self.clocks = clocks
        self.http = HTTPClient(transport: transport, policy: policy, clocks: clocks, random: random)
        self.credentials = CachedCredentials(
            credentials ?? DefaultCredentials(settings: settings, transport: transport, clocks: clocks, random: random),
            clocks: clocks)
    }

    private init(_ session: AWSSession, credentials: any CredentialsProvider) {
        self.settings = session.settings
        self.transport = session.transport
        self.clocks = session.clocks
        self.http = session.http
        self.credentials = CachedCredentials(credentials, clocks: session.clocks)
    }

    /// The same session with other credentials.
    public func with(credentials: any CredentialsProvider) -> AWSSession {
        AWSSession(self, credentials: credentials)
    }

    /// The same session in the role of another account.
    ///
    /// - Throws: when the endpoint of STS makes no sense.
    public func assuming(
        roleARN: String, sessionName: String = "metertap", externalID: String? = nil
    ) throws(AWSError) -> AWSSession {
        with(
            credentials: AssumedRole(
                sts: try STSClient(self), roleARN: roleARN, sessionName: sessionName, externalID: externalID))
    }

    /// The region to call, or an error that says how to set one.
    func region(_ given: String?, for service: AWSService) throws(AWSError) -> String {
        guard let region = given ?? settings.region else {
            throw .configuration(
                "NoRegion", "No region is set. Set AWS_REGION.", operation: "Finding the endpoint of \(service.title)")
        }
        return region
    }
}

/// How far the clock of AWS is ahead of ours, as far as an answer has told us.
final class ClockOffset: Sendable {
    private let offset = Mutex(Duration.zero)

    var value: Duration {
        get { offset.withLock { $0 } }
        set { offset.withLock { $0 = newValue } }
    }
}
