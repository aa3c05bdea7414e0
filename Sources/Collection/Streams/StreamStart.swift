import AWS
import FoundationEssentials

/// Where the reading of a stream began for the first time, kept beside its leases.
///
/// `latest` becomes a time at the first start: a collector that dies before it has read anything misses nothing when it
/// comes back.
struct StreamStart: Codable, Hashable {
    /// The stream, for people.
    var stream: String
    /// Milliseconds since 1970; nil for the oldest record that the stream still has.
    var time: Int64?

    /// The start that counts: the one that is kept, else this one, kept from now on.
    func settled(in documents: some SharedDocuments, folder: String) async throws -> StreamStart {
        let name = "\(folder)/start.json"
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        let content = Array(try encoder.encode(self))
        while true {
            if let found = try await documents.read(name) {
                guard let start = try? JSONDecoder().decode(StreamStart.self, from: Data(found.content)) else {
                    throw StreamProblem(
                        "\(documents.name)\(name) cannot be read. Delete it: the setting start counts then for what "
                            + "no collector has read yet")
                }
                return start
            }
            if try await documents.write(content, to: name, replacing: nil) != nil { return self }
        }
    }

    /// What the reading of a shard begins with.
    func start(at position: ShardPosition) -> KinesisClient.Start {
        if case .after(let number) = position { return .after(number) }
        return time.map { .at($0) } ?? .trimHorizon
    }
}

/// Why a stream cannot be read, for people.
public struct StreamProblem: Error, Sendable, CustomStringConvertible {
    /// What is wrong and what to do.
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}
