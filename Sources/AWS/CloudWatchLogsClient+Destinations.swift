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
            var destinationNamePrefix: String
            var nextToken: String?
        }
        struct Page: Decodable {
            var destinations: [LogDestination]?
            var nextToken: String?
        }
        let operation = "DescribeDestinations"
        let name = arn.split(separator: ":", maxSplits: 6).last.map(String.init) ?? arn
        var token: String?
        repeat {
            let input = Input(destinationNamePrefix: name, nextToken: token)
            let body = try await call(operation, input, resource: arn)
            guard let page = try? JSONDecoder().decode(Page.self, from: Data(body)) else {
                throw .malformed("CloudWatch Logs \(operation)", arn, what: "is no list of destinations")
            }
            let found = page.destinations?.first { $0.arn.utf8.elementsEqual(arn.utf8) }
            if let found { return found }
            token = page.nextToken
        } while token != nil
        throw AWSError(
            kind: .configuration, code: "ResourceNotFoundException",
            message: "There is no such destination in the region \(region).",
            operation: "CloudWatch Logs \(operation)", resource: arn)
    }
}
