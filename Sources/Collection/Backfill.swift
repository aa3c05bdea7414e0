public import Delivery
public import MeterLine

/// Brings the records of a past range of a log group to a sink, piece by piece.
///
/// A piece is settled when everything that was found in it is durable, and not before. A run that was broken off goes on
/// with what is not settled; what it repeats has the same identities.
public struct Backfill: Sendable {
    /// How far a run is.
    public struct Progress: Sendable {
        /// How much of the range is settled, in milliseconds of log event time.
        public var settled: Int64
        /// How long the range is, in milliseconds.
        public var total: Int64
        /// What was found so far.
        public var accounting: Accounting
    }

    /// After about so many log events a piece is settled.
    private static let eventsOfPiece = 200_000

    /// What was found.
    public private(set) var accounting = Accounting()
    /// What the reading took.
    public private(set) var cost = LogGroupReader.Cost()
    /// What became of the findings.
    public var report: DeliveryReport { delivery.report }

    private let reader: LogGroupReader
    private var delivery: FindingDelivery

    /// Makes a backfill.
    public init(reader: LogGroupReader, delivery: FindingDelivery) {
        self.reader = reader
        self.delivery = delivery
    }

    /// Reads and delivers what of a range is not settled.
    ///
    /// - Parameters:
    ///   - range: log event times in milliseconds since 1970.
    ///   - checkpoint: what is settled already; it is written after each piece.
    ///   - onProgress: is told how far it is.
    /// - Throws: `AWSError`, `DeliveryError`, `CheckpointFile.Problem`.
    public mutating func run(
        _ range: Range<Int64>, checkpoint: inout CheckpointFile, onProgress: (Progress) -> Void
    ) async throws {
        let missing = checkpoint.settled.missing(of: range)
        var settled = Int64(range.count) - missing.reduce(0) { $0 + Int64($1.count) }
        for part in missing {
            var windows = TimeWindows(part, target: Self.eventsOfPiece)
            while let window = windows.current {
                let before = accounting.events
                try await deliver(window)
                try checkpoint.settle(window)
                settled += Int64(window.count)
                onProgress(Progress(settled: settled, total: Int64(range.count), accounting: accounting))
                windows.finish(found: accounting.events - before)
            }
        }
    }

    private mutating func deliver(_ window: Range<Int64>) async throws {
        try await reader.deliver(window, to: &delivery, accounting: &accounting, cost: &cost)
        try await delivery.flush()
    }
}
