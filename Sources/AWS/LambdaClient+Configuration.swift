import FoundationEssentials
import HTTP
import HTTPTypes

/// How functions and their event source mappings are set up, and calls of a function.
extension LambdaClient {
    /// What feeds a function from a stream.
    ///
    /// https://docs.aws.amazon.com/lambda/latest/api/API_EventSourceMappingConfiguration.html
    public struct Mapping: Sendable, Hashable, Decodable {
        /// The id.
        public var id: String
        /// The function, with a version or alias where the mapping names one.
        public var functionARN: String?
        /// `Creating`, `Enabling`, `Enabled`, `Disabling`, `Disabled`, `Updating` or `Deleting`.
        public var state: String?
        /// Who or what brought it into this state.
        public var stateReason: String?
        /// What became of the last batch: `OK`, `No records processed`, or `PROBLEM: …`.
        public var lastResult: String?
        /// Where reading began: `TRIM_HORIZON`, `LATEST` or `AT_TIMESTAMP`.
        public var start: String?
        /// When a record is given up, in seconds; -1 for never.
        public var maximumRecordAge: Int?
        /// How often a batch is tried again; -1 for as long as its records are kept.
        public var maximumRetries: Int?
        /// Whether a batch that fails is tried again in halves.
        public var bisects: Bool?
        /// Whether the function says itself from which record on a batch is to come again.
        public var reportsFailures: Bool { responseTypes.contains("ReportBatchItemFailures") }
        /// Where batches go that are given up, as an ARN; nil for nowhere.
        public var failureDestination: String?
        /// How many filters there are, of which a record must match one.
        public var filters: Int

        private var responseTypes: [String]

        /// Describes a mapping.
        package init(
            id: String, functionARN: String?, state: String? = "Enabled", stateReason: String? = nil,
            lastResult: String? = nil, start: String? = "TRIM_HORIZON", maximumRecordAge: Int? = -1,
            maximumRetries: Int? = -1, bisects: Bool? = true, reportsFailures: Bool = true,
            failureDestination: String? = nil, filters: Int = 0
        ) {
            self.id = id
            self.functionARN = functionARN
            self.state = state
            self.stateReason = stateReason
            self.lastResult = lastResult
            self.start = start
            self.maximumRecordAge = maximumRecordAge
            self.maximumRetries = maximumRetries
            self.bisects = bisects
            self.failureDestination = failureDestination
            self.filters = filters
            responseTypes = reportsFailures ? ["ReportBatchItemFailures"] : []
        }

        private enum CodingKeys: String, CodingKey {
            case id = "UUID"
            case functionARN = "FunctionArn"
            case state = "State"
            case stateReason = "StateTransitionReason"
            case lastResult = "LastProcessingResult"
            case start = "StartingPosition"
            case maximumRecordAge = "MaximumRecordAgeInSeconds"
            case maximumRetries = "MaximumRetryAttempts"
            case bisects = "BisectBatchOnFunctionError"
            case responseTypes = "FunctionResponseTypes"
            case destinations = "DestinationConfig"
            case filterCriteria = "FilterCriteria"
        }

        private struct FilterCriteria: Decodable {
            struct Filter: Decodable {}

            var filters: [Filter]?

            enum CodingKeys: String, CodingKey { case filters = "Filters" }
        }

