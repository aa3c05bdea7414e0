import AWS

/// Keeps the leases of one stream where all its collectors see them.
struct LeaseKeeper: Sendable {
    /// So many documents are read or written at once.
    private static let concurrency = 8

    private let documents: any SharedDocuments
    private let folder: String
    private let clock: @Sendable () -> ContinuousClock.Instant

    /// - Parameter folder: the folder of the stream.
    init(_ documents: any SharedDocuments, folder: String, clock: @escaping @Sendable () -> ContinuousClock.Instant) {
        self.documents = documents
        self.folder = "\(folder)/shards"
        self.clock = clock
    }

    /// Makes sure that the place compares versions: else two collectors would read one shard.
    func check() async throws {
        let name = "\(folder)/probe.json"
        guard try await documents.write(Array("{}".utf8), to: name, replacing: "0") != nil else { return }
        throw StreamProblem(
            "\(documents.name) stores a document over another version than the one named (PutObject with If-Match), so "
                + "that collectors could not keep apart. Set leases to a bucket of S3, or of a server that answers 412")
    }

    /// What the leases are now.
    func look(known: [String: String]) async throws -> (changed: [(ShardLease, String)], all: Set<String>) {
        let versions = try await documents.versions(in: folder)
        var names: [String: String] = [:]
        for (name, version) in versions where name.hasPrefix("\(folder)/") && name.hasSuffix(".json") {
            let shard = String(name.dropFirst(folder.count + 1).dropLast(".json".count))
            if shard != "probe" { names[shard] = version }
        }
        let wanted = names.filter { known[$0.key] != $0.value }.map(\.key)
        let changed = try await Self.map(wanted) { shard in try await read(shard) }
        return (changed.compactMap { $0 }, Set(names.keys))
    }

    private func read(_ shard: String) async throws -> (ShardLease, String)? {
        let name = name(shard)
        guard let found = try await documents.read(name) else { return nil }
        guard let lease = ShardLease(found.content), lease.shard == shard else {
            throw StreamProblem(
                "\(documents.name)\(name) is no lease. Delete it: the shard is then read from where the stream's reading "
                    + "began, and what comes again is counted once")
        }
        return (lease, found.version)
    }

    /// What became of a change; `version` is nil when somebody else was faster.
    struct Outcome {
        var change: ShardBoard.Change
        var result: Result<String?, any Error>
        var sent: ContinuousClock.Instant
        var done: ContinuousClock.Instant
    }

    /// Makes changes, all that are possible.
    func make(_ changes: [ShardBoard.Change]) async -> [Outcome] {
        let outcomes = try? await Self.map(changes) { change in
            let sent = clock()
            let result: Result<String?, any Error>
            do {
                let version = try await documents.write(
                    change.lease.document, to: name(change.lease.shard), replacing: change.replaces)
                result = .success(version)
            } catch {
                result = .failure(error)
            }
            return Outcome(change: change, result: result, sent: sent, done: clock())
        }
        return outcomes ?? []
    }

    private func name(_ shard: String) -> String { "\(folder)/\(shard).json" }

    private static func map<Input: Sendable, Output: Sendable>(
        _ inputs: [Input], _ body: @escaping @Sendable (Input) async throws -> Output
    ) async throws -> [Output] {
        try await withThrowingTaskGroup(of: Output.self) { group in
            var outputs: [Output] = []
            var rest = inputs[...]
            for input in rest.prefix(concurrency) { group.addTask { try await body(input) } }
            rest = rest.dropFirst(concurrency)
            while let output = try await group.next() {
                outputs.append(output)
                if let input = rest.popFirst() { group.addTask { try await body(input) } }
            }
            return outputs
        }
    }
}
