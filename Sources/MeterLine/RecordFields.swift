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

        /// The name that some bytes are: of this many bytes there are few.
        @inline(__always)
        init?(_ text: ByteText, _ range: Range<Int>) {
            func isName(_ name: StaticString) -> Bool { text.has(name, at: range.lowerBound) }
            switch range.count {
            case 4 where isName("time"): self = .time
            case 5 where isName("value"): self = .value
            case 6 where isName("tenant"): self = .tenant
            case 6 where isName("values"): self = .values
            case 8 where isName("uniqueId"): self = .uniqueId
            case 8 where isName("customer"): self = .customer
            case 8 where isName("sequence"): self = .sequence
            case 9 where isName("tenant_id"): self = .snakeTenantId
            case 9 where isName("meterName"): self = .meterName
            case 9 where isName("unique_id"): self = .snakeUniqueId
            case 10 where isName("customerId"): self = .customerId
            case 10 where isName("meterValue"): self = .meterValue
            case 10 where isName("dimensions"): self = .dimensions
            case 10 where isName("meter_name"): self = .snakeMeterName
            case 11 where isName("meter_value"): self = .snakeMeterValue
            case 12 where isName("meterApiName"): self = .meterApiName
            case 14 where isName("meter_api_name"): self = .snakeMeterApiName
            case 17 where isName("meterTimeInMillis"): self = .meterTimeInMillis
            case 20 where isName("meter_time_in_millis"): self = .snakeMeterTimeInMillis
            default: return nil
            }
        }

        /// The name that a key is.
        init?(_ key: Span<UInt8>) {
            guard let name = ByteText.with(key, { Self($0, 0..<$0.count) }) else { return nil }
            self = name
        }

        /// The field that it names.
        @inline(__always)
        var field: Field {
            switch self {
            case .customerId, .snakeTenantId, .tenant, .customer: .customer
            case .meterApiName, .snakeMeterApiName, .snakeMeterName, .meterName: .meter
            case .meterValue, .snakeMeterValue, .value: .value
            case .meterTimeInMillis, .time, .snakeMeterTimeInMillis: .time
            case .uniqueId, .snakeUniqueId: .ownId
            case .dimensions: .dimensions
            case .values: .values
            case .sequence: .sequence
            }
        }
    }

    /// A field, under whichever name.
    enum Field: UInt8 {
        case meter, customer, value, time, ownId, dimensions, values, sequence
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
