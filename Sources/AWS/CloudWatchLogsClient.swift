import FoundationEssentials
import HTTP
import HTTPTypes

/// CloudWatch Logs: which log groups there are, and what is in them.
///
/// https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/
public struct CloudWatchLogsClient: Sendable {
    /// A log group.
    public struct LogGroup: Sendable, Hashable, Decodable {
        /// The name, for example `/app/shop`.
        public var name: String
        /// The ARN, which tells the account.
        public var arn: String
        /// For how many days log events are kept; nil for ever.
        public var retentionInDays: Int?
        /// The class, for example `STANDARD`; nil where the service does not say.
        public var logGroupClass: String?
        /// When it was made, in milliseconds since 1970; nil where the service does not say.
        ///
        /// It tells a log group from an earlier one of the same name.
        public var creationTime: Int64?
        /// Whether it has a data protection policy of its own, for example `ACTIVATED`; nil where it never had one.
        public var dataProtectionStatus: String?
        /// What it has from the account, for example `ACCOUNT_DATA_PROTECTION`.
        public var inheritedProperties: [String]?
        /// How many metric filters it has; nil where the service does not say.
        public var metricFilterCount: Int?

        enum CodingKeys: String, CodingKey {
            case name = "logGroupName"
            case arn, retentionInDays, logGroupClass, creationTime, dataProtectionStatus, inheritedProperties
            case metricFilterCount
        }

        /// Describes a log group.
        public init(
            name: String, arn: String, retentionInDays: Int? = nil, logGroupClass: String? = nil,
            creationTime: Int64? = nil, dataProtectionStatus: String? = nil, inheritedProperties: [String]? = nil,
            metricFilterCount: Int? = nil
        ) {
            self.name = name
            self.arn = arn
            self.retentionInDays = retentionInDays
            self.logGroupClass = logGroupClass
            self.creationTime = creationTime
            self.dataProtectionStatus = dataProtectionStatus
            self.inheritedProperties = inheritedProperties
            self.metricFilterCount = metricFilterCount
        }

        /// Whether FilterLogEvents can read it; the other classes cannot be read but by an export.
        ///
        /// They have no subscription filters either.
        public var isReadable: Bool { logGroupClass != "INFREQUENT_ACCESS" && logGroupClass != "DELIVERY" }

        /// The name of a log group that is given by its name or by its ARN, with or without `:*` at its end.
        ///
        /// No name has a colon in it.
        public static func name(of nameOrARN: String) -> String {
            let parts = nameOrARN.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 7 || parts.count == 8 && parts[7] == "*", parts[0] == "arn", parts[2] == "logs",
                parts[5] == "log-group"
            else { return nameOrARN }
            return String(parts[6])
        }

        /// Whether it is the log group of a name, or of an ARN with or without `:*` at its end.
        public func isNamed(_ nameOrARN: String) -> Bool {
            // Bytes, for Swift calls canonically equivalent names equal.
            let isOfName = name.utf8.elementsEqual(Self.name(of: nameOrARN).utf8)
            guard isOfName, !name.utf8.elementsEqual(nameOrARN.utf8) else { return isOfName }
            return nameOrARN.split(separator: ":").prefix(5) == arn.split(separator: ":").prefix(5)
        }

        /// The account that the log group belongs to, which need not be the caller's; empty when the ARN is none.
        public var account: String {
            let parts = arn.split(separator: ":", omittingEmptySubsequences: false)
            return parts.count > 4 && parts[0] == "arn" ? String(parts[4]) : ""
        }
    }

    /// Which log events of a log group are asked for.
    public struct EventQuery: Sendable {
        /// The log group's name.
        public var logGroup: String
        /// The log events' times in milliseconds since 1970; not empty.
        public var times: Range<Int64>
        /// What CloudWatch Logs looks for in the messages; nil for everything.
        public var pattern: String?
        /// Where an earlier answer ended.
        public var token: String?
        /// Whether the latest come first; only for times from 2024 on.
        public var latestFirst = false
        /// The most log events of one page; nil for 10,000.
        public var limit: Int?

