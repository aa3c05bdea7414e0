import Meter

/// Where in a rejected line its fault stands, to show it.
package enum RejectedLine {
    /// The bytes at fault in a line of JSON; nil where no place can be named, as for a field that is missing.
    package static func fault(_ reason: String, in line: [UInt8]) -> Range<Int>? {
        guard let reason = RejectReason(rawValue: reason) else { return nil }
        var position = 0
        JSON.skipWhitespace(line.span, &position)
        do throws(JSON.Fault) {
            if position < line.count, line[position] == UInt8(ascii: "{") {
                return try value(of: names(reason), in: line.span, from: position)
            }
            _ = try JSON.value(line.span, &position)
            return reason == .notARecord ? 0..<position : nil
        } catch {
            guard case .malformed(let place) = error, place < line.count else { return nil }
            return place..<line.count
        }
    }

    private static func names(_ reason: RejectReason) -> [RecordFields.Name] {
        switch reason {
        case .invalidCustomer: [.customerId, .snakeTenantId, .tenant, .customer]
        case .invalidMeter: [.meterApiName, .snakeMeterApiName, .snakeMeterName, .meterName]
        case .invalidValue: [.meterValue, .snakeMeterValue, .value, .values]
        case .invalidTime, .pastRetention: [.meterTimeInMillis, .time, .snakeMeterTimeInMillis]
        case .invalidUniqueId: [.uniqueId, .snakeUniqueId]
        case .invalidDimension: [.dimensions]
        default: []
        }
    }

    /// The first value under one of some names; the whole line is read, for a fault behind it is one too.
    private static func value(
        of names: [RecordFields.Name], in line: Span<UInt8>, from start: Int
    ) throws(JSON.Fault) -> Range<Int>? {
        var found: Range<Int>?
        var position = start
        try JSON.members(line, &position) { key, line, position, depth throws(JSON.Fault) in
            let begin = position
            _ = try JSON.value(line, &position, depth: depth)
            guard found == nil, let name = RecordFields.Name(line.extracting(key.range)) else { return }
            if names.contains(name) { found = begin..<position }
        }
        return found
    }
}
