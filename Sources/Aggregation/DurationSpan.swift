/// A record of a duration meter that starts or stops something.
///
/// Events take effect by time, and of one time the starts first, so that a stop wins.
public struct DurationEvent: Sendable, Hashable {
    /// When it was, in milliseconds since 1970-01-01T00:00:00Z.
    public var time: Int64
    /// Whether it starts; otherwise it stops.
    public var isStart: Bool

    /// Makes an event.
    public init(time: Int64, isStart: Bool) {
        self.time = time
        self.isStart = isStart
    }
}

/// The time that one start makes something run: until the next event of its series, but not beyond the timeout.
public struct DurationSpan: Sendable, Hashable {
    /// The times of the span, in milliseconds since 1970-01-01T00:00:00Z; there is at least one.
    public let range: Range<Int64>

    /// A span of some times; nil when there are none.
    public init?(_ range: Range<Int64>) {
        guard !range.isEmpty, !range.upperBound.subtractingReportingOverflow(range.lowerBound).overflow else {
            return nil
        }
        self.range = range
    }

    /// The span that an event starts; nil when it stops, or when the next event is at the same time.
    ///
    /// - Parameters:
    ///   - event: An event of a series, which is a customer with all dimensions.
    ///   - next: The event of the series that comes after it in the order of events, whether it starts or stops; of equal
    ///     events each but the last is followed by its equal. Nil for the last of the series.
    ///   - timeout: After how many milliseconds something stops by itself.
    public init?(of event: DurationEvent, next: DurationEvent?, timeout: Int64) {
        guard event.isStart else { return nil }
        let (sum, overflow) = event.time.addingReportingOverflow(timeout)
        let end = min(overflow ? .max : sum, next?.time ?? .max)
        guard end > event.time else { return nil }
        self.init(event.time..<end)
    }

    /// The part of the span that is in a range; nil when there is none.
    public func clamped(to limits: Range<Int64>) -> DurationSpan? {
        DurationSpan(range.clamped(to: limits))
    }

    /// How much of the span is in each bucket, in the order of time.
    public func parts(by interval: Interval) -> Parts {
        Parts(range: range, interval: interval)
    }
}

extension DurationSpan {
    /// How much of a span is in one bucket.
    public struct Part: Sendable, Hashable {
        /// The start of the bucket, in milliseconds since 1970-01-01T00:00:00Z.
        public let bucket: Int64
        /// How many milliseconds of the span are in it; from 1.
        public let milliseconds: Int64
    }

    /// The parts of a span, made as they are asked for.
    public struct Parts: Sequence, IteratorProtocol, Sendable {
        private var range: Range<Int64>
        private let interval: Interval

        fileprivate init(range: Range<Int64>, interval: Interval) {
            self.range = range
            self.interval = interval
        }

        /// The part in the next bucket; nil at the end of the span.
        public mutating func next() -> Part? {
            guard !range.isEmpty else { return nil }
            let bucket = interval.start(of: range.lowerBound)
            let end = Swift.min(interval.next(after: bucket), range.upperBound)
            defer { range = end..<range.upperBound }
            return Part(bucket: bucket, milliseconds: end - range.lowerBound)
        }
    }
}
