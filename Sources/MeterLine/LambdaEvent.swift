import Gzip
import Meter

/// What an invocation of the agent brings, told by its shape.
public enum LambdaEvent: Sendable {
    /// Records of a Kinesis stream, from an event source mapping.
    case kinesis([KinesisRecord])
    /// One envelope, straight from CloudWatch Logs.
    case direct(EncodedData)
    /// The question of `metertap doctor` whether the agent could deliver: `{"metertap":"check"}`.
    case check

    /// What stands behind `metertap` in the question, and in the answer.
    package static let checkName = "check"

    /// Base64 text within the event.
    public struct EncodedData: Sendable {
        var token: JSON.StringToken

        /// Roughly how many bytes it holds.
        public var count: Int { token.range.count / 4 * 3 }

        /// How many bytes come out of it when it is decompressed, as far as it says so itself, and at least how many it
        /// holds.
        ///
        /// A guess, for the last of several gzip members may be small: nothing may depend on its truth.
        public func statedSize(in event: Span<UInt8>) -> Int {
            let text = event.extracting(token.range)
            // Two groups of base64 are four bytes at least, whatever the padding.
            guard !token.hasEscapes, text.count >= 24, text.count % 4 == 0,
                let beginning = Base64.decode(text.extracting(..<4)),
                let trailer = Base64.decode(text.extracting((text.count - 8)...)), isGzip(beginning.span)
            else { return text.count }
            return max(count, Gunzip.statedSize(trailer: trailer.span))
        }

        /// The bytes; nil when the text is no base64.
        public func decoded(in event: Span<UInt8>) -> [UInt8]? {
            guard token.hasEscapes else { return Base64.decode(event.extracting(token.range)) }
            let text = text(in: event)
            return Base64.decode(text.span)
        }

        /// Decodes into an array in place of what is in it; false when the text is no base64.
        package func decode(in event: Span<UInt8>, into output: inout [UInt8]) -> Bool {
            guard token.hasEscapes else { return Base64.decode(event.extracting(token.range), into: &output) }
            let text = text(in: event)
            return Base64.decode(text.span, into: &output)
        }

        /// The text as it stands, for the case that it is no base64.
        public func text(in event: Span<UInt8>) -> [UInt8] {
            LooseJSON.decoded(token.range, in: event)
        }
    }

    /// One record of a Kinesis stream.
    public struct KinesisRecord: Sendable {
        /// Its place in the shard; a decimal number of up to 56 digits and more.
        public var sequenceNumber: String
        /// The shard, for example `shardId-000000000000`.
        public var shard: String
        /// The stream's ARN.
        public var stream: String
        /// When Kinesis took it, in milliseconds since 1970; nil when the event does not say.
        public var arrival: Int64?
        /// The envelope; nil when the event lacks it.
        public var data: EncodedData?
    }

    /// Why an event is none that the agent takes.
    public struct Unsupported: Error, Sendable, CustomStringConvertible {
        /// What came, and what is taken.
        public var description: String

        init(_ what: String) {
            description =
                "\(what). Supported are events of a Kinesis event source mapping and of a CloudWatch Logs subscription "
                + "filter; point one of these at the agent"
        }
    }

    /// Reads an event.
    ///
    /// - Throws: `Unsupported` for an event of another service, or bytes that are no event at all.
    public init(_ bytes: Span<UInt8>) throws(Unsupported) {
        var shape = Shape()
        var position = 0
        do throws(LooseJSON.Fault) {
            JSON.skipWhitespace(bytes, &position)
            shape = try Shape(bytes, &position)
        } catch {
            throw Unsupported("The event is no JSON object, or is cut off, at byte \(error.position)")
        }
        if let data = shape.direct {
            self = .direct(data)
            return
        }
        if shape.records == nil, shape.isCheck {
            self = .check
            return
        }
        guard let elements = shape.records else {
            throw Unsupported("The event has neither Records nor awslogs")
        }
        var records: [KinesisRecord] = []
        for element in elements {
            guard let record = element.kinesis else {
                throw Unsupported("An event of \(element.eventSource ?? "another service") came")
            }
            records.append(record)
        }
        self = .kinesis(records)
    }

