import HTTP

/// The keys of a bucket in their order, page by page.
///
/// The next page begins at the server's token; where there are more keys and no token that leads on, behind the last key.
public struct S3Listing: Sendable {
    private static let operation = "S3 ListObjectsV2"

    private let client: S3Client
    private let bucket: String
    private let prefix: String
    private var startAfter: String?
    private var token: String?
    private var tokens = PageTokens()
    /// Whether the last page was given.
    public private(set) var isWhole = false

    /// Starts a list.
    ///
    /// - Parameter startAfter: begins with the first key after this one.
    public init(_ client: S3Client, bucket: String, prefix: String, startAfter: String? = nil) {
        self.client = client
        self.bucket = bucket
        self.prefix = prefix
        self.startAfter = startAfter
    }

    /// The next page; nil after the last one.
    ///
    /// - Parameter maximumKeys: the most keys of the page; nil for 1,000.
    public mutating func next(
        maximumKeys: Int? = nil, deadline: ContinuousClock.Instant? = nil
    ) async throws(AWSError) -> S3Page? {
        guard !isWhole else { return nil }
        let page: S3Page
        do throws(AWSError) {
            page = try await client.list(
                bucket: bucket, prefix: prefix, startAfter: startAfter, continuation: token, maximumKeys: maximumKeys,
                deadline: deadline)
        } catch {
            guard error.endsList(at: token) else { throw error }
            // The token is not known any more; what it stood for begins behind the last key.
            token = nil
            page = try await client.list(
                bucket: bucket, prefix: prefix, startAfter: startAfter, maximumKeys: maximumKeys, deadline: deadline)
        }
        isWhole = !page.isTruncated
        let last = page.objects.last?.key ?? startAfter
        let token = try? tokens.next(page.continuation, of: Self.operation)
        if !isWhole, token == nil, last == nil || last.map({ Array($0.utf8) }) == startAfter.map({ Array($0.utf8) }) {
            throw AWSError(
                kind: .transient, code: AWSError.repeatedToken,
                message: "The server says that there are more objects, and leads to none of them. Try again later.",
                operation: Self.operation, resource: "s3://\(bucket)/\(prefix)")
        }
        (self.token, startAfter) = (token, last)
        return page
    }
}
