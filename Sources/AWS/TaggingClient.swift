import FoundationEssentials
import HTTP
import HTTPTypes

/// The Resource Groups Tagging API: which log groups have a tag.
///
/// https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/API_GetResources.html
public struct TaggingClient: Sendable {
    /// A tag that a resource must have.
    public struct Filter: Sendable, Hashable, Encodable {
        /// The tag's key.
        public var key: String
        /// The values of which it must have one; none for any value.
        public var values: [String]

        enum CodingKeys: String, CodingKey {
            case key = "Key"
            case values = "Values"
        }

        /// Asks for a tag.
        public init(key: String, values: [String]) {
            self.key = key
            self.values = values
        }
    }

    private let caller: ServiceCaller

    /// Makes a client.
    ///
    /// - Parameter region: the region to call; nil for the session's.
    /// - Throws: `AWSError` when no region is known.
    public init(_ session: AWSSession, region: String? = nil) throws(AWSError) {
        caller = try ServiceCaller(.tagging, region: region, session: session)
    }

    /// The names of the log groups that have all of the tags.
    public func logGroups(with filters: [Filter]) async throws(AWSError) -> Set<String> {
        struct Input: Encodable {
            // All of CloudWatch Logs; what is no log group is left out below.
            var types = ["logs"]
            var filters: [Filter]
            var token: String?

            enum CodingKeys: String, CodingKey {
                case types = "ResourceTypeFilters"
                case filters = "TagFilters"
                case token = "PaginationToken"
            }
        }
        struct Page: Decodable {
            struct Resource: Decodable {
                var arn: String

                enum CodingKeys: String, CodingKey { case arn = "ResourceARN" }
            }

            var resources: [Resource]?
            var token: String?

            enum CodingKeys: String, CodingKey {
                case resources = "ResourceTagMappingList"
                case token = "PaginationToken"
            }
        }
        let operation = "Resource Groups Tagging API GetResources"
        let keys = filters.map(\.key).joined(separator: ", ")
        let names = try await items(of: operation, keys) { token throws(AWSError) in
            let body = try await caller.sendJSON(
                "GetResources", Input(filters: filters, token: token), target: "ResourceGroupsTaggingAPI_20170126",
                resource: keys)
            guard let page = try? JSONDecoder().decode(Page.self, from: Data(body)) else {
                throw AWSError.malformed(operation, what: "is no list of resources")
            }
            return ((page.resources ?? []).compactMap { Self.logGroup(arn: $0.arn) }, page.token)
        }
        return Set(names)
    }

    private static func logGroup(arn: String) -> String? {
        let parts = arn.split(separator: ":", omittingEmptySubsequences: false)
        return parts.count > 6 && parts[2] == "logs" && parts[5] == "log-group" ? String(parts[6]) : nil
    }
}
