import FoundationEssentials

/// Destinations, by which log groups of other accounts hand on to a stream of this one.
extension CloudWatchLogsClient {
    /// A destination, by the names that the API uses.
    public struct LogDestination: Sendable, Hashable, Decodable {
        /// The ARN that subscription filters name.
        public var arn: String
        /// The stream that log events go to.
        public var targetArn: String
        /// In which role they are written there.
        public var roleArn: String

        /// Describes a destination.
        public init(arn: String, targetArn: String, roleArn: String) {
            self.arn = arn
            self.targetArn = targetArn
            self.roleArn = roleArn
        }
    }

    /// A destination of the caller's account and region (DescribeDestinations).
    ///
    /// - Throws: `AWSError` with the code `ResourceNotFoundException` when there is none of this ARN.
    public func destination(arn: String) async throws(AWSError) -> LogDestination {
        struct Input: Encodable {
            var prefix: String
            var nextToken: String?

            // The only member of these calls with a capital.
            enum CodingKeys: String, CodingKey {
                case prefix = "DestinationNamePrefix"
                case nextToken
            }
        }
        struct Page: Decodable {
            var destinations: [LogDestination]?
            var nextToken: String?
        }
        let operation = "CloudWatch Logs DescribeDestinations"
        let name = arn.split(separator: ":", maxSplits: 6).last.map(String.init) ?? arn
        let isNamed = { (destination: LogDestination) in destination.arn.utf8.elementsEqual(arn.utf8) }
        let found = try await items(of: operation, arn, until: isNamed) { token throws(AWSError) in
            let input = Input(prefix: name, nextToken: token)
            let body = try await call("DescribeDestinations", input, resource: arn)
            guard let page = try? JSONDecoder().decode(Page.self, from: Data(body)) else {
                throw AWSError.malformed(operation, arn, what: "is no list of destinations")
            }
            return (page.destinations ?? [], page.nextToken)
        }
        if let destination = found.last, isNamed(destination) { return destination }
        throw AWSError(
            kind: .configuration, code: "ResourceNotFoundException",
            message: "There is no such destination in the region \(region).", operation: operation, resource: arn)
    }
}
