import Gzip
import Meter

/// Reads meter records out of what a subscription delivers: envelopes, compressed or not.
///
/// A reader keeps its buffer for the next call. It is not shared: each task has its own.
public struct EnvelopeReader: ~Copyable {
    /// The most bytes that the data of one Kinesis record, or of one direct event, may decompress to.
    public static let maximumBytes = 64 << 20

    private let lineReader: LineReader
    private var gunzip: Gunzip

    /// Makes a reader.
    ///
    /// - Parameter limit: a smaller limit than `maximumBytes`, for who reads again what is beyond it.
    public init(lineReader: LineReader, limit: Int = maximumBytes) {
        self.lineReader = lineReader
        gunzip = Gunzip(limit: min(limit, Self.maximumBytes))
    }

    /// Reads one or more envelopes, in one or more gzip members or as plain JSON.
    ///
    /// Data that cannot be decoded as a whole gives one reject that holds it; then nothing else comes of it.
    ///
    /// - Parameters:
    ///   - data: what a Kinesis record or a direct event carries.
    ///   - source: where a reject says that it came from.
    ///   - accounting: the figures to add to.
    ///   - body: takes each finding, in order.
    public mutating func read(
        _ data: Span<UInt8>, source: Reject.Source, accounting: inout Accounting, _ body: (Finding) -> Void
    ) {
        do throws(Rejection) {
            if isGzip(data) {
                let lineReader = lineReader
                let result = try decompress(data) { text in
                    Self.read(text, lineReader, accounting: &accounting, body)
                }
                if let result { throw result }
            } else if let result = Self.read(data, lineReader, accounting: &accounting, body) {
                throw result
            }
        } catch {
            accounting.rejects[error.reason, default: 0] += 1
            body(
                .reject(
                    Reject(
                        reason: error.reason, detail: error.detail, tag: nil, ordinal: 0, source: source,
                        timestamp: nil, content: bytes(of: data))))
        }
    }

    private mutating func decompress(
        _ data: Span<UInt8>, _ body: (Span<UInt8>) -> Rejection?
    ) throws(Rejection) -> Rejection? {
        do throws(GzipError) {
            return try gunzip.decompress(data, body)
        } catch {
            switch error {
            case .damaged: throw Rejection(.undecodable, "the data is no valid gzip")
            case .overLimit(let limit):
                throw Rejection(.tooLarge, "the data decompresses to more than \(limit >> 20) MiB")
            }
        }
    }

    /// Reads the envelopes in a text; all of them are checked before anything is handed on.
    private static func read(
        _ text: Span<UInt8>, _ lineReader: LineReader, accounting: inout Accounting, _ body: (Finding) -> Void
    ) -> Rejection? {
        do throws(Envelope.Fault) {
            try forEachEnvelope(text) { _ in }
            try forEachEnvelope(text) { envelope in
                switch envelope.kind {
                case .control: accounting.controlMessages += 1
                case .data:
                    accounting.envelopes += 1
                    read(envelope, text, lineReader, accounting: &accounting, body)
                }
            }
        } catch {
            return Rejection(.undecodable, error.detail)
        }
        return nil
    }

    /// Hands on one envelope after the other; there is one at least.
    private static func forEachEnvelope(
        _ text: Span<UInt8>, _ body: (Envelope) -> Void
    ) throws(Envelope.Fault) {
        var position = 0
        repeat {
            JSON.skipWhitespace(text, &position)
            body(try Envelope(text, &position))
            JSON.skipWhitespace(text, &position)
        } while position < text.count
    }

    private static func read(
        _ envelope: Envelope, _ text: Span<UInt8>, _ lineReader: LineReader, accounting: inout Accounting,
        _ body: (Finding) -> Void
    ) {
        envelope.events(text) { event in
            switch event {
            case .undecodable(let range):
                accounting.events += 1
                accounting.rejects[.undecodable, default: 0] += 1
                let origin = EventOrigin(
                    account: envelope.account, logGroup: envelope.logGroup, logStream: envelope.logStream,
                    eventId: "", timestamp: nil)
                body(
                    .reject(
                        Reject(
                            reason: .undecodable, detail: "the log event has no id or no message", tag: nil,
                            ordinal: 0, source: .event(origin), timestamp: nil,
                            content: bytes(of: text.extracting(range)))))
            case .decoded(let id, let timestamp, let message):
                let origin = EventOrigin(
                    account: envelope.account, logGroup: envelope.logGroup, logStream: envelope.logStream,
                    eventId: id, timestamp: timestamp)
                let findings: [Finding]
                if message.hasEscapes {
                    let decoded = LooseJSON.decoded(message.range, in: text)
                    findings = lineReader.read(decoded.span, of: origin, accounting: &accounting)
                } else {
                    findings = lineReader.read(
                        text.extracting(message.range), of: origin, accounting: &accounting)
                }
                for finding in findings { body(finding) }
            }
        }
    }
}
