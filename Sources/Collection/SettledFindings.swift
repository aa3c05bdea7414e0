/// How many of the first findings of some files are settled: what a run over files that was broken off must remember.
public struct SettledFindings: Sendable, Equatable {
    /// After about so many findings they are delivered and settled.
    public static let ofPiece = 10_000

    private let count: Int64

    init(count: Int64) {
        self.count = count
    }

    /// Whether a finding is settled, by its number from 0.
    public func contains(_ number: Int64) -> Bool { number < count }
}

extension CheckpointFile {
    /// What of the files is settled.
    public var findings: SettledFindings {
        SettledFindings(count: settled.ranges.first { $0.lowerBound == 0 }?.upperBound ?? 0)
    }

    /// Notes that the first findings are settled; that is on the disk when this returns.
    ///
    /// - Throws: `Problem`.
    public mutating func settleFindings(_ count: Int64) throws(Problem) {
        if count > 0 { try settle(0..<count) }
    }

    /// What of a range is not settled, in order.
    package func missing(of range: Range<Int64>) -> [Range<Int64>] { settled.missing(of: range) }

    /// Notes that a part of a range is settled; that is on the disk when this returns.
    ///
    /// - Throws: `Problem`.
    package mutating func settleWindow(_ window: Range<Int64>) throws(Problem) { try settle(window) }
}
