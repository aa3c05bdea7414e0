import Meter

/// The JSON document in which CloudWatch Logs ships log events to a subscription.
///
/// Its members come in any order and unknown ones are skipped. Source: Amazon CloudWatch Logs User Guide, "Log group-level
/// subscription filters".
struct Envelope {
    enum Kind {
        case data
        /// CloudWatch Logs checks whether the destination can be reached.
        case control
    }

    /// Why bytes are no envelope.
    struct Fault: Error {
        var detail: String
    }

    private(set) var kind = Kind.data
    private(set) var account = ""
    private(set) var logGroup = ""
    private(set) var logStream = ""
    /// Where the array of log events stands.
    private(set) var eventsRange: Range<Int>?

    /// One log event of an envelope.
    enum Event {
        /// The text of the message is borrowed.
        case decoded(id: String, timestamp: Int64?, message: JSON.StringToken)
        /// Something in the array that is no log event.
        case undecodable(Range<Int>)
    }

    /// Reads the envelope that starts at the position and moves it behind; the log events are passed over.
    ///
    /// - Parameter index: keeps where each log event stands, if there are not too many.
    init(_ bytes: Span<UInt8>, _ position: inout Int, index: inout EventIndex) throws(Fault) {
        index.clear()
        var hasNames = (owner: false, logGroup: false, logStream: false)
        var envelope = (kind: Kind.data, account: "", logGroup: "", logStream: "", eventsRange: Range<Int>?.none)
        do throws(LooseJSON.Fault) {
            try LooseJSON.members(bytes, &position) { name, bytes, position throws(LooseJSON.Fault) in
                func isName(_ expected: String) -> Bool { LooseJSON.isName(name, expected, in: bytes) }
                if isName("messageType") {
                    if try LooseJSON.text(bytes, &position) == "CONTROL_MESSAGE" { envelope.kind = .control }
                } else if isName("owner") {
                    envelope.account = try LooseJSON.text(bytes, &position)
                    hasNames.owner = true
                } else if isName("logGroup") {
                    envelope.logGroup = try LooseJSON.text(bytes, &position)
                    hasNames.logGroup = true
                } else if isName("logStream") {
                    envelope.logStream = try LooseJSON.text(bytes, &position)
                    hasNames.logStream = true
                } else if isName("logEvents") {
                    guard try LooseJSON.byte(bytes, position) == UInt8(ascii: "[") else {
                        throw LooseJSON.Fault(position: position)
                    }
                    let start = position
                    try index.read(bytes, &position)
                    envelope.eventsRange = start..<position
                } else {
                    try LooseJSON.skip(bytes, &position)
                }
            }
        } catch {
            throw Fault(detail: "the envelope is no JSON object, or is cut off, at byte \(error.position)")
        }
        (kind, account, logGroup, logStream, eventsRange) = envelope
        if kind == .control { return }
        guard hasNames == (true, true, true), eventsRange != nil else {
            throw Fault(detail: "the envelope lacks one of owner, logGroup, logStream and logEvents")
        }
    }

    /// Hands on each log event.
    func events(_ bytes: Span<UInt8>, _ body: (Event) -> Void) {
        guard let range = eventsRange else { return }
        var position = range.lowerBound
        do throws(LooseJSON.Fault) {
            try LooseJSON.elements(bytes, &position) { bytes, position throws(LooseJSON.Fault) in
                body(try Self.element(bytes, &position))
            }
        } catch {
            // The brackets were matched before, but between two events something else than a comma stands.
            body(.undecodable(min(error.position, range.upperBound)..<range.upperBound))
        }
    }

    /// The log event at a position at which an element of the array was found before.
    func event(_ bytes: Span<UInt8>, at start: Int) -> Event {
        var position = start
        return (try? Self.element(bytes, &position)) ?? .undecodable(start..<position)
    }

    private static func element(_ bytes: Span<UInt8>, _ position: inout Int) throws(LooseJSON.Fault) -> Event {
        let start = position
        if let event = event(bytes, &position) { return event }
        position = start
        try LooseJSON.skip(bytes, &position)
        return .undecodable(start..<position)
    }

    private static func event(_ bytes: Span<UInt8>, _ position: inout Int) -> Event? {
        var id: String?
        var timestamp: Int64?
        var message: JSON.StringToken?
        do throws(LooseJSON.Fault) {
            try LooseJSON.members(bytes, &position) { name, bytes, position throws(LooseJSON.Fault) in
                if LooseJSON.isName(name, "id", in: bytes) {
                    id = try LooseJSON.text(bytes, &position)
                } else if LooseJSON.isName(name, "timestamp", in: bytes) {
                    timestamp = RecordLimits.timeInMillis(Int64(try LooseJSON.text(bytes, &position)))
                } else if LooseJSON.isName(name, "message", in: bytes) {
                    message = try LooseJSON.string(bytes, &position)
                } else {
                    try LooseJSON.skip(bytes, &position)
                }
            }
        } catch {
            return nil
        }
        guard let id, let message, !id.isEmpty else { return nil }
        return .decoded(id: id, timestamp: timestamp, message: message)
    }
}
