public import AWS
public import Delivery

/// What was read of a function that is the agent, or that reads its stream.
public struct ExaminedFunction: Sendable, Hashable {
    /// The ARN, with a version or alias where one is called.
    public var arn: String
    /// Whether a subscription filter calls it, without a stream.
    public var isCalledByLogs = false
    /// How it is set up; of its variables those of the agent, and none that is a secret.
    public var configuration: Reading<LambdaClient.Configuration> = .notAsked
    /// How many invocations may run at the same time; nil for any number.
    public var reservedConcurrency: Reading<Int?> = .notAsked
    /// Who may call it, as JSON; nil where there is no policy.
    ///
    /// Asked where a subscription filter calls it.
    public var policy: Reading<String?> = .notAsked
    /// What becomes of events that fail, where a subscription filter calls it.
    public var asynchronousCalls: Reading<LambdaClient.AsynchronousCalls> = .notAsked
    /// What CloudWatch measured of it.
    public var figures: Reading<Figures> = .notAsked
    /// The most memory that an invocation took of late, in MB; nil where its log does not say.
    public var mostMemory: Reading<Int?> = .notAsked
    /// What its role may not do, of that which Lambda does in it.
    public var refusals: Reading<[Refusal]> = .notAsked
    /// What it answers when it is asked whether it could deliver.
    public var probe: Reading<Probe> = .notAsked

    /// What CloudWatch measured of a function in a day, and in the last hour of it.
    public struct Figures: Sendable, Hashable {
        /// How often it was called.
        public var invocations: Double
        /// How often it failed.
        public var errors: Double
        /// How often a call was refused, since too many ran already.
        public var throttles: Double
        /// How long the longest invocation took, in milliseconds.
        public var longest: Double
        /// How many events were given up, of those that nobody waits for.
        public var dropped: Double
        /// How often it was called in the last hour.
        public var recentInvocations: Double
        /// How often it failed in the last hour.
        public var recentErrors: Double
        /// How old the last record of an invocation was, in milliseconds, by the latest minutes in which it ran.
        public var recentAges: [Double]

        /// Tells figures.
        public init(
            invocations: Double = 0, errors: Double = 0, throttles: Double = 0, longest: Double = 0,
            dropped: Double = 0, recentInvocations: Double = 0, recentErrors: Double = 0, recentAges: [Double] = []
        ) {
            self.invocations = invocations
            self.errors = errors
            self.throttles = throttles
            self.longest = longest
            self.dropped = dropped
            self.recentInvocations = recentInvocations
            self.recentErrors = recentErrors
            self.recentAges = recentAges
        }
    }

    /// An action that a role's policies do not allow.
    public struct Refusal: Sendable, Hashable {
        /// For example `kinesis:GetRecords`.
        public var action: String
        /// An ARN.
        public var resource: String

        /// Describes a refusal.
        public init(action: String, resource: String) {
            self.action = action
            self.resource = resource
        }
    }

    /// What the agent says of the places where it writes, or why it says nothing.
    public enum Probe: Sendable, Hashable {
        /// It answered.
        case answered(ProbeAnswer)
        /// It is older than the question.
        case isOlder
        /// It failed: the kind of the error and its message.
        case failed(String)
    }

    /// What the agent answered.
    public struct ProbeAnswer: Sendable, Hashable, Decodable {
        /// A place where it writes.
        public struct Place: Sendable, Hashable, Decodable {
            /// A bucket, a directory or an API.
            public var url: String
            /// Whether it would take something.
            public var writable: Bool
            /// Why not.
            public var error: String?
            /// `transient` when it may later.
            public var errorKind: String?

            /// Describes a place.
            public init(url: String, writable: Bool, error: String? = nil, errorKind: String? = nil) {
                self.url = url
                self.writable = writable
                self.error = error
                self.errorKind = errorKind
            }
        }

        /// Its version.
        public var version: String
        /// Where records go.
        public var sink: Place
        /// Where rejects go.
        public var rejects: Place
        /// Where manifests go; nil where records tell their log events themselves.
        public var manifest: Place?

        /// Describes an answer.
        public init(version: String, sink: Place, rejects: Place, manifest: Place? = nil) {
            self.version = version
            self.sink = sink
            self.rejects = rejects
            self.manifest = manifest
        }
    }

    /// The name, without the account.
    public var name: String { LambdaClient.Function(arn: arn)?.name ?? arn }

    /// Whether it is set up as an agent is: any of the agent's variables is there.
    var hasAgentVariables: Bool { configuration.value.map { !$0.environment.isEmpty } ?? false }

    /// What the agent makes of its variables; nil when they could not be read.
    public var settings: Result<AgentSettings, SettingError>? {
        guard let configuration = configuration.value, configuration.environmentError == nil else { return nil }
        do throws(SettingError) {
            return .success(try AgentSettings(environment: configuration.environment))
        } catch {
            return .failure(error)
        }
    }

    /// Nothing but the function's name is known yet.
    public init(arn: String) {
        self.arn = arn
    }
}
