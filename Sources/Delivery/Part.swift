import Crypto
import Gzip
import MeterLine

/// NDJSON lines that are stored or sent as one, compressed, under a name that says what they are.
public struct Part: Sendable {
    /// What the lines are, and the folder of a bucket in which they stand.
    public enum Kind: String, Sendable {
        /// Meter records.
        case records = "ingest/records"
        /// What carried a tag but is no valid record.
        case rejects
        /// The log events that delivered records come from.
        case manifest
    }

    /// What the lines are.
    public let kind: Kind
    /// The lines: one gzip member, or as they are for a sink that wants them so.
    public let body: [UInt8]
    /// Whether the body is compressed.
    let isCompressed: Bool
    /// How many lines there are.
    public let lines: Int
    /// The size of the lines in bytes.
    public let uncompressedBytes: Int
    /// The name: the same name always means the same lines, where they are compressed.
    public let name: String
    /// The date of the newest line in UTC, as `YYYY-MM-DD`.
    public let date: String

    /// The key in a bucket, behind the bucket's prefix.
    public var key: String { "\(kind.rawValue)/\(date)/\(name).ndjson.gz" }

    /// The accounting that is stored with an object.
    public var metadata: [String: String] { Self.metadata(lines: lines, bytes: uncompressedBytes) }

    static func metadata(lines: Int, bytes: Int) -> [String: String] {
        ["metertap-lines": String(lines), "metertap-bytes": String(bytes)]
    }
}

/// Where in its source a line comes from.
public struct Position: Sendable {
    /// The sequence number of the Kinesis record, or the id of the log event.
    public var name: String
    /// When Kinesis took it, or the log event's time; milliseconds since 1970.
    public var time: Int64

    /// Makes a position.
    public init(name: String, time: Int64) {
        self.name = name
        self.time = time
    }

    /// The position of what comes from a log event, or from none.
    init(_ origin: EventOrigin?) {
        self.init(name: origin?.eventId ?? "data", time: origin?.timestamp ?? 0)
    }
}

/// Collects the lines of a part.
struct PartBuilder: ~Copyable {
    private let kind: Part.Kind
    private let isPlain: Bool
    private var plainText: [UInt8] = []
    private var writer = GzipWriter()
    private var hash = SHA256()
    private var first: String?
    private var last = ""
    private var newest = Int64.min
    /// How many lines there are.
    private(set) var lines = 0

    /// - Parameters:
    ///   - scope: what the positions are unique in: stream ARN and shard, or owner.
    ///   - isPlain: whether the lines are neither compressed nor named.
    init(_ kind: Part.Kind, scope: [String], isPlain: Bool = false) {
        self.kind = kind
        self.isPlain = isPlain
        for name in scope { hash.update(data: Array(name.utf8) + [0]) }
    }

    /// The size of the lines so far.
    var uncompressedBytes: Int { plainText.count + writer.count }

    /// Appends whole lines.
    ///
    /// - Parameters:
    ///   - positions: where they come from, in order: one for all of them, or one for each.
    ///   - identity: what the name is made of when a part of the text may differ from one delivery to the next;
    ///     nil for the text itself.
    mutating func append(_ text: [UInt8], lines count: Int, at positions: [Position], identity: [UInt8]? = nil) {
        guard count > 0, let earliest = positions.first, let latest = positions.last else { return }
        first = first ?? earliest.name
        last = latest.name
        for position in positions { newest = max(newest, position.time) }
        lines += count
        if isPlain {
            // Nearly always there is but one text, which need not be copied.
            if plainText.isEmpty { plainText = text } else { plainText += text }
        } else {
            hash.update(data: identity ?? text)
            writer.append(text)
        }
    }

    /// The finished part; nil when there is no line, for an empty object says nothing.
    consuming func finish() -> Part? {
        guard lines > 0, let first else { return nil }
        let digest = hexadecimal(hash.finalize().prefix(8))
        let bytes = uncompressedBytes
        let (kind, lines, last, newest, isPlain) = (kind, lines, last, newest, isPlain)
        return Part(
            kind: kind, body: isPlain ? plainText : writer.finish(), isCompressed: !isPlain, lines: lines,
            uncompressedBytes: bytes,
            name: "\(Self.fileName(first))-\(Self.fileName(last))-\(digest)",
            date: Timestamp.date(newest))
    }

    /// A position as a piece of a key: what is no letter, digit, `.`, `_` or `-` becomes `_`.
    private static func fileName(_ position: String) -> String {
        let safe = position.utf8.prefix(64).map { byte in
            let isSafe =
                (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-")
            return isSafe ? byte : UInt8(ascii: "_")
        }
        return String(decoding: safe, as: UTF8.self)
    }
}
