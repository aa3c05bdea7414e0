import FoundationEssentials

/// Subscription filters, of a log group and of the account.
extension CloudWatchLogsClient {
    /// A subscription filter of a log group, by the names that the API uses.
    public struct SubscriptionFilter: Sendable, Hashable, Codable {
        /// The name, unique in its log group.
        public var filterName: String
        /// What it hands on; empty for everything.
        public var filterPattern: String
        /// Where it hands it on to.
        public var destinationArn: String
        /// In which role; nil for Lambda and for a destination of another account.
        public var roleArn: String?
        /// `Random` or `ByLogStream`; nil leaves it to the service.
        public var distribution: String?
        /// Whether it looks at log events after a transformer changed them.
        public var applyOnTransformedLogs: Bool?
        /// Which accounts and regions it looks at; nil or empty for all.
        public var fieldSelectionCriteria: String?
        /// Which fields of the service's own come with each log event, for example `@aws.account`; nil or empty for none.
        ///
        /// They tell where a centralized log event was copied from.
        public var emitSystemFields: [String]?

        /// Describes a filter.
        public init(
            filterName: String, filterPattern: String, destinationArn: String, roleArn: String? = nil,
            distribution: String? = nil, applyOnTransformedLogs: Bool? = nil, fieldSelectionCriteria: String? = nil,
            emitSystemFields: [String]? = nil
        ) {
            self.filterName = filterName
            self.filterPattern = filterPattern
            self.destinationArn = destinationArn
            self.roleArn = roleArn
            self.distribution = distribution
            self.applyOnTransformedLogs = applyOnTransformedLogs
            self.fieldSelectionCriteria = fieldSelectionCriteria
            self.emitSystemFields = emitSystemFields
        }
    }

    /// A policy that gives every log group of the account and region a subscription filter.
    public struct SubscriptionPolicy: Sendable, Hashable {
        /// What the policy's document says.
        public struct Document: Sendable, Hashable, Codable {
            /// Where log events go.
            public var destinationArn: String
            /// In which role; nil for Lambda and for a destination of another account.
            public var roleArn: String?
            /// What is handed on; nil for everything.
            public var filterPattern: String?
            /// `Random` or `ByLogStream`.
            public var distribution: String?

            enum CodingKeys: String, CodingKey {
                case destinationArn = "DestinationArn"
                case roleArn = "RoleArn"
                case filterPattern = "FilterPattern"
                case distribution = "Distribution"
            }

            /// Describes what is handed on.
            public init(
                destinationArn: String, roleArn: String? = nil, filterPattern: String? = nil,
                distribution: String? = nil
            ) {
                self.destinationArn = destinationArn
                self.roleArn = roleArn
                self.filterPattern = filterPattern
                self.distribution = distribution
            }
        }

        /// The name.
        public var name: String
        /// What it says; nil where the document is not of this form.
        public var document: Document?
        /// Which log groups it leaves out, for example `LogGroupName NOT IN ["a"]`; nil for none.
        public var selectionCriteria: String?

        /// Describes a policy.
        public init(name: String, document: Document?, selectionCriteria: String? = nil) {
            self.name = name
            self.document = document
            self.selectionCriteria = selectionCriteria
        }
    }

    private struct FilterInput: Encodable {
        var logGroupName: String
        var filterName: String?
        var filterPattern: String?
        var destinationArn: String?
        var roleArn: String?
        var distribution: String?
        var nextToken: String?
    }

    /// The subscription filters of a log group.
    ///
    /// - Throws: `AWSError` with the code `ResourceNotFoundException` when there is no such log group.
    public func subscriptionFilters(of logGroup: String) async throws(AWSError) -> [SubscriptionFilter] {
        struct Page: Decodable {
            var subscriptionFilters: [SubscriptionFilter]?
            var nextToken: String?
        }
        let operation = "CloudWatch Logs DescribeSubscriptionFilters"
        return try await items(of: operation, logGroup) { token throws(AWSError) in
            let input = FilterInput(logGroupName: logGroup, nextToken: token)
            let body = try await call("DescribeSubscriptionFilters", input, resource: logGroup)
            guard let page = try? JSONDecoder().decode(Page.self, from: Data(body)) else {
                throw AWSError.malformed(operation, logGroup, what: "is no list of subscription filters")
            }
            return (page.subscriptionFilters ?? [], page.nextToken)
        }
    }

