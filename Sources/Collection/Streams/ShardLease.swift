import FoundationEssentials

/// How far a shard is read and delivered.
package enum ShardPosition: Sendable, Hashable {
    /// Nothing of it yet.
    case start
    /// Up to and with the record of this sequence number.
    case after(String)
    /// To its end: its children may be read.
    case end
}

/// Who reads a shard, and how far it is: what the collectors of a stream share, one small document for each shard.
///
/// It is only ever replaced by who knows what it holds, so that position and owner change together: a collector that has
/// lost a shard cannot move its position.
package struct ShardLease: Sendable, Hashable {
    /// The shard's id.
    package var shard: String
    /// The collector that reads it; nil when nobody does.
    package var owner: String?
    /// A collector that reads less and asks the owner for it; for a while it is kept for that one.
    package var wantedBy: String?
    /// How far it is read and delivered.
    package var position: ShardPosition
    /// Grows with each change.
    package var revision: Int
    /// Who changed it last, so that no two changes are the same bytes.
    package var writer: String

    package init(
        shard: String, owner: String? = nil, wantedBy: String? = nil, position: ShardPosition = .start,
        revision: Int = 0, writer: String = ""
    ) {
        self.shard = shard
        self.owner = owner
        self.wantedBy = wantedBy
        self.position = position
        self.revision = revision
        self.writer = writer
    }

    private struct Content: Codable {
        var shard: String
        var owner: String?
        var wantedBy: String?
        var after: String?
        var ended: Bool
        var revision: Int
        var writer: String
    }

    /// Reads a document; nil when it is none.
    package init?(_ document: [UInt8]) {
        guard let content = try? JSONDecoder().decode(Content.self, from: Data(document)) else { return nil }
        self.init(
            shard: content.shard, owner: content.owner, wantedBy: content.wantedBy,
            position: content.ended ? .end : content.after.map { .after($0) } ?? .start, revision: content.revision,
            writer: content.writer)
    }

    /// The document; the same lease gives the same bytes.
    package var document: [UInt8] {
        var content = Content(
            shard: shard, owner: owner, wantedBy: wantedBy, ended: position == .end, revision: revision,
            writer: writer)
        if case .after(let number) = position { content.after = number }
        let encoder = JSONEncoder()
        encoder.outputFormatting = .sortedKeys
        // Texts and numbers can always be encoded.
        return (try? encoder.encode(content)).map { Array($0) } ?? []
    }
}
