import AWS
import Delivery
import FilterPattern
import HTTP
import MeterLine

/// Reads the log groups of one connection, round by round. What goes wrong in it harms no other connection, and what goes
/// wrong in one log group no other one.
actor ConnectionCollector {
    /// What all connections share.
    struct Shared: Sendable {
        let state: CollectorState
        let limits: RateLimits
        let clocks: Clocks
        /// The ages of the sweeps, in milliseconds.
        let sweeps: [Int64]
        /// How long a connection pauses between rounds, in milliseconds.
        let interval: Int64
        let stop: StopSignal
    }

    /// How often new log groups are looked for.
    private static let discoveryInterval: Int64 = 300_000
    /// How often what is not needed any more is forgotten.
    private static let forgettingInterval: Int64 = 3_600_000
    /// What CloudWatch Logs takes is never older than this, with two hours to spare.
    private static let oldestEvent: Int64 = 14 * 86_400_000 + 2 * 3_600_000

    private struct Group {
        var name: String
        var id: Int64
        var reader: LogGroupReader
        var passes: Passes
        var retry = Retry()
        var problem: ConnectionStatus.Problem?
        var nextForgetting: Int64
    }

    private let connection: Connection
    private let client: CloudWatchLogsClient
    private let limit: RateLimits.Key
    private let shared: Shared
    private var delivery: FindingDelivery
    private let lineReader: LineReader
    private let pattern: String

    private var groups: [Group] = []
    private var firstGroup = 0
    private var nextDiscovery = Int64.min
    private var discoveryRetry = Retry()
    private var discoveryProblem: ConnectionStatus.Problem?
    private var deliveryRetry = Retry()
    private var deliveryProblem: ConnectionStatus.Problem?
    private var figures: ConnectionStatus

    /// - Parameter session: calls with the credentials of the connection.
    init(
        _ connection: Connection, session: AWSSession, delivery: FindingDelivery, tags: [String],
        allowMissingCustomer: Bool, shared: Shared
    ) throws {
        self.connection = connection
        self.delivery = delivery
        self.shared = shared
        client = try CloudWatchLogsClient(session, region: connection.region)
        limit = RateLimits.Key(account: connection.knownAccount, region: client.region)
        let tags = connection.tags ?? tags
        lineReader = try LineReader(tags: tags, allowMissingCustomer: allowMissingCustomer)
        pattern = FilterPattern.text(ofAny: tags)
        figures = ConnectionStatus(
            name: connection.name, account: connection.knownAccount, region: client.region)
    }

    /// Looks for new log groups if it is time, and reads of each log group what is due: one piece of each pass.
    ///
    /// - Returns: whether more is due already.
    func round() async -> Bool {
        let now = shared.clocks.wall().milliseconds
        if nextDiscovery <= now, discoveryRetry.isDue(at: now) { await discover(at: now) }
        guard deliveryRetry.isDue(at: now) else { return false }
        for index in groups.indices where groups[index].passes.follow(clock: now) { nextDiscovery = now }
        var round = Round(delivery: delivery)
        // After a round that was broken off the log group at which it was is the first one.
        let order = groups.indices.map { (firstGroup + $0) % groups.count }
        for index in order where groups[index].retry.isDue(at: now) && !shared.stop.isSet {
            await read(index, &round)
            firstGroup = round.isBroken ? index : 0
            if round.isBroken { break }
        }
        await settle(&round, at: now)
        await forget(at: now)
        guard !round.isBroken, deliveryProblem == nil else { return false }
        return groups.contains { $0.retry.isDue(at: now) && $0.passes.piece(of: 0, at: now) != nil }
    }

    /// How it does.
    func status() -> ConnectionStatus {
        let now = shared.clocks.wall().milliseconds
        var status = figures
        status.logGroups = groups.count
        status.calls = figures.passes.values.reduce(0) { $0 + $1.calls }
        status.bytes = figures.passes.values.reduce(0) { $0 + $1.bytes }
        status.problem = deliveryProblem ?? discoveryProblem ?? groups.lazy.compactMap(\.problem).first
        status.callsPerSecond = shared.limits.rate(limit)
        status.window = groups.map(\.passes.window).max() ?? 0
        if !groups.isEmpty {
            status.lag = max(0, now - (groups.map(\.passes.read).min() ?? now))
            status.settled = groups.map(\.passes.settled).min()
        }
        let isBehind = (status.lag ?? 0) > max(60_000, 3 * shared.interval)
        status.state =
            status.problem != nil
            ? .failing : groups.isEmpty ? .starting : isBehind ? .catchingUp : .following
        return status
    }

    // MARK: Log groups

    private func discover(at now: Int64) async {
        do {
            let start = try await firstTime(now)
            let found = try await matchingGroups()
            try await follow(found, from: start, at: now)
            nextDiscovery = now + Self.discoveryInterval
            discoveryRetry.succeeded()
            discoveryProblem = missing(found, at: now)
        } catch {
            discoveryRetry.failed(at: now)
            let consequence =
                groups.isEmpty
                ? "Nothing of this connection is collected; what is logged waits in CloudWatch Logs as long as it is kept there."
                : "New log groups are not found until this is mended; those that are known are read."
            discoveryProblem = Self.problem("\(error) \(consequence)", discoveryProblem, at: now)
        }
    }

    private func firstTime(_ now: Int64) async throws -> Int64 {
        let start = if case .at(let time) = connection.start { time } else { now }
        return try await shared.state.start(of: connection.name, orElse: start)
    }

    /// The log groups that are there, each once.
    private func matchingGroups() async throws(AWSError) -> [CloudWatchLogsClient.LogGroup] {
        var found: [String: CloudWatchLogsClient.LogGroup] = [:]
        for pattern in connection.logGroups {
            let groups = try await shared.limits.call(limit) { () throws(AWSError) in
                try await client.logGroups(prefix: pattern.prefix)
            }
            for group in groups where pattern.matches(group.name) { found[group.name] = group }
        }
        return found.values.sorted { $0.name < $1.name }
    }

    private func follow(
        _ found: [CloudWatchLogsClient.LogGroup], from start: Int64, at now: Int64
    ) async throws {
        let known = Dictionary(uniqueKeysWithValues: groups.map { ($0.name, $0) })
        var followed: [Group] = []
        for group in found where group.isReadable {
            try check(group)
            figures.account = group.account
            if let same = known[group.name] {
                followed.append(same)
            } else {
                followed.append(try await makeGroup(group, from: start, at: now))
            }
        }
        groups = followed
    }

    /// A log group of another account would be billed under a wrong name.
    private func check(_ group: CloudWatchLogsClient.LogGroup) throws(AWSError) {
        guard let account = connection.account, account != group.account else { return }
        throw AWSError(
            kind: .configuration, code: "OtherAccount",
            message: "It belongs to the account \(group.account), and the connection says \(account). Nothing is read; "
                + "check the role and the account of the connection.", operation: "Checking the log group",
            resource: group.name)
    }

    private func makeGroup(
        _ group: CloudWatchLogsClient.LogGroup, from start: Int64, at now: Int64
    ) async throws -> Group {
        let source = try await shared.state.source(
            connection: connection.name, region: client.region, account: group.account, logGroup: group.name)
        let (client, limits, limit) = (client, shared.limits, limit)
        let reader = LogGroupReader(group: group, lineReader: lineReader, pattern: pattern) {
            query throws(AWSError) in
            try await limits.call(limit) { () throws(AWSError) in try await client.filterLogEvents(query) }
        }
        let first = max(start, (group.creationTime ?? 0) - Self.oldestEvent)
        var passes = Passes(start: first, sweeps: shared.sweeps)
        passes.resume(positions: source.positions, largestLateness: source.largestLateness, at: now)
        return Group(
            name: group.name, id: source.id, reader: reader, passes: passes,
            nextForgetting: now + Self.forgettingInterval)
    }

    /// What was asked for by name and is not there, or cannot be read.
    private func missing(
        _ found: [CloudWatchLogsClient.LogGroup], at now: Int64
    ) -> ConnectionStatus.Problem? {
        if let group = found.first(where: { !$0.isReadable }) {
            return Self.problem(
                "The log group \(group.name) is of the class \(group.logGroupClass ?? ""), which FilterLogEvents cannot "
                    + "read: its records are not collected. Log into a group of the class STANDARD, or export this one "
                    + "and use metertap backfill.",
                discoveryProblem, at: now)
        }
        let absent = connection.logGroups.first { pattern in !found.contains { pattern.matches($0.name) } }
        guard let absent else { return nil }
        let account = figures.account.isEmpty ? "" : " in the account \(figures.account)"
        return Self.problem(
            "No log group \(absent.isName ? "is named" : "matches") \(absent)\(account) in \(client.region): nothing of it "
                + "is collected. Check the name and the region; a log group that appears later is found within five minutes.",
            discoveryProblem, at: now)
    }

    // MARK: Reading

    /// What one round delivers.
    private struct Round {
        var delivery: FindingDelivery
        /// What is on its way to the sink, by log group.
        var pending: [Int64: Set<EventKey>] = [:]
        var pendingCount = 0
        var passes: [(index: Int, passes: Passes)] = []
        /// What becomes true of the figures when it is durable.
        var figures = RoundFigures()
        /// Whether the account takes no more calls at present.
        var isThrottled = false
        /// Why what was handed to the sink is not known to be durable: then nothing of it may be noted.
        var failure: DeliveryError?

        var isBroken: Bool { isThrottled || failure != nil }
    }

    /// After so many log events what was delivered is noted before the round is over.
    private static let eventsOfCommit = 50_000

    /// Reads what is due of a log group.
    private func read(_ index: Int, _ round: inout Round) async {
        var passes = groups[index].passes
        defer { round.passes.append((index, passes)) }
        do {
            for pass in passes.all.indices {
                // A piece is as old as its first call, not as its last.
                let now = shared.clocks.wall().milliseconds
                guard let piece = passes.piece(of: pass, at: now) else { continue }
                let calls: Int
                do {
                    calls = try await read(piece, pass, &passes, of: groups[index], at: now, &round)
                } catch {
                    passes.fail(piece)
                    throw error
                }
                passes.finish(piece, at: now, calls: calls)
            }
            groups[index].retry.succeeded()
            groups[index].problem = nil
        } catch let error as DeliveryError {
            round.failure = error
        } catch let error as AWSError where error.isThrottling {
            round.isThrottled = true
        } catch {
            let now = shared.clocks.wall().milliseconds
            groups[index].retry.failed(at: now)
            groups[index].problem = Self.problem(
                "\(error) What is logged in \(groups[index].name) since then waits in CloudWatch Logs, and is read when "
                    + "this is mended.", groups[index].problem, at: now)
            // A log group that was deleted is no longer there at the next look.
            if (error as? AWSError)?.code == "ResourceNotFoundException" { nextDiscovery = .min }
        }
    }

    /// Reads a piece, and delivers what of it was not delivered before.
    ///
    /// - Returns: how many calls it took.
    private func read(
        _ piece: Range<Int64>, _ pass: Int, _ passes: inout Passes, of group: Group, at now: Int64,
        _ round: inout Round
    ) async throws -> Int {
        var accounting = Accounting()
        var cost = LogGroupReader.Cost()
        let name = passes.all[pass].name
        var (current, noted) = (round, passes)
        defer {
            (round, passes) = (current, noted)
            figures.events += accounting.events
            figures.rangesBegunAnew += cost.restarts
            figures.passes[name, default: .init()].calls += cost.calls
            figures.passes[name, default: .init()].bytes += cost.bytes
        }
        try await group.reader.read(piece, accounting: &accounting, cost: &cost) { findings in
            let new = try await unknown(findings, of: group.id, &current)
            for key in new.keys {
                current.figures.foundByPass[name, default: 0] += 1
                if key.time > 0, passes.isLate(foundBy: pass, timestamp: key.time) {
                    let lateness = passes.lateness(
                        foundBy: pass, timestamp: key.time, ingested: new.ingested[key], at: now)
                    current.figures.note(lateness: lateness)
                    noted.note(lateness: lateness, at: now)
                }
            }
            try await current.delivery.append(new.findings)
            if current.pendingCount >= Self.eventsOfCommit { try await commit(&current) }
            return true
        }
        return cost.calls
    }

    private struct NewFindings {
        var findings: [Finding] = []
        var keys: Set<EventKey> = []
        var ingested: [EventKey: Int64] = [:]
    }

    /// What of a page was neither delivered before nor is on its way.
    private func unknown(
        _ findings: [Finding], of group: Int64, _ round: inout Round
    ) async throws -> NewFindings {
        guard !findings.isEmpty else { return NewFindings() }
        let keyed = findings.map { (key: EventKey($0), finding: $0) }
        let keys = Set(keyed.map(\.key)).subtracting(round.pending[group] ?? [])
        var new = NewFindings()
        new.keys = keys.subtracting(try await shared.state.delivered(keys, of: group))
        for (key, finding) in keyed where new.keys.contains(key) {
            new.findings.append(finding)
            new.ingested[key] = finding.origin?.ingestionTime
        }
        round.pending[group, default: []].formUnion(new.keys)
        round.pendingCount += new.keys.count
        round.figures.found += findings.count
        round.figures.repeated += findings.count - new.findings.count
        return new
    }

    // MARK: Settling

    /// Makes durable what the round found, and then notes how far it was read.
    private func settle(_ round: inout Round, at now: Int64) async {
        do {
            try await commit(&round)
            for (index, passes) in round.passes { groups[index].passes = passes }
            deliveryRetry.succeeded()
            deliveryProblem = nil
        } catch {
            deliveryRetry.failed(at: now)
            deliveryProblem = Self.problem("\(error)", deliveryProblem, at: now)
        }
        (delivery, figures.delivered, figures.rejected) = (
            round.delivery, round.delivery.report.delivered, round.delivery.report.rejected
        )
    }

    private func commit(_ round: inout Round) async throws {
        if let failure = round.failure { throw failure }
        try await round.delivery.flush()
        let updates = round.passes.map { CollectorState.Update(source: groups[$0.index].id, passes: $0.passes) }
        try await shared.state.commit(round.pending, updates)
        (round.pending, round.pendingCount) = ([:], 0)
        figures.add(round.figures)
        round.figures = RoundFigures()
    }

    private func forget(at now: Int64) async {
        for index in groups.indices where groups[index].nextForgetting <= now {
            groups[index].nextForgetting = now + Self.forgettingInterval
            // What cannot be forgotten now is forgotten later.
            try? await shared.state.forget(groups[index].id, before: groups[index].passes.finished)
        }
    }

    /// The same problem keeps the time since when it has been there.
    private static func problem(
        _ message: String, _ earlier: ConnectionStatus.Problem?, at now: Int64
    ) -> ConnectionStatus.Problem {
        ConnectionStatus.Problem(message: message, since: earlier?.since ?? now)
    }
}
