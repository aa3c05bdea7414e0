public import AWS

/// Where subscription filters of Metertap hand log events on to.
public struct Destination: Sendable, Hashable {
    /// What stands there.
    public enum Kind: Sendable, Hashable {
        /// A Kinesis stream of the same account, which the agent reads.
        case stream
        /// The agent itself, in the same account.
        case function(LambdaClient.Function)
        /// A destination of CloudWatch Logs in the account that collects.
        case otherAccount
    }

    /// Why an ARN is no destination.
    public struct Problem: Error, CustomStringConvertible {
        /// What is wrong, for people.
        public var description: String
    }

    /// The whole ARN.
    public let arn: String
    /// The region, which must be that of the log groups.
    public let region: String
    /// The account that it belongs to.
    public let account: String
    /// For example `aws` or `aws-cn`.
    public let partition: String
    /// What stands there.
    public let kind: Kind

    /// Reads an ARN.
    public init(arn: String) throws(Problem) {
        let parts = arn.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count >= 6, parts[0] == "arn", !parts[3].isEmpty, !parts[4].isEmpty else {
            throw Problem(
                description: "\(arn) is no ARN of a destination, for example "
                    + "arn:aws:kinesis:eu-central-1:123456789012:stream/metertap")
        }
        self.arn = arn
        (partition, region, account) = (parts[1], parts[3], parts[4])
        switch parts[2] {
        case "kinesis" where parts[5].hasPrefix("stream/"): kind = .stream
        case "lambda":
            guard let function = LambdaClient.Function(arn: arn) else {
                throw Problem(description: "\(arn) is no ARN of a Lambda function")
            }
            kind = .function(function)
        case "logs" where parts[5] == "destination": kind = .otherAccount
        case "firehose":
            throw Problem(
                description: "\(arn) is a Firehose stream, which the agent does not read; use a Kinesis stream, or the "
                    + "agent itself")
        default:
            throw Problem(
                description:
                    "\(arn) is neither a Kinesis stream, a Lambda function nor a destination of another account")
        }
    }
}
