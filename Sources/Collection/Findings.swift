import Meter
import MeterLine

/// Takes what an extraction finds, and counts it.
struct Findings {
    /// Where findings go.
    enum Taker {
        /// To a function, one by one.
        case each((Finding) throws -> Void)
        /// Among lines; the function is called whenever there are more, and may take them away.
        case lines(whenGrown: (inout FoundLines) throws -> Void)
    }

    /// The figures so far.
    var accounting = Accounting()
    /// What stands for the source of the input.
    let name: String
    /// Takes each finding, in order.
    let taker: Taker
    /// What was found, for a taker of lines.
    var lines: FoundLines

    /// Takes one finding.
    mutating func take(_ finding: Finding) throws {
        switch taker {
        case .each(let body): try body(finding)
        case .lines(let whenGrown):
            lines.append(finding)
            try whenGrown(&lines)
        }
    }

    /// Counts and hands on a reject of what is no log event.
    ///
    /// - Parameter source: where it came from; nil for the input as a whole.
    mutating func reject(
        _ detail: String, reason: RejectReason = .undecodable, source: Reject.Source? = nil, content: [UInt8]
    ) throws {
        accounting.rejects[reason, default: 0] += 1
        if source == nil { accounting.unreadableForms += 1 }
        try take(
            .reject(
                Reject(
                    reason: reason, detail: detail, tag: nil, ordinal: 0, source: source ?? .data(name: name),
                    timestamp: nil, content: content)))
    }
}
