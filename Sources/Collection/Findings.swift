import Meter
import MeterLine

/// Takes what an extraction finds, and counts it.
struct Findings {
    /// The figures so far.
    var accounting = Accounting()
    /// What stands for the source of the input.
    let name: String
    /// Takes each finding, in order.
    let body: (Finding) throws -> Void

    init(name: String, body: @escaping (Finding) throws -> Void) {
        self.name = name
        self.body = body
    }

    /// Counts and hands on a reject of what is no log event.
    mutating func reject(
        _ detail: String, reason: RejectReason = .undecodable, source: Reject.Source? = nil, content: [UInt8]
    ) throws {
        accounting.rejects[reason, default: 0] += 1
        try body(
            .reject(
                Reject(
                    reason: reason, detail: detail, tag: nil, ordinal: 0, source: source ?? .data(name: name),
                    timestamp: nil, content: content)))
    }
}
