package import Meter

/// A record of a line of a bucket as places in a text, with the log event that it is from.
///
/// The ranges are those of the texts' bytes, which are UTF-8 without escapes.
package struct QuickReceived {
    /// The log event that a record says it is from.
    package struct Source {
        /// The account of the log group.
        package let account: Range<Int>
        /// The log group.
        package let logGroup: Range<Int>
        /// The log stream.
        package let logStream: Range<Int>
        /// The log event's id.
        package let eventId: Range<Int>
        /// The log event's time in milliseconds since 1970, if it is told.
        package let timestamp: Int64?
        /// The place among the values of the log event.
        package let ordinal: Int
    }

    /// What the ranges are in; it must not outlive the call that lent it.
    package let text: ByteText
    /// The line.
    package let line: Range<Int>
    /// The meter.
    package let meter: Range<Int>
    /// The customer.
    package let customer: Range<Int>
    /// The canonical digits of the quantity.
    package let value: Range<Int>
    /// Milliseconds since 1970.
    package let time: Int64
    /// The id; nil when there is none.
    package let uniqueId: Range<Int>?
    /// The dimensions in the order of their names' bytes.
    package let dimensions: [(name: Range<Int>, value: Range<Int>)]
    /// The log event; nil when the line does not say.
    package let source: Source?
    /// Whether its time says nothing of its identity.
    package let isTimeless: Bool
    /// Whether the id comes from the log event.
    package let hasDerivedId: Bool
}

extension ReceivedRecord {
    /// Lends `body` what it says as places in a text, as a quick reader finds them.
    ///
    /// - Parameter line: what it was read from.
    package func withPlaces<Result>(
        line: ArraySlice<UInt8> = [], _ body: (QuickReceived) throws -> Result
    ) rethrows -> Result {
        var text = Array(line)
        func place(_ string: String) -> Range<Int> {
            let start = text.count
            text.append(contentsOf: string.utf8)
            return start..<text.count
        }
        let (meter, customer, value) = (place(meterApiName), place(customerId), place(meterValue.text))
        let (id, dimensions) = (uniqueId.map(place), dimensions.map { (place($0.name), place($0.value)) })
        let source = source.map {
            QuickReceived.Source(
                account: place($0.account), logGroup: place($0.logGroup), logStream: place($0.logStream),
                eventId: place($0.eventId), timestamp: $0.timestamp, ordinal: $0.ordinal)
        }
        return try ByteText.with(text.span) { text in
            try body(
                QuickReceived(
                    text: text, line: 0..<line.count, meter: meter, customer: customer, value: value,
                    time: meterTimeInMillis, uniqueId: id, dimensions: dimensions, source: source,
                    isTimeless: isTimeless, hasDerivedId: hasDerivedId))
        }
    }
}

/// Reads lines of a bucket that are written as Metertap writes them; of all others it keeps its hands off.
package struct QuickReceivedReader: ~Copyable {
    private let reader = QuickReader()
    private var record = QuickRecord()
    /// The log stream of the line before, and what the identities of its records begin with.
    private var stream: (account: [UInt8], logGroup: [UInt8], logStream: [UInt8])?
    private var identity = Identity.Beginning(account: "", logGroup: "", logStream: "")

    /// Makes a reader.
    package init() {}

    /// The record of a line, if it can be read the quick way; what it says is what `IngestReader` reads.
    package mutating func read(_ text: ByteText, _ line: Range<Int>) -> QuickReceived? {
        guard text.count <= QuickRecord.maximumTextBytes,
            let source = reader.readStored(text, line, into: &record)
        else { return nil }
        let uniqueId = record.ownId.isMissing ? nil : record.ownId.range
        let hasDerivedId = uniqueId.map { isDerived($0, text, source) } ?? false
        return QuickReceived(
            text: text, line: line, meter: record.meter.range, customer: record.customer.range,
            value: record.value.range, time: record.time, uniqueId: uniqueId, dimensions: dimensions(),
            source: QuickReceived.Source(
                account: source.account.range, logGroup: source.logGroup.range, logStream: source.logStream.range,
                eventId: source.eventId.range, timestamp: source.timestamp, ordinal: Int(source.ordinal)),
            isTimeless: source.timeDerived && uniqueId != nil && !hasDerivedId, hasDerivedId: hasDerivedId)
    }

    private func dimensions() -> [(name: Range<Int>, value: Range<Int>)] {
        var dimensions: [(name: Range<Int>, value: Range<Int>)] = []
        dimensions.reserveCapacity(record.dimensionCount)
        for index in 0..<record.dimensionCount {
            let dimension = record.dimension(index)
            dimensions.append((dimension.name.range, dimension.value.range))
        }
        return dimensions
    }

    private mutating func isDerived(_ id: Range<Int>, _ text: ByteText, _ source: QuickSource) -> Bool {
        guard id.count == Identity.length else { return false }
        let isSame =
            stream.map { stream in
                text.isEqual(source.account.range, stream.account)
                    && text.isEqual(source.logGroup.range, stream.logGroup)
                    && text.isEqual(source.logStream.range, stream.logStream)
            } ?? false
        if !isSame {
            stream = (
                text.bytes(source.account.range), text.bytes(source.logGroup.range), text.bytes(source.logStream.range)
            )
            identity = Identity.Beginning(
                account: text.string(source.account.range), logGroup: text.string(source.logGroup.range),
                logStream: text.string(source.logStream.range))
        }
        let derived = identity.uniqueId(text, source.eventId.range, ordinal: Int(source.ordinal))
        return text.isEqual(id, Array(derived.utf8))
    }
}

extension ByteText {
    /// A copy of the bytes of a range.
    package func bytes(_ range: Range<Int>) -> [UInt8] {
        unsafe withBytes(range) { unsafe Array($0) }
    }

    /// Whether the bytes of a range are these.
    package func isEqual(_ range: Range<Int>, _ bytes: [UInt8]) -> Bool {
        guard range.count == bytes.count else { return false }
        return unsafe withBytes(range) { unsafe $0.elementsEqual(bytes) }
    }
}