    /// What the members of an event say of it.
    private struct Shape {
        struct Element {
            var eventSource: String?
            var kinesis: KinesisRecord?
        }

        var records: [Element]?
        var direct: EncodedData?
        var isCheck = false

        init() {}

        init(_ bytes: Span<UInt8>, _ position: inout Int) throws(LooseJSON.Fault) {
            var shape = Shape()
            try LooseJSON.members(bytes, &position) { name, bytes, position throws(LooseJSON.Fault) in
                if LooseJSON.isName(name, "Records", in: bytes) {
                    var elements: [Element] = []
                    try LooseJSON.elements(bytes, &position) { bytes, position throws(LooseJSON.Fault) in
                        elements.append(try Self.element(bytes, &position))
                    }
                    shape.records = elements
                } else if LooseJSON.isName(name, "awslogs", in: bytes) {
                    try LooseJSON.members(bytes, &position) { name, bytes, position throws(LooseJSON.Fault) in
                        if LooseJSON.isName(name, "data", in: bytes) {
                            shape.direct = EncodedData(token: try LooseJSON.string(bytes, &position))
                        } else {
                            try LooseJSON.skip(bytes, &position)
                        }
                    }
                } else if LooseJSON.isName(name, "metertap", in: bytes),
                    try LooseJSON.byte(bytes, position) == UInt8(ascii: "\"")
                {
                    shape.isCheck = try LooseJSON.text(bytes, &position) == checkName
                } else {
                    if LooseJSON.isName(name, "deliveryStreamArn", in: bytes) {
                        shape.records = [Element(eventSource: "Firehose transformation")]
                    }
                    try LooseJSON.skip(bytes, &position)
                }
            }
            self = shape
        }

        private static func element(_ bytes: Span<UInt8>, _ position: inout Int) throws(LooseJSON.Fault) -> Element {
            var element = Element()
            var record = KinesisRecord(sequenceNumber: "", shard: "", stream: "", arrival: nil, data: nil)
            var isKinesis = false
            try LooseJSON.members(bytes, &position) { name, bytes, position throws(LooseJSON.Fault) in
                if LooseJSON.isName(name, "kinesis", in: bytes) {
                    isKinesis = true
                    try Self.kinesis(bytes, &position, &record)
                } else if LooseJSON.isName(name, "eventID", in: bytes) {
                    let id = try LooseJSON.text(bytes, &position)
                    record.shard = String(id.prefix { $0 != ":" })
                } else if LooseJSON.isName(name, "eventSourceARN", in: bytes) {
                    record.stream = try LooseJSON.text(bytes, &position)
                } else if LooseJSON.isName(name, "eventSource", in: bytes) {
                    element.eventSource = try LooseJSON.text(bytes, &position)
                } else {
                    try LooseJSON.skip(bytes, &position)
                }
            }
            if isKinesis, !record.sequenceNumber.isEmpty { element.kinesis = record }
            return element
        }

        private static func kinesis(
            _ bytes: Span<UInt8>, _ position: inout Int, _ record: inout KinesisRecord
        ) throws(LooseJSON.Fault) {
            var found = record
            try LooseJSON.members(bytes, &position) { name, bytes, position throws(LooseJSON.Fault) in
                if LooseJSON.isName(name, "data", in: bytes),
                    try LooseJSON.byte(bytes, position) == UInt8(ascii: "\"")
                {
                    found.data = EncodedData(token: try LooseJSON.string(bytes, &position))
                } else if LooseJSON.isName(name, "sequenceNumber", in: bytes) {
                    found.sequenceNumber = try LooseJSON.text(bytes, &position)
                } else if LooseJSON.isName(name, "approximateArrivalTimestamp", in: bytes) {
                    found.arrival = Timestamp.milliseconds(seconds: try LooseJSON.text(bytes, &position))
                } else {
                    try LooseJSON.skip(bytes, &position)
                }
            }
            record = found
        }
    }
}
