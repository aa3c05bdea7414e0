public import HTTP

/// Keeps credentials until shortly before they expire, and gets new ones once for all who wait.
///
/// A refresh that fails is not remembered: the next caller tries again. As long as the old credentials are valid, they
/// are given out in the meantime.
public actor CachedCredentials: CredentialsProvider {
    /// How long before their expiry credentials are renewed.
    public static let margin = Duration.seconds(300)
    /// How long valid credentials are given out after a failed refresh before the next one is tried.
    static let pause = Duration.seconds(10)

    private let source: any CredentialsProvider
    private let clocks: Clocks
    private var current: Credentials?
    private var refresh: Task<Result<Credentials, AWSError>, Never>?
    private var nextRefresh: ContinuousClock.Instant?

    /// Makes a cache in front of `source`.
    public init(_ source: any CredentialsProvider, clocks: Clocks = .system) {
        self.source = source
        self.clocks = clocks
    }

    /// Gives credentials that are valid now, from the cache unless they are about to expire.
    public func credentials() async throws(AWSError) -> Credentials {
        if let current, isValid(current, for: Self.margin) { return current }
        if let current, isValid(current, for: .zero), let nextRefresh, clocks.now() < nextRefresh { return current }
        switch await refreshed() {
        case .success(let credentials):
            return credentials
        case .failure(let error):
            guard let current, isValid(current, for: .zero) else { throw error }
            return current
        }
    }

    /// Forgets credentials that a server has refused, unless others have taken their place already.
    public func forget(_ refused: Credentials) {
        if current == refused { current = nil }
    }

    private func isValid(_ credentials: Credentials, for duration: Duration) -> Bool {
        guard let expiration = credentials.expiration else { return true }
        return clocks.wall().advanced(by: duration) < expiration
    }

    private func refreshed() async -> Result<Credentials, AWSError> {
        if let refresh { return await refresh.value }
        // A task of its own: it must not end with the one caller among many that happened to start it.
        let task = Task { [source] in
            do throws(AWSError) {
                return Result<Credentials, AWSError>.success(try await source.credentials())
            } catch {
                return .failure(error)
            }
        }
        refresh = task
        let result = await task.value
        refresh = nil
        switch result {
        case .success(let credentials):
            current = credentials
            nextRefresh = nil
        case .failure:
            nextRefresh = clocks.now().advanced(by: Self.pause)
        }
        return result
    }
}