        /// Asks for the log events of a range of time.
        public init(logGroup: String, times: Range<Int64>, pattern: String? = nil, token: String? = nil) {
            self.logGroup = logGroup
            self.times = times
            self.pattern = pattern
            self.token = token
        }
    }

    private let caller: ServiceCaller
    /// The region that is called.
    public var region: String { caller.region }

    /// Makes a client.
    ///
    /// - Parameter region: the region to call; nil for the session's.
    /// - Throws: `AWSError` when no region is known.
    public init(_ session: AWSSession, region: String? = nil) throws(AWSError) {
        caller = try ServiceCaller(.cloudWatchLogs, region: region, session: session)
    }

    /// The log groups whose names begin so, sorted by name as the service does.
    public func logGroups(prefix: String) async throws(AWSError) -> [LogGroup] {
        try await items(of: Self.listing, prefix) { token throws(AWSError) in
            try await describe(prefix: prefix, token: token)
        }
    }

    /// One log group by its whole name or its ARN.
    ///
    /// - Throws: `AWSError` of the kind `configuration` when there is none in this account and region.
    public func logGroup(named name: String) async throws(AWSError) -> LogGroup {
        let prefix = LogGroup.name(of: name)
        let groups = try await items(of: Self.listing, name, until: { $0.isNamed(name) }) { token throws(AWSError) in
            try await describe(prefix: prefix, token: token)
        }
        if let group = groups.last, group.isNamed(name) { return group }
        throw AWSError(
            kind: .configuration, code: "ResourceNotFoundException",
            message:
                "There is no log group of this name in the region \(caller.region). Check the name, AWS_REGION and "
                + "the account of the credentials.", operation: Self.listing, resource: name)
    }

    private static let listing = "CloudWatch Logs DescribeLogGroups"

    private struct GroupPage: Decodable {
        var groups: [LogGroup]?
        var token: String?

        enum CodingKeys: String, CodingKey {
            case groups = "logGroups"
            case token = "nextToken"
        }
    }

    private func describe(
        prefix: String, token: String?
    ) async throws(AWSError) -> (items: [LogGroup], token: String?) {
        struct Input: Encodable {
            var logGroupNamePrefix: String?
            var nextToken: String?
        }
        // The service refuses an empty prefix.
        let input = Input(logGroupNamePrefix: prefix.isEmpty ? nil : prefix, nextToken: token)
        let body = try await call("DescribeLogGroups", input, resource: prefix)
        guard let page = try? JSONDecoder().decode(GroupPage.self, from: Data(body)) else {
            throw .malformed(Self.listing, prefix, what: "is no list of log groups")
        }
        return (page.groups ?? [], page.token)
    }

    /// One page of log events, as the service answers: at most 10,000 events and about 1 MB.
    ///
    /// The bytes are handed on as they are, since whoever reads them must decode a message as in every other envelope. A
    /// page may be empty and still have a `nextToken`, and an event may come after others of a later time.
    public func filterLogEvents(_ query: EventQuery) async throws(AWSError) -> [UInt8] {
        struct Input: Encodable {
            var logGroupName: String
            var startTime: Int64
            var endTime: Int64
            var filterPattern: String?
            var nextToken: String?
            var startFromHead: Bool?
            var limit: Int?
        }
        let input = Input(
            // The service's end is inclusive.
            logGroupName: query.logGroup, startTime: query.times.lowerBound, endTime: query.times.upperBound - 1,
            filterPattern: query.pattern, nextToken: query.token, startFromHead: query.latestFirst ? false : nil,
            limit: query.limit)
        return try await call("FilterLogEvents", input, resource: query.logGroup)
    }

    func call(
        _ operation: String, _ input: some Encodable, resource: String
    ) async throws(AWSError) -> [UInt8] {
        try await caller.sendJSON(operation, input, target: "Logs_20140328", resource: resource)
    }
}