        /// Reads what ListEventSourceMappings says of one.
        public init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            id = try values.decodeIfPresent(String.self, forKey: .id) ?? ""
            functionARN = try values.decodeIfPresent(String.self, forKey: .functionARN)
            state = try values.decodeIfPresent(String.self, forKey: .state)
            stateReason = try values.decodeIfPresent(String.self, forKey: .stateReason)
            lastResult = try values.decodeIfPresent(String.self, forKey: .lastResult)
            start = try values.decodeIfPresent(String.self, forKey: .start)
            maximumRecordAge = try values.decodeIfPresent(Int.self, forKey: .maximumRecordAge)
            maximumRetries = try values.decodeIfPresent(Int.self, forKey: .maximumRetries)
            bisects = try values.decodeIfPresent(Bool.self, forKey: .bisects)
            responseTypes = try values.decodeIfPresent([String].self, forKey: .responseTypes) ?? []
            failureDestination = try values.decodeIfPresent(Destinations.self, forKey: .destinations)?.onFailure
            filters = try values.decodeIfPresent(FilterCriteria.self, forKey: .filterCriteria)?.filters?.count ?? 0
        }
    }

    /// Where Lambda sends what it gives up.
    private struct Destinations: Decodable {
        struct Destination: Decodable {
            var destination: String?

            enum CodingKeys: String, CodingKey { case destination = "Destination" }
        }

        var failure: Destination?
        /// The ARN; nil for nowhere.
        var onFailure: String? { failure?.destination.flatMap { $0.isEmpty ? nil : $0 } }

        enum CodingKeys: String, CodingKey { case failure = "OnFailure" }
    }

    /// How a function is set up.
    ///
    /// https://docs.aws.amazon.com/lambda/latest/api/API_FunctionConfiguration.html
    public struct Configuration: Sendable, Hashable {
        /// The role's ARN.
        public var role: String?
        /// The seconds that an invocation may take.
        public var timeout: Int?
        /// The memory in MB.
        public var memory: Int?
        /// `Pending`, `Active`, `Inactive` or `Failed`; nil where the service does not say.
        public var state: String?
        /// Why it is in this state.
        public var stateReason: String?
        /// What became of the last change: `Successful`, `Failed` or `InProgress`.
        public var lastUpdate: String?
        /// Why the last change failed.
        public var lastUpdateReason: String?
        /// The log group that it writes to; nil for the one named after it.
        public var logGroup: String?
        /// The variables.
        public var environment: [String: String]
        /// Why the variables cannot be read, by Lambda itself or by the caller.
        public var environmentError: String?

        /// Describes a function.
        package init(
            role: String? = nil, timeout: Int? = 60, memory: Int? = 512, state: String? = "Active",
            stateReason: String? = nil, lastUpdate: String? = "Successful", lastUpdateReason: String? = nil,
            logGroup: String? = nil, environment: [String: String] = [:], environmentError: String? = nil
        ) {
            self.role = role
            self.timeout = timeout
            self.memory = memory
            self.state = state
            self.stateReason = stateReason
            self.lastUpdate = lastUpdate
            self.lastUpdateReason = lastUpdateReason
            self.logGroup = logGroup
            self.environment = environment
            self.environmentError = environmentError
        }
    }

    /// What Lambda does with events that nobody waits for, such as those of CloudWatch Logs.
    ///
    /// https://docs.aws.amazon.com/lambda/latest/api/API_GetFunctionEventInvokeConfig.html
    public struct AsynchronousCalls: Sendable, Hashable {
        /// Where events go that are given up, as an ARN; nil for nowhere.
        public var failureDestination: String?

        /// Describes what is done; by default what Lambda does where nothing is set.
        public init(failureDestination: String? = nil) {
            self.failureDestination = failureDestination
        }
    }

    /// What a call of a function answered.
    public struct Answer: Sendable, Hashable {
        /// What the function answered, or of what kind its error is.
        public var payload: [UInt8]
        /// `Handled` or `Unhandled` when the function failed.
        public var functionError: String?
    }

    /// The event source mappings of a stream.
    public func mappings(of streamARN: String) async throws(AWSError) -> [Mapping] {
        struct Page: Decodable {
            var mappings: [Mapping]?
            var nextMarker: String?

            enum CodingKeys: String, CodingKey {
                case mappings = "EventSourceMappings"
                case nextMarker = "NextMarker"
            }
        }
        return try await items(of: "Lambda ListEventSourceMappings", streamARN) { marker throws(AWSError) in
            var query = [("EventSourceArn", streamARN)]
            if let marker { query.append(("Marker", marker)) }
            let path = "/2015-03-31/event-source-mappings?" + PercentEncoding.query(query)
            let page: Page = try await get("ListEventSourceMappings", path, resource: streamARN)
            return (page.mappings ?? [], page.nextMarker)
        }
    }

    /// How a function is set up (GetFunctionConfiguration); its variables may hold secrets.
    ///
    /// - Throws: `AWSError` with the code `ResourceNotFoundException` when there is none.
    public func configuration(of function: Function) async throws(AWSError) -> Configuration {
        struct Output: Decodable {
            struct Logging: Decodable {
                var logGroup: String?

                enum CodingKeys: String, CodingKey { case logGroup = "LogGroup" }
            }

            struct Environment: Decodable {
                struct Problem: Decodable {
                    var code: String?
                    var message: String?

                    enum CodingKeys: String, CodingKey {
                        case code = "ErrorCode"
                        case message = "Message"
                    }
                }

                var variables: [String: String]?
                var problem: Problem?

                enum CodingKeys: String, CodingKey {
                    case variables = "Variables"
                    case problem = "Error"
                }
            }

            var role: String?
            var timeout: Int?
            var memory: Int?
            var state: String?
            var stateReason: String?
            var lastUpdate: String?
            var lastUpdateReason: String?
            var logging: Logging?
            var environment: Environment?

            enum CodingKeys: String, CodingKey {
                case role = "Role"
                case timeout = "Timeout"
                case memory = "MemorySize"
                case state = "State"
                case stateReason = "StateReason"
                case lastUpdate = "LastUpdateStatus"
                case lastUpdateReason = "LastUpdateStatusReason"
                case logging = "LoggingConfig"
                case environment = "Environment"
            }
        }
        let output: Output = try await get(
            "GetFunctionConfiguration", path(function, "configuration"), resource: function.name)
        let problem = output.environment?.problem
        return Configuration(
            role: output.role, timeout: output.timeout, memory: output.memory, state: output.state,
            stateReason: output.stateReason, lastUpdate: output.lastUpdate, lastUpdateReason: output.lastUpdateReason,
            logGroup: output.logging?.logGroup, environment: output.environment?.variables ?? [:],
            environmentError: problem.map { $0.message ?? $0.code ?? "without a reason" })
    }

    /// How many invocations of a function may run at the same time; nil for as many as the account has left
    /// (GetFunctionConcurrency).
    public func reservedConcurrency(of function: Function) async throws(AWSError) -> Int? {
        struct Output: Decodable {
            var reserved: Int?

            enum CodingKeys: String, CodingKey { case reserved = "ReservedConcurrentExecutions" }
        }
        // A version has none of its own.
        var whole = function
        whole.qualifier = nil
        let output: Output = try await get(
            "GetFunctionConcurrency", path(whole, "concurrency", version: "2019-09-30"), resource: function.name)
        return output.reserved
    }

    /// What is done with events that nobody waits for (GetFunctionEventInvokeConfig).
    public func asynchronousCalls(of function: Function) async throws(AWSError) -> AsynchronousCalls {
        struct Output: Decodable {
            var destinations: Destinations?

            enum CodingKeys: String, CodingKey { case destinations = "DestinationConfig" }
        }
        let output: Output
        do {
            output = try await get(
                "GetFunctionEventInvokeConfig", path(function, "event-invoke-config", version: "2019-09-25"),
                resource: function.name)
        } catch  where error.code == "ResourceNotFoundException" {
            return AsynchronousCalls()
        }
        return AsynchronousCalls(failureDestination: output.destinations?.onFailure)
    }

    /// Who may call a function besides those whose own policies say so: a policy as JSON, or nil for none (GetPolicy).
    public func policy(of function: Function) async throws(AWSError) -> String? {
        struct Output: Decodable {
            var policy: String

            enum CodingKeys: String, CodingKey { case policy = "Policy" }
        }
        do {
            let output: Output = try await get("GetPolicy", path(function, "policy"), resource: function.name)
            return output.policy
        } catch  where error.code == "ResourceNotFoundException" {
            return nil
        }
    }

    /// Calls a function and waits for its answer (Invoke).
    public func invoke(
        _ function: Function, payload: [UInt8], timeout: Duration = .seconds(60)
    ) async throws(AWSError) -> Answer {
        let response = try await caller.send(
            .init(
                operation: "Invoke", resource: function.name, method: .post, path: path(function, "invocations"),
                fields: [.contentType: "application/json"], body: payload, timeout: timeout),
            deadline: .now + timeout)
        return Answer(payload: response.body, functionError: response.head.headerFields[.functionError])
    }
}