    /// The patterns of a log group's metric filters.
    ///
    /// They count toward the filters with a regular expression that a log group takes.
    /// - Throws: `AWSError` with the code `ResourceNotFoundException` when there is no such log group.
    public func metricFilterPatterns(of logGroup: String) async throws(AWSError) -> [String] {
        struct Page: Decodable {
            struct Filter: Decodable {
                var filterPattern: String?
            }

            var metricFilters: [Filter]?
            var nextToken: String?
        }
        let operation = "CloudWatch Logs DescribeMetricFilters"
        return try await items(of: operation, logGroup) { token throws(AWSError) in
            let input = FilterInput(logGroupName: logGroup, nextToken: token)
            let body = try await call("DescribeMetricFilters", input, resource: logGroup)
            guard let page = try? JSONDecoder().decode(Page.self, from: Data(body)) else {
                throw AWSError.malformed(operation, logGroup, what: "is no list of metric filters")
            }
            return ((page.metricFilters ?? []).map { $0.filterPattern ?? "" }, page.nextToken)
        }
    }

    /// Makes a subscription filter, or changes the one of the same name.
    ///
    /// What the filter says of transformed logs and of field selection is not sent, so that both are as the service has
    /// them by default: the log events as they were logged, and all of them.
    /// - Throws: `AWSError` with the code `LimitExceededException` when the log group takes no further filter, or, as is
    ///   reported, when there were too many calls.
    public func put(_ filter: SubscriptionFilter, on logGroup: String) async throws(AWSError) {
        let input = FilterInput(
            logGroupName: logGroup, filterName: filter.filterName, filterPattern: filter.filterPattern,
            destinationArn: filter.destinationArn, roleArn: filter.roleArn, distribution: filter.distribution)
        _ = try await call("PutSubscriptionFilter", input, resource: logGroup)
    }

    /// Deletes a subscription filter.
    public func deleteSubscriptionFilter(named name: String, of logGroup: String) async throws(AWSError) {
        let input = FilterInput(logGroupName: logGroup, filterName: name)
        _ = try await call("DeleteSubscriptionFilter", input, resource: logGroup)
    }

    private struct PolicyInput: Encodable {
        var policyType = "SUBSCRIPTION_FILTER_POLICY"
        var policyName: String?
        var policyDocument: String?
        var scope: String?
        var selectionCriteria: String?
        var nextToken: String?
    }

    /// The account's subscription policies in this region; the service takes one.
    public func subscriptionPolicies() async throws(AWSError) -> [SubscriptionPolicy] {
        struct Page: Decodable {
            struct Policy: Decodable {
                var policyName: String
                var policyDocument: String?
                var selectionCriteria: String?
            }

            var accountPolicies: [Policy]?
            var nextToken: String?
        }
        let operation = "CloudWatch Logs DescribeAccountPolicies"
        return try await items(of: operation) { token throws(AWSError) in
            let body = try await call("DescribeAccountPolicies", PolicyInput(nextToken: token), resource: "the account")
            guard let page = try? JSONDecoder().decode(Page.self, from: Data(body)) else {
                throw AWSError.malformed(operation, what: "is no list of policies")
            }
            let policies = (page.accountPolicies ?? []).map { policy in
                SubscriptionPolicy(
                    name: policy.policyName,
                    document: policy.policyDocument.flatMap {
                        try? JSONDecoder().decode(SubscriptionPolicy.Document.self, from: Data($0.utf8))
                    }, selectionCriteria: policy.selectionCriteria)
            }
            return (policies, page.nextToken)
        }
    }

    /// Makes the account's subscription policy, or changes the one of the same name.
    public func put(_ policy: SubscriptionPolicy) async throws(AWSError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let document = policy.document, let data = try? encoder.encode(document) else {
            throw .configuration("InvalidRequest", "The policy has no document.", operation: "PutAccountPolicy")
        }
        let input = PolicyInput(
            policyName: policy.name, policyDocument: String(decoding: data, as: UTF8.self), scope: "ALL",
            selectionCriteria: policy.selectionCriteria)
        _ = try await call("PutAccountPolicy", input, resource: policy.name)
    }

    /// Deletes the account's subscription policy of a name.
    public func deleteSubscriptionPolicy(named name: String) async throws(AWSError) {
        _ = try await call("DeleteAccountPolicy", PolicyInput(policyName: name), resource: name)
    }
}
