import AWS
import HTTP
import HTTPTesting
import Synchronization
import Testing

/// A source that a test answers for.
private final class Source: CredentialsProvider {
    private let calls = Mutex(0)
    private let answer: @Sendable (Int) async throws(AWSError) -> Credentials

    init(_ answer: @escaping @Sendable (Int) async throws(AWSError) -> Credentials) {
        self.answer = answer
    }

    var count: Int { calls.withLock { $0 } }

    func credentials() async throws(AWSError) -> Credentials {
        let number = calls.withLock { calls in
            calls += 1
            return calls
        }
        return try await answer(number)
    }
}

@Suite struct CachedCredentialsTests {
    private let time = FakeTime()

    private func lasting(_ duration: Duration?, _ number: Int) -> Credentials {
        Credentials(
            accessKeyID: "\(number)", secretAccessKey: "",
            expiration: duration.map { time.clocks.wall().advanced(by: $0) })
    }

    private let failure = AWSError(kind: .transient, code: "Timeout", message: "late", operation: "test")

    @Test func `credentials without an end are asked for once`() async throws {
        let source = Source { [self] number in lasting(nil, number) }
        let cache = CachedCredentials(source, clocks: time.clocks)
        for _ in 0..<3 {
            #expect(try await cache.credentials().accessKeyID == "1")
            time.advance(.seconds(1_000_000))
        }
    }

    @Test func `credentials are renewed five minutes ahead`() async throws {
        let source = Source { [self] number in lasting(.seconds(3600), number) }
        let cache = CachedCredentials(source, clocks: time.clocks)
        #expect(try await cache.credentials().accessKeyID == "1")
        time.advance(.seconds(3299))
        #expect(try await cache.credentials().accessKeyID == "1")
        time.advance(.seconds(1))
        #expect(try await cache.credentials().accessKeyID == "2")
    }

    @Test func `many who wait cause one refresh`() async throws {
        let (gate, open) = AsyncStream.makeStream(of: Void.self)
        let source = Source { [self] number in
            for await _ in gate { break }
            return lasting(.seconds(3600), number)
        }
        let cache = CachedCredentials(source, clocks: time.clocks)
        let ids = try await withThrowingTaskGroup(of: String.self) { group in
            for _ in 0..<20 { group.addTask { try await cache.credentials().accessKeyID } }
            open.yield()
            return try await group.reduce(into: []) { $0.append($1) }
        }
        #expect(ids == Array(repeating: "1", count: 20))
        #expect(source.count == 1)
    }

    @Test func `a failed refresh is not remembered`() async throws {
        let source = Source { [self] number throws(AWSError) in
            if number < 3 { throw failure }
            return lasting(.seconds(3600), number)
        }
        let cache = CachedCredentials(source, clocks: time.clocks)
        for _ in 0..<2 { await #expect(throws: failure) { try await cache.credentials() } }
        #expect(try await cache.credentials().accessKeyID == "3")
    }

    @Test func `credentials that are still valid bridge a failed refresh`() async throws {
        let source = Source { [self] number throws(AWSError) in
            if number == 1 { return lasting(.seconds(310), number) }
            throw failure
        }
        let cache = CachedCredentials(source, clocks: time.clocks)
        #expect(try await cache.credentials().accessKeyID == "1")
        time.advance(.seconds(20))
        #expect(try await cache.credentials().accessKeyID == "1")
        #expect(try await cache.credentials().accessKeyID == "1")
        #expect(source.count == 2, "the source is left alone for a while")
        time.advance(.seconds(10))
        #expect(try await cache.credentials().accessKeyID == "1")
        #expect(source.count == 3)
        time.advance(.seconds(280))
        await #expect(throws: failure) { try await cache.credentials() }
    }

    @Test func `refused credentials are forgotten, newer ones are kept`() async throws {
        let source = Source { [self] number in lasting(nil, number) }
        let cache = CachedCredentials(source, clocks: time.clocks)
        let first = try await cache.credentials()
        await cache.forget(first)
        #expect(try await cache.credentials().accessKeyID == "2")
        await cache.forget(first)
        #expect(try await cache.credentials().accessKeyID == "2")
    }
}
