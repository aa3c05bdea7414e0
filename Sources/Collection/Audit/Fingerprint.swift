import Crypto
package import Meter
import MeterLine

/// 128 bits of SHA-256 over some texts: what an audit compares, in a size that does not depend on them.
package struct Fingerprint: Hashable, Sendable {
    /// The first 64 bits.
    package let high: UInt64
    /// The other 64 bits.
    package let low: UInt64

    /// Texts, each told from its neighbours by its length.
    struct Texts {
        fileprivate var bytes: [UInt8] = []

        fileprivate init() {
            bytes.reserveCapacity(256)
        }

        /// Adds a text.
        mutating func append(_ text: some Collection<UInt8>) {
            var count = text.count
            repeat {
                bytes.append(UInt8(truncatingIfNeeded: count & 0x7f) | (count > 0x7f ? 0x80 : 0))
                count >>= 7
            } while count > 0
            bytes.append(contentsOf: text)
        }

        /// Adds a part of a text.
        mutating func append(_ range: Range<Int>, of text: ByteText) {
            unsafe text.withBytes(range) { unsafe append($0) }
        }
    }

    /// One that was made before.
    init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    /// Of texts.
    package init(_ texts: [String]) {
        self.init { all in for text in texts { all.append(text.utf8) } }
    }

    /// Of the texts that `body` adds.
    init(_ body: (inout Texts) -> Void) {
        var texts = Texts()
        body(&texts)
        let bytes = texts.bytes
        (high, low) = unsafe SHA256.hash(data: bytes).withUnsafeBytes { hash in
            unsafe (
                UInt64(bigEndian: hash.loadUnaligned(fromByteOffset: 0, as: UInt64.self)),
                UInt64(bigEndian: hash.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
            )
        }
    }

    /// Of a place among the values of a log event.
    package init(account: String, logGroup: String, logStream: String, eventId: String, ordinal: Int) {
        self.init([account, logGroup, logStream, eventId, String(ordinal)])
    }

    /// Of the place that a source names.
    package init(_ source: RecordSource) {
        self.init(
            account: source.account, logGroup: source.logGroup, logStream: source.logStream, eventId: source.eventId,
            ordinal: source.ordinal)
    }

    /// Of the place that a record in a text names.
    init(_ source: QuickReceived.Source, of text: ByteText) {
        self.init { texts in
            texts.append(source.account, of: text)
            texts.append(source.logGroup, of: text)
            texts.append(source.logStream, of: text)
            texts.append(source.eventId, of: text)
            texts.append(String(source.ordinal).utf8)
        }
    }

    /// Of what a record says.
    init(_ record: ReceivedRecord) {
        self = record.withPlaces { Fingerprint($0) }
    }

    /// Of what a record in a text says; an id that comes from the log event says nothing that the place does not.
    init(_ record: QuickReceived) {
        self.init(record, time: record.time, uniqueId: record.hasDerivedId ? nil : record.uniqueId, record.dimensions)
    }

    /// Of what a record in a text says, with another time, id or other dimensions.
    init(
        _ record: QuickReceived, time: Int64, uniqueId: Range<Int>?,
        _ dimensions: [(name: Range<Int>, value: Range<Int>)]
    ) {
        self.init { texts in
            texts.append(record.meter, of: record.text)
            texts.append(record.customer, of: record.text)
            texts.append(record.value, of: record.text)
            texts.append(String(time).utf8)
            texts.append(CollectionOfOne(UInt8(ascii: uniqueId == nil ? "0" : "1")))
            texts.append(uniqueId ?? 0..<0, of: record.text)
            for dimension in dimensions {
                texts.append(dimension.name, of: record.text)
                texts.append(dimension.value, of: record.text)
            }
        }
    }

    /// Of a place where event ids do not tell: stream, time, and what was said there.
    ///
    /// An export writes a stream's name with hyphens for slashes, so that the two are one here.
    package init(logStream: String, timestamp: Int64?, ordinal: Int, content: Fingerprint) {
        let stream = String(logStream.map { $0 == "/" ? "-" : $0 })
        self.init([stream, timestamp.map { String($0) } ?? "", String(ordinal), "\(content.high) \(content.low)"])
    }
}
