public import AWS
public import Attachment
public import HTTP

/// Reads a set-up: from the log groups along their filters to the stream, the agent and the sink.
///
/// It changes nothing. What it may not read becomes a finding, never silence.
public struct Examiner: Sendable {
    /// What is looked at.
    public struct Question: Sendable {
        /// The log groups; nothing selects those that have a filter of ours.
        public var selection: Selection
        /// The name of our filters.
        public var filterName: String
        /// The tags besides the agent's own.
        public var tags: [String]
        /// How many calls of CloudWatch Logs of a kind to make in a second.
        public var callsPerSecond: Int

        /// Asks about log groups.
        public init(
            selection: Selection, filterName: String = Wish.defaultFilterName, tags: [String] = [],
            callsPerSecond: Int = Attacher.defaultCallsPerSecond
        ) {
            self.selection = selection
            self.filterName = filterName
            self.tags = tags
            self.callsPerSecond = callsPerSecond
        }
    }

    /// Reads what a platform tells of log groups.
    public typealias PlatformReader = @Sendable ([CloudWatchLogsClient.LogGroup]) async -> Reading<ExaminedPlatform>

    let question: Question
    let session: AWSSession
    let region: String?
    let clocks: Clocks
    let platform: PlatformReader?

    /// Makes an examiner.
    ///
    /// - Parameters:
    ///   - region: the region of the log groups; nil for the session's.
    ///   - platform: reads the platform that counts the records; nil where there is none.
    public init(
        _ question: Question, session: AWSSession, region: String? = nil, platform: PlatformReader? = nil,
        clocks: Clocks = .system
    ) {
        self.question = question
        self.session = session
        self.region = region
        self.platform = platform
        self.clocks = clocks
    }

    /// Reads everything, in the order in which one thing leads to the next.
    public func examine() async -> SetUp {
        let now = clocks.wall().milliseconds
        var setUp = SetUp(now: now, tags: question.tags, filterName: question.filterName)
        await examineCaller(&setUp)
        guard setUp.caller.error == nil else { return setUp }
        await examineLogGroups(&setUp)
        await examineStreams(&setUp)
        await examineFunctions(&setUp)
        await examineDeliveries(&setUp)
        await examineWaiting(&setUp)
        await examinePlatform(&setUp)
        await examineOwnLogs(&setUp)
        await examineEvents(&setUp)
        return setUp
    }
}
