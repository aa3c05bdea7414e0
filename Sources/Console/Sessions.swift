import Crypto
import Platform
import Store
import Synchronization

/// Who looks at the console.
struct Session: Sendable {
    /// The name that the log of changes shows.
    var who: String
    /// What is allowed.
    var rights: [String]
    /// The key that opened it; nil for a sign-in link.
    var key: String?
    /// When it ends unless it is used, in milliseconds since 1970.
    var ends: Int64
    /// When it ends in any case.
    var endsForGood: Int64 = 0
    /// What the next page says.
    var notice: String?
}

/// The sessions of the console, in memory: a restart ends them.
///
/// Secrets are kept as hashes only, so that finding one tells nothing by its time.
final class Sessions: Sendable {
    /// How long a session lives that nobody uses, in seconds.
    static let idleSeconds: Int64 = 12 * 3_600
    /// How long a sign-in link works, in seconds.
    static let linkSeconds: Int64 = 3_600
    /// How long a session lives however much it is used, in seconds.
    static let longestSeconds: Int64 = 7 * 24 * 3_600
    /// The most sessions of one key, and of all sign-in links together: who signs in again and again ends own sessions only.
    private static let maximumOfAKey = 100

    private struct State {
        var sessions: [[UInt8]: Session] = [:]
        var links: [[UInt8]: Int64] = [:]
    }

    private let keys: KeyRing
    private let state = Mutex(State())
    private let now: @Sendable () -> Int64

    init(keys: KeyRing, now: @escaping @Sendable () -> Int64) {
        self.keys = keys
        self.now = now
    }

    /// A secret that opens one session.
    func makeLink() -> String {
        let secret = NewKey.randomHex(words: 4)
        let ends = now() + Self.linkSeconds * 1_000
        state.withLock { $0.links[KeyRing.hash(secret)] = ends }
        return secret
    }

    /// Opens a session by a link; nil when the link was used, is too old, or was never given.
    func open(link: String) -> String? {
        let ends = state.withLock { $0.links.removeValue(forKey: KeyRing.hash(link)) }
        guard let ends, ends > now() else { return nil }
        return open(Session(who: "console", rights: [Right.admin.rawValue], key: nil, ends: 0))
    }

    /// Opens a session by a key of the API; nil for an unknown one.
    func open(key secret: String) -> String? {
        guard let key = keys.find(secret) else { return nil }
        return open(Session(who: key.name, rights: key.rights, key: key.id, ends: 0))
    }

    private func open(_ session: Session) -> String {
        let secret = NewKey.randomHex(words: 4)
        var session = session
        let time = now()
        session.ends = time + Self.idleSeconds * 1_000
        session.endsForGood = time + Self.longestSeconds * 1_000
        state.withLock { state in
            state.sessions = state.sessions.filter { $0.value.ends > time }
            let own = state.sessions.filter { $0.value.key == session.key }
            if own.count >= Self.maximumOfAKey, let oldest = own.min(by: { $0.value.ends < $1.value.ends }) {
                state.sessions[oldest.key] = nil
            }
            state.sessions[KeyRing.hash(secret)] = session
        }
        return secret
    }

    /// The session of a secret, which lives on from now; nil when it ended or its key was revoked.
    func find(_ secret: String) -> Session? {
        let (id, time) = (KeyRing.hash(secret), now())
        let found = state.withLock { state -> Session? in
            guard var session = state.sessions[id], session.ends > time else { return nil }
            session.ends = min(time + Self.idleSeconds * 1_000, session.endsForGood)
            state.sessions[id] = session
            return session
        }
        guard let found else { return nil }
        if let key = found.key, !keys.holds(id: key) {
            end(secret)
            return nil
        }
        return found
    }

    /// Whether a session still holds; to ask does not make it live longer.
    func holds(_ secret: String) -> Bool {
        let (id, time) = (KeyRing.hash(secret), now())
        guard let session = state.withLock({ $0.sessions[id] }), session.ends > time else { return false }
        return session.key.map { keys.holds(id: $0) } ?? true
    }

    /// Ends a session.
    func end(_ secret: String) {
        state.withLock { $0.sessions[KeyRing.hash(secret)] = nil }
    }

    /// How many sessions live that were opened by a sign-in link, which no revoked key ends.
    var countOfLinks: Int {
        let time = now()
        return state.withLock { $0.sessions.values.count { $0.key == nil && $0.ends > time } }
    }

    /// Ends all sessions that were opened by a sign-in link, and makes links that weren't used open none.
    ///
    /// - Returns: how many sessions ended.
    func endLinks() -> Int {
        state.withLock { state in
            let count = state.sessions.count
            state.sessions = state.sessions.filter { $0.value.key != nil }
            state.links = [:]
            return count - state.sessions.count
        }
    }

    /// What the next page of a session says.
    func notices(of secret: String) -> Notices {
        let id = KeyRing.hash(secret)
        return Notices(
            say: { notice in self.state.withLock { $0.sessions[id]?.notice = notice } },
            take: {
                self.state.withLock { state in
                    defer { state.sessions[id]?.notice = nil }
                    return state.sessions[id]?.notice
                }
            })
    }
}

/// What a page says once, after something was done.
struct Notices: Sendable {
    /// Leaves a sentence for the next page.
    let say: @Sendable (String) -> Void
    /// Takes the sentence that was left.
    let take: @Sendable () -> String?
}
