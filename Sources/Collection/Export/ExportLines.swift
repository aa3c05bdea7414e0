import Meter
import MeterLine

/// Cuts the text of an exported object into log events: `2026-01-02T03:04:05.678Z message`.
///
/// A line that does not begin with a time goes on with the message before it.
package struct ExportLines: ~Copyable {
    /// Why a text is no export.
    package struct Problem: Error, CustomStringConvertible {
        /// What is wrong, for people.
        package var description: String
    }

    /// CloudWatch Logs takes log events of at most 1 MiB; what is longer is no export.
    package static let maximumMessageBytes = 2 << 20
    /// The time as an export writes it, always with milliseconds and in UTC.
    private static let timeBytes = 24

    private var time: Int64?
    private var message: [UInt8] = []
    /// A line whose end has not come yet.
    private var line: [UInt8] = []

    /// Begins an object.
    package init() {}

    /// Takes the next piece of text.
    ///
    /// - Parameter body: takes each log event that is whole, with its time in milliseconds since 1970.
    /// - Throws: `Problem`, or what the body throws.
    package mutating func read(_ bytes: Span<UInt8>, _ body: (Int64, [UInt8]) throws -> Void) throws {
        var start = 0
        for index in bytes.indices where bytes[index] == UInt8(ascii: "\n") {
            try hold(bytes.extracting(start..<index))
            try endLine(body)
            start = index + 1
        }
        try hold(bytes.extracting(start...))
    }

    /// Ends the object.
    package mutating func finish(_ body: (Int64, [UInt8]) throws -> Void) throws {
        if !line.isEmpty { try endLine(body) }
        try endEvent(body)
    }

    private mutating func hold(_ piece: Span<UInt8>) throws(Problem) {
        unsafe piece.withUnsafeBufferPointer { unsafe line.append(contentsOf: $0) }
        guard line.count + message.count <= Self.maximumMessageBytes else {
            throw Problem(
                description:
                    "a log event has more than \(Self.maximumMessageBytes >> 20) MiB, which CloudWatch Logs takes "
                    + "none of; is this an export?")
        }
    }

    private mutating func endLine(_ body: (Int64, [UInt8]) throws -> Void) throws {
        let line = line
        self.line.removeAll(keepingCapacity: true)
        if let time = Self.time(line.span) {
            try endEvent(body)
            self.time = time
            message = Array(line.dropFirst(Self.timeBytes + 1))
            return
        }
        guard time != nil else {
            if line.isEmpty { return }
            throw Problem(
                description: "it does not begin with a time such as 2026-01-02T03:04:05.678Z, so that it is no export")
        }
        message.append(UInt8(ascii: "\n"))
        message.append(contentsOf: line)
    }

    private mutating func endEvent(_ body: (Int64, [UInt8]) throws -> Void) throws {
        guard let time else { return }
        self.time = nil
        // The line feed behind the last event is the export's, not the message's.
        while message.last == UInt8(ascii: "\n") { message.removeLast() }
        try body(time, message)
        message = []
    }

    private static func time(_ line: Span<UInt8>) -> Int64? {
        guard line.count >= timeBytes, line[10] == UInt8(ascii: "T"), line[timeBytes - 1] == UInt8(ascii: "Z"),
            line.count == timeBytes || line[timeBytes] == UInt8(ascii: " "),
            let (time, end) = Timestamp.rfc3339Prefix(line), end == timeBytes
        else { return nil }
        return RecordLimits.timeInMillis(time)
    }
}
