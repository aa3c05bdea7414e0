/// The tokens of one loop over pages: one that comes a second time ends the loop.
///
/// Services have answered a token again and again (https://github.com/boto/boto3/issues/1584), and who follows it never comes
/// to an end.
public struct PageTokens: Sendable {
    private var seen: Set<String> = []

    /// Starts a loop.
    public init() {}

    /// Where the next page begins; nil after the last one.
    ///
    /// - Parameters:
    ///   - token: what the service answered; an empty token is as good as none.
    ///   - operation: what was called, for example `S3 ListObjectsV2`.
    ///   - resource: what it was about, for people.
    /// - Throws: `AWSError` with `isRepeatedToken` when the service answered the token before.
    public mutating func next(
        _ token: String?, of operation: String, _ resource: String? = nil
    ) throws(AWSError) -> String? {
        guard let token, !token.isEmpty else { return nil }
        guard seen.insert(token).inserted else {
            throw AWSError(
                kind: .transient, code: AWSError.repeatedToken,
                message:
                    "The service answered the token of a page that it had answered before, so that the list has no "
                    + "end. Nothing behind that page is known; try again later.", operation: operation,
                resource: resource)
        }
        return token
    }
}

extension AWSError {
    static let repeatedToken = "RepeatedPageToken"

    /// Whether a service answered the token of a page a second time.
    public var isRepeatedToken: Bool { code == Self.repeatedToken }

    /// Whether a list must be begun anew: a token came a second time, or one that was given is not known any more.
    ///
    /// - Parameter token: the token of the page that was asked for; nil for the first page.
    public func endsList(at token: String?) -> Bool {
        isRepeatedToken || (token != nil && Self.tokenCodes.contains(code))
    }

    /// What services say of a token that has expired, or that they do not know.
    private static let tokenCodes: Set<String> = [
        "ExpiredNextTokenException", "InvalidArgument", "InvalidNextToken", "InvalidNextTokenException",
        "InvalidParameterException", "InvalidParameterValueException", "PaginationTokenExpiredException",
        "ValidationException",
    ]
}

/// How often a list is read whose pages lead nowhere.
private let attemptsOfList = 3

/// Reads a list page by page, and again from its beginning where a token leads nowhere.
///
/// - Parameters:
///   - operation: what is called, for example `Lambda ListEventSourceMappings`.
///   - resource: what it is about, for people.
///   - isWanted: whether an item ends the reading; it is the last one then.
///   - page: asks for the page of a token; nil for the first one.
/// - Returns: all items, or those until the wanted one.
func items<Item>(
    of operation: String, _ resource: String? = nil, until isWanted: (Item) -> Bool = { _ in false },
    _ page: (_ token: String?) async throws(AWSError) -> (items: [Item], token: String?)
) async throws(AWSError) -> [Item] {
    var attempt = 1
    while true {
        var (all, token, tokens): ([Item], String?, PageTokens) = ([], nil, PageTokens())
        do throws(AWSError) {
            repeat {
                let answer = try await page(token)
                if let index = answer.items.firstIndex(where: isWanted) { return all + answer.items[...index] }
                all += answer.items
                token = try tokens.next(answer.token, of: operation, resource)
            } while token != nil
            return all
        } catch {
            guard error.endsList(at: token), attempt < attemptsOfList else { throw error }
            attempt += 1
        }
    }
}
