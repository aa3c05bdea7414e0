package import Meter

/// Reads the pages of records and of rejects that the platform's API answers.
package enum PlatformPage {
    /// A record as the platform has it.
    package struct Event {
        /// Its number.
        package var number: Int64
        /// What became of it, as the API says it.
        package var state: String
        /// Whether somebody edited a reject into it.
        package var isEdited: Bool
        /// What it says.
        package var record: ReceivedRecord
    }

    /// A page of `GET /events`; nil when the bytes are none.
    package static func events(_ page: Span<UInt8>) -> (events: [Event], cursor: String?)? {
        var events: [Event] = []
        var cursor: String?
        var isWhole = true
        var position = 0
        JSON.skipWhitespace(page, &position)
        do throws(JSON.Fault) {
            guard try JSON.peek(page, position) == UInt8(ascii: "{") else { return nil }
            try JSON.members(page, &position) { key, bytes, position, depth throws(JSON.Fault) in
                switch JSON.text(key, in: bytes) {
                case "events" where bytes[position] == UInt8(ascii: "["):
                    try JSON.elements(bytes, &position, depth: depth) { bytes, position, depth throws(JSON.Fault) in
                        let start = position
                        _ = try JSON.value(bytes, &position, depth: depth)
                        guard let event = event(bytes, start) else {
                            isWhole = false
                            return
                        }
                        events.append(event)
                    }
                case "cursor":
                    if case .string(let token) = try JSON.value(bytes, &position, depth: depth) {
                        cursor = JSON.text(token, in: bytes)
                    }
                default: _ = try JSON.value(bytes, &position, depth: depth)
                }
            }
        } catch { return nil }
        return isWhole ? (events, cursor) : nil
    }

    /// An object that was validated.
    private static func event(_ bytes: Span<UInt8>, _ start: Int) -> Event? {
        var position = start
        guard bytes[start] == UInt8(ascii: "{"), let fields = try? RecordFields(bytes, &position, depth: 0),
            let result = RecordReader(fields: fields, eventTimestamp: nil, allowMissingCustomer: true).read(bytes)
                .first,
            case .success(let content) = result
        else { return nil }
        var number: Int64?
        var state = ""
        var isEdited = false
        position = start
        try? JSON.members(bytes, &position) { key, bytes, position, depth throws(JSON.Fault) in
            switch (JSON.text(key, in: bytes), try JSON.value(bytes, &position, depth: depth)) {
            case ("number", .number(let range)): number = Int64(JSON.text(range, in: bytes))
            case ("state", .string(let token)): state = JSON.text(token, in: bytes)
            case ("intake", .object(let range)): isEdited = JSONTree.kind(bytes, range) == "retry"
            default: break
            }
        }
        guard let number else { return nil }
        return Event(
            number: number, state: state, isEdited: isEdited,
            record: ReceivedRecord(
                meterApiName: content.meterApiName, customerId: content.customerId ?? "",
                meterValue: content.meterValue, meterTimeInMillis: content.meterTimeInMillis,
                uniqueId: content.ownId, dimensions: content.dimensions,
                source: fields.source.flatMap { RecordSource($0, in: bytes) }))
    }
}

extension JSONTree {
    /// The member `kind` of an object.
    fileprivate static func kind(_ bytes: Span<UInt8>, _ range: Range<Int>) -> String? {
        JSONTree(MeterLine.bytes(of: bytes.extracting(range)))?["kind"]?.text
    }
}

extension RecordSource {
    /// Reads a `source` as the platform's API writes it; nil when there is none.
    package init?(_ tree: JSONTree?) {
        guard let tree, let logGroup = tree["logGroup"]?.text else { return nil }
        self.init(
            account: tree["account"]?.text ?? "", logGroup: logGroup, logStream: tree["logStream"]?.text ?? "",
            eventId: tree["eventId"]?.text ?? "", timestamp: (tree["timestamp"]?.text).flatMap { Int64($0) },
            ordinal: max(0, (tree["ordinal"]?.text).flatMap { Int($0) } ?? 0),
            timeDerived: tree["timeDerived"] == .bool(true))
    }
}
