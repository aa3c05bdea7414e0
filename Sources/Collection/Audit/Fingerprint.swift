import Crypto
package import Meter

/// 128 bits of SHA-256 over some texts: what an audit compares, in a size that does not depend on them.
package struct Fingerprint: Hashable, Sendable {
    /// The first 64 bits.
    package let high: UInt64
    /// The other 64 bits.
    package let low: UInt64

    /// Of texts, each told from its neighbours by its length.
    package init(_ texts: [String]) {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(256)
        for text in texts {
            var count = text.utf8.count
            repeat {
                bytes.append(UInt8(truncatingIfNeeded: count & 0x7f) | (count > 0x7f ? 0x80 : 0))
                count >>= 7
            } while count > 0
            bytes.append(contentsOf: text.utf8)
        }
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

    /// Of what a record says.
    ///
    /// - Parameter uniqueId: nil when it comes from the log event, so that it says nothing that the place does not.
    package init(
        meter: String, customer: String, value: Quantity, time: Int64, uniqueId: String?, dimensions: [Dimension]
    ) {
        var texts = [meter, customer, value.text, String(time), uniqueId == nil ? "0" : "1", uniqueId ?? ""]
        for dimension in dimensions { texts += [dimension.name, dimension.value] }
        self.init(texts)
    }

    /// Of a place where event ids do not tell: stream, time, and what was said there.
    ///
    /// An export writes a stream's name with hyphens for slashes, so that the two are one here.
    package init(logStream: String, timestamp: Int64?, ordinal: Int, content: Fingerprint) {
        let stream = String(logStream.map { $0 == "/" ? "-" : $0 })
        self.init([stream, timestamp.map { String($0) } ?? "", String(ordinal), "\(content.high) \(content.low)"])
    }
}
