public import AWS
public import Delivery
public import HTTP
import Synchronization

/// Says that no new work is to be begun.
final class StopSignal: Sendable {
    private let flag = Atomic<Bool>(false)

    var isSet: Bool { flag.load(ordering: .relaxed) }

    func set() { flag.store(true, ordering: .relaxed) }
}

/// Reads the log groups of many connections from CloudWatch Logs, and delivers what the agent would have delivered.
///
/// A connection has a task of its own. It goes on reading while others fail or wait.
public struct Collector: Sendable {
    /// What a collector is told.
    public struct Settings: Sendable {
        /// The connections; no two of the same name.
        public var connections: [Connection]
        /// How long a connection pauses between rounds, in milliseconds.
        public var interval: Int64
        /// When what is settled is read again, by its age in milliseconds.
        public var sweeps: [Int64]
        /// The directory that remembers what was delivered.
        public var state: String
        /// What the memory is about; nil for the address of the sink.
        public var sinkName: String?
        /// Where records go, and with which tags.
        public var agent: AgentSettings

        /// Ten seconds; one hour, one day, and fourteen days and two hours.
        public init(
            connections: [Connection], state: String, sinkName: String? = nil, agent: AgentSettings,
            interval: Int64 = 10_000,
            sweeps: [Int64] = Collector.standardSweeps
        ) {
            self.connections = connections
            self.state = state
            self.sinkName = sinkName
            self.agent = agent
            self.interval = interval
            self.sweeps = sweeps
        }
    }

    /// The ages of the sweeps, unless told otherwise: one hour, one day, and fourteen days and two hours.
    ///
    /// CloudWatch Logs takes events that are up to 14 days old.
    public static let standardSweeps: [Int64] = Passes.standardSweeps

    private let connections: [ConnectionCollector]
    private let interval: Int64
    private let clocks: Clocks
    private let stopSignal = StopSignal()

    /// Prepares the connections; nothing is called yet but for the secrets of the sink.
    ///
    /// - Parameters:
    ///   - session: calls CloudWatch Logs and STS. Its calls should be tried once, for the collector itself knows when to
    ///     try again.
    ///   - sinkSession: calls the sink.
    /// - Throws: `SettingError`, `InvalidTag`, `AWSError`, `CollectorState.Problem`.
    public init(
        settings: Settings, session: AWSSession, sinkSession: AWSSession, transport: any HTTPTransport,
        clocks: Clocks = .system
    ) async throws {
        let delivery = try await FindingDelivery(
            settings: settings.agent, session: sinkSession, transport: transport)
        let shared = ConnectionCollector.Shared(
            state: try CollectorState(directory: settings.state, sinkName: settings.sinkName ?? delivery.sinkName),
            limits: RateLimits(clocks: clocks), clocks: clocks, sweeps: settings.sweeps,
            interval: settings.interval, stop: stopSignal)
        self.clocks = clocks
        interval = settings.interval
        var connections: [ConnectionCollector] = []
        for connection in settings.connections {
            let own =
                if let role = connection.roleARN {
                    try session.assuming(roleARN: role, externalID: connection.externalID)
                } else { session }
            connections.append(
                try ConnectionCollector(
                    connection, session: own, delivery: delivery, tags: settings.agent.tags,
                    allowMissingCustomer: settings.agent.allowMissingCustomer, shared: shared))
        }
        self.connections = connections
    }

    /// Reads until it is stopped or cancelled.
    public func run() async {
        await withTaskGroup { group in
            for (index, connection) in connections.enumerated() {
                // Not all at once, so that calls are spread over the interval.
                let offset = interval * Int64(index) / Int64(connections.count)
                group.addTask { await follow(connection, after: offset) }
            }
        }
    }

    /// Lets each connection end the round that it is in.
    public func stop() { stopSignal.set() }

    /// Runs one round of every connection, and as many more as are due already.
    public func catchUp() async {
        await withTaskGroup { group in
            for connection in connections {
                group.addTask { while await connection.round(), !Task.isCancelled {} }
            }
        }
    }

    /// How the connections do, in their order.
    public func statuses() async -> [ConnectionStatus] {
        var statuses: [ConnectionStatus] = []
        for connection in connections { statuses.append(await connection.status()) }
        return statuses
    }

    private func follow(_ connection: ConnectionCollector, after offset: Int64) async {
        try? await clocks.sleep(.milliseconds(offset))
        while !stopSignal.isSet, !Task.isCancelled {
            let start = clocks.now()
            let hasMore = await connection.round()
            if hasMore { continue }
            await pause(.milliseconds(interval) - start.duration(to: clocks.now()))
        }
    }

    /// Waits in steps, so that a stop is seen soon.
    private func pause(_ duration: Duration) async {
        let end = clocks.now().advanced(by: duration)
        while !stopSignal.isSet, !Task.isCancelled {
            let left = clocks.now().duration(to: end)
            guard left > .zero else { return }
            try? await clocks.sleep(min(left, .milliseconds(250)))
        }
    }
}
