/// The fields of one record as they stand in its JSON object, before any rule was applied to them.
struct RecordFields {
    /// Every name under which a field is accepted.
    enum Name: Int, CaseIterable {
        case customerId, snakeTenantId, tenant, customer
        case meterApiName, snakeMeterApiName, snakeMeterName, meterName
        case meterValue, snakeMeterValue, value
        case meterTimeInMillis, time, snakeMeterTimeInMillis
        case uniqueId, snakeUniqueId
        case dimensions, values
        case sequence

        /// The name as it is written.
        static let written: [[UInt8]] = [
            "customerId", "tenant_id", "tenant", "customer",
            "meterApiName", "meter_api_name", "meter_name", "meterName",
            "meterValue", "meter_value", "value",
            "meterTimeInMillis", "time", "meter_time_in_millis",
            "uniqueId", "unique_id",
            "dimensions", "values",
            "sequence",
        ].map { Array($0.utf8) }

        init?(_ key: Span<UInt8>) {
            for index in Self.written.indices {
                let name = Self.written[index]
                guard isEqual(name.span, key) else { continue }
                self.init(rawValue: index)
                return
            }
            return nil
        }
    }

    private var values = [JSON.Value?](repeating: nil, count: Name.allCases.count)
    /// Keys that are no field's name, in order.
    private(set) var ignoredKeys: [String] = []
    /// The value under `source`, which is no field of a log line but one of a record that the agent delivers.
    private(set) var source: JSON.Value?

    static let sourceName = "source"

    /// Reads the object that starts at the position.
    init(_ bytes: Span<UInt8>, _ position: inout Int, depth: Int) throws(JSON.Fault) {
        var values = values
        var ignoredKeys: [String] = []
        var source: JSON.Value?
        try JSON.members(bytes, &position, depth: depth) { key, bytes, position, depth throws(JSON.Fault) in
            let value = try JSON.value(bytes, &position, depth: depth)
            let name: Name?
            if key.hasEscapes {
                let decoded = JSON.decoded(key, in: bytes)
                name = Name(decoded.span)
            } else {
                name = Name(bytes.extracting(key.range))
            }
            if let name {
                values[name.rawValue] = value
            } else if ignoredKeys.count < LineReader.maximumValues {
                let text = JSON.text(key, in: bytes)
                if text == Self.sourceName { source = value }
                ignoredKeys.append(text)
            }
        }
        self.source = source
        self.values = values
        self.ignoredKeys = ignoredKeys
    }

    /// The value under a name; nil when it is absent or null.
    subscript(name: Name) -> JSON.Value? {
        if case .null = values[name.rawValue] { return nil }
        return values[name.rawValue]
    }

    /// Whether it names a meter, or holds several meters' values.
    var namesMeter: Bool {
        first(of: .meterApiName, .snakeMeterApiName, .snakeMeterName, .meterName, .values) != nil
    }

    /// The first of some names that is present with a value.
    func first(of names: Name...) -> JSON.Value? {
        for name in names {
            if let value = self[name] { return value }
        }
        return nil
    }
}

func isEqual(_ left: Span<UInt8>, _ right: Span<UInt8>) -> Bool {
    guard left.count == right.count else { return false }
    for index in left.indices where left[index] != right[index] { return false }
    return true
}
