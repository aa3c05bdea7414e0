package import AWS

/// What one collector knows of the shards of a stream, and what it has to do next: which shards it may take, renew, ask
/// for and give back, and which of them may be read.
///
/// It does no I/O and has no clock: whoever drives it tells the time, what ListShards says, what the leases say, and what
/// became of the changes that it wants.
///
/// - A shard is read only while its lease holds. It holds for `leaseLength` from the moment *before* it was written.
/// - Others take it when they have seen it unchanged for a tenth longer than that, counted from the moment *after* they
///   have seen it. So no two clocks are ever compared, and no shard is read by two.
/// - A shard may be taken when all its parents that are still listed are read to their end.
/// - A collector with at least two shards less than another asks for some; the other gives one back when what it read of
///   it is delivered.
package struct ShardBoard: Sendable {
    /// A change of a lease that is to be made, if nobody has changed it meanwhile.
    package struct Change: Sendable, Hashable {
        /// What the lease is to be.
        package var lease: ShardLease
        /// The version that it replaces; nil where there is none yet.
        package var replaces: String?
    }

    /// A shard that may be read from now on.
    package struct Reading: Sendable, Hashable {
        /// The shard's id.
        package var shard: String
        /// How far it is read already.
        package var position: ShardPosition
        /// Tells this reading from an earlier one of the same shard.
        package var term: Int
    }

    private struct Seen {
        var lease: ShardLease
        var version: String
        var since: ContinuousClock.Instant
    }

    private struct Held {
        var lease: ShardLease
        var version: String
        var writtenAt: ContinuousClock.Instant
        var position: ShardPosition
        var isLeaving: Bool
        var term: Int
    }

    /// This collector's name.
    package let worker: String
    /// How long a lease holds.
    package let leaseLength: Duration
    /// Whether somebody has a shard that ListShards has not told of.
    package private(set) var mustList = true
    /// Whether everything is to be given back.
    package private(set) var isStopping = false

    private var shards: [String: KinesisClient.Shard] = [:]
    private var seen: [String: Seen] = [:]
    private var held: [String: Held] = [:]
    private var readers: [String: Int] = [:]
    /// Leases that turned out to be changed by somebody else; nothing is done about them before they are seen again.
    private var isOutdated: Set<String> = []
    private var lastTerm = 0

    /// Starts without knowledge.
    package init(worker: String, leaseLength: Duration) {
        self.worker = worker
        self.leaseLength = leaseLength
    }

    // MARK: - What it is told

    /// Takes what ListShards says.
    package mutating func list(_ shards: [KinesisClient.Shard]) {
        self.shards = Dictionary(shards.map { ($0.id, $0) }, uniquingKeysWith: { $1 })
        mustList = false
        // What Kinesis keeps no longer cannot be read.
        for id in held.keys where self.shards[id] == nil { held[id]?.isLeaving = true }
    }

    /// The versions of the leases as they were seen last.
    package var versions: [String: String] { seen.mapValues(\.version) }

    /// Takes what the leases are: those that changed, and the names of all there are.
    ///
    /// - Parameter now: a moment after they were read.
    package mutating func see(
        _ changed: [(lease: ShardLease, version: String)], all: Set<String>, at now: ContinuousClock.Instant
    ) {
        for name in seen.keys where !all.contains(name) { seen[name] = nil }
        for name in held.keys where !all.contains(name) { held[name] = nil }
        for (lease, version) in changed {
            if seen[lease.shard]?.version == version { continue }
            // One that is kept no longer is listed never; that is found out once.
            if seen[lease.shard] == nil, shards[lease.shard] == nil, lease.position != .end { mustList = true }
            seen[lease.shard] = Seen(lease: lease, version: version, since: now)
            guard let own = held[lease.shard], own.version != version else { continue }
            guard lease.owner == worker else {
                held[lease.shard] = nil
                continue
            }
            // Somebody asks for it.
            held[lease.shard]?.lease = lease
            held[lease.shard]?.version = version
            if lease.wantedBy != nil { held[lease.shard]?.isLeaving = true }
        }
        isOutdated = []
    }

    /// Takes what became of a change.
    ///
    /// - Parameters:
    ///   - version: the new version; nil when somebody else has changed the lease.
    ///   - sent: a moment before it was written.
    ///   - now: a moment after.
    package mutating func changed(
        _ change: Change, version: String?, sent: ContinuousClock.Instant, at now: ContinuousClock.Instant
    ) {
        let (lease, name) = (change.lease, change.lease.shard)
        guard let version else {
            isOutdated.insert(name)
            return
        }
        seen[name] = Seen(lease: lease, version: version, since: now)
        guard lease.owner == worker else {
            held[name] = nil
            return
        }
        if held[name] == nil {
            lastTerm += 1
            held[name] = Held(
                lease: lease, version: version, writtenAt: sent, position: lease.position, isLeaving: isStopping,
                term: lastTerm)
        }
        held[name]?.lease = lease
        held[name]?.version = version
        held[name]?.writtenAt = sent
    }

    /// Takes that what a shard holds up to a position is delivered durably.
    package mutating func delivered(_ reading: Reading, to position: ShardPosition) {
        guard held[reading.shard]?.term == reading.term else { return }
        held[reading.shard]?.position = position
    }

    /// Takes that nobody reads a shard here any more.
    package mutating func ended(_ reading: Reading) {
        if readers[reading.shard] == reading.term { readers[reading.shard] = nil }
    }

    /// Gives everything back from now on, and takes nothing.
    package mutating func stop() {
        isStopping = true
        for name in held.keys { held[name]?.isLeaving = true }
    }

    // MARK: - What it wants

    /// Whether everything was given back after `stop`.
    package var isStopped: Bool {
        isStopping && held.isEmpty && readers.isEmpty && !seen.values.contains { $0.lease.owner == worker }
    }

    /// The shards that this collector holds.
    package var own: Set<String> { Set(held.keys) }

    /// Whether a lease must be seen anew before anything is done about it.
    package var mustLook: Bool { !isOutdated.isEmpty }

    /// The shards whose reading begins now.
    package mutating func readings(at now: ContinuousClock.Instant) -> [Reading] {
        var readings: [Reading] = []
        for (name, own) in held.sorted(by: { $0.key < $1.key }) {
            let reading = Reading(shard: name, position: own.position, term: own.term)
            guard own.position != .end, readers[name] == nil, end(of: reading, at: now) != nil else { continue }
            readers[name] = own.term
            readings.append(reading)
        }
        return readings
    }

    /// Until when a shard may be read as it stands; nil when it may not be read any more.
    package func end(of reading: Reading, at now: ContinuousClock.Instant) -> ContinuousClock.Instant? {
        guard let own = held[reading.shard], own.term == reading.term, !own.isLeaving else { return nil }
        let end = own.writtenAt + leaseLength
        return now < end ? end : nil
    }

    /// The changes of leases that are due.
    package mutating func changes(at now: ContinuousClock.Instant) -> [Change] {
        for (name, own) in held where now >= own.writtenAt + leaseLength { held[name] = nil }
        var changes = held.sorted { $0.key < $1.key }.compactMap { renewal($0.key, $0.value, at: now) }
        changes += isStopping ? leftovers : taking(at: now)
        return changes
    }

    // MARK: - Own leases

    private func renewal(_ name: String, _ own: Held, at now: ContinuousClock.Instant) -> Change? {
        guard !isOutdated.contains(name) else { return nil }
        var lease = next(own.lease)
        lease.position = own.position
        if readers[name] == nil, own.isLeaving || own.position == .end {
            lease.owner = nil
            if own.position == .end || isStopping { lease.wantedBy = nil }
        } else if now < own.writtenAt + leaseLength / 5 {
            // It is renewed four times in its length, which is how often it is looked at, give or take.
            return nil
        }
        return Change(lease: lease, replaces: own.version)
    }

    private func next(_ lease: ShardLease) -> ShardLease {
        var lease = lease
        lease.revision += 1
        lease.writer = worker
        return lease
    }

    /// Own leases that ran out, or of which nobody knows that they were taken, at the end.
    private var leftovers: [Change] {
        seen.values.filter { seen in
            let name = seen.lease.shard
            return seen.lease.owner == worker && held[name] == nil && readers[name] == nil
                && !isOutdated.contains(name)
        }.map { seen in
            var lease = next(seen.lease)
            (lease.owner, lease.wantedBy) = (nil, nil)
            return Change(lease: lease, replaces: seen.version)
        }
    }

    // MARK: - Others' leases

    /// Shards that may be read by somebody.
    private var active: [String] {
        shards.values.filter { shard in
            seen[shard.id]?.lease.position != .end
                && shard.parents.allSatisfy { shards[$0] == nil || seen[$0]?.lease.position == .end }
        }.map(\.id)
    }

    /// Whether a lease that was seen holds, or may hold, for somebody.
    private func holds(_ seen: Seen, at now: ContinuousClock.Instant) -> Bool {
        now < seen.since + leaseLength + leaseLength / 10
    }

    private func isFree(_ name: String, at now: ContinuousClock.Instant) -> Bool {
        guard held[name] == nil, readers[name] == nil, !isOutdated.contains(name) else { return false }
        guard let seen = seen[name] else { return true }
        let lease = seen.lease
        // One of its own that it holds no longer, or for which the answer was lost: nobody else can have it.
        if lease.owner == worker { return true }
        if lease.owner == nil, lease.wantedBy == nil || lease.wantedBy == worker { return true }
        return !holds(seen, at: now)
    }

    /// How many shards each collector has that seems to be alive, this one included.
    private func loads(_ active: [String], at now: ContinuousClock.Instant) -> [String: Int] {
        var loads = [worker: held.values.count { !$0.isLeaving && $0.position != .end }]
        for name in active {
            guard let seen = seen[name], holds(seen, at: now) else { continue }
            if let owner = seen.lease.owner, owner != worker { loads[owner, default: 0] += 1 }
            if let wanting = seen.lease.wantedBy, wanting != worker { loads[wanting, default: 0] += 0 }
        }
        return loads
    }

    /// Takes free shards up to a fair share; when there are none, asks the collector that has most.
    private func taking(at now: ContinuousClock.Instant) -> [Change] {
        let active = active
        let loads = loads(active, at: now)
        let own = loads[worker] ?? 0
        let share = (active.count + loads.count - 1) / loads.count
        let free = active.filter { isFree($0, at: now) }.sorted { order($0) < order($1) }
        guard free.isEmpty else {
            let askedFor = free.filter { seen[$0]?.lease.wantedBy == worker }
            let others = free.filter { !askedFor.contains($0) }
            return (askedFor + others.prefix(max(0, share - own - askedFor.count))).map(take)
        }
        return asking(active, loads, atMost: share - own, at: now)
    }

    private func take(_ name: String) -> Change {
        var lease = next(seen[name]?.lease ?? ShardLease(shard: name))
        lease.owner = worker
        lease.wantedBy = nil
        return Change(lease: lease, replaces: seen[name]?.version)
    }

    private func asking(
        _ active: [String], _ loads: [String: Int], atMost most: Int, at now: ContinuousClock.Instant
    ) -> [Change] {
        let isAsking = seen.values.contains { $0.lease.wantedBy == worker && holds($0, at: now) }
        guard !isAsking, let own = loads[worker],
            let richest = loads.max(by: { ($0.value, $1.key) < ($1.value, $0.key) }), richest.value >= own + 2
        else { return [] }
        let names = active.filter {
            seen[$0]?.lease.owner == richest.key && seen[$0]?.lease.wantedBy == nil && !isOutdated.contains($0)
        }
        let count = max(1, min(most, (richest.value - own) / 2))
        return names.sorted { order($0) < order($1) }.prefix(count).compactMap { seen[$0] }.map { seen in
            var lease = next(seen.lease)
            lease.wantedBy = worker
            return Change(lease: lease, replaces: seen.version)
        }
    }

    /// Puts shards in an order that differs from collector to collector, so that they seldom want the same one (FNV-1a).
    private func order(_ name: String) -> UInt64 {
        (worker + name).utf8.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    }
}
