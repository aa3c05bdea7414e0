import Meter

/// What a record says, before its log event gives it an identity.
struct RecordContent {
    var meterApiName: String
    var meterValue: Quantity
    var meterTimeInMillis: Int64
    var timeDerived: Bool
    var customerId: String?
    /// The id that the record brought itself.
    var ownId: String?
    var dimensions: [Dimension]
}

/// Why an object is no record.
struct Rejection: Error, Hashable {
    var reason: RejectReason
    var detail: String

    init(_ reason: RejectReason, _ detail: String) {
        self.reason = reason
        self.detail = detail
    }
}

/// Turns the fields of one object into records by the rules of the log-line contract.
///
/// Checks run in the order meter, customer, value, time, id, dimensions; the first that fails gives the reason.
struct RecordReader {
    let fields: RecordFields
    let eventTimestamp: Int64?
    let allowMissingCustomer: Bool

    /// One record or rejection, or one for each member of `values`; at most one more than a message may have.
    func read(_ bytes: Span<UInt8>) -> [Result<RecordContent, Rejection>] {
        guard let values = fields[.values] else {
            let meter = fields.first(of: .meterApiName, .snakeMeterApiName, .snakeMeterName, .meterName)
            let value = fields.first(of: .meterValue, .snakeMeterValue, .value)
            return [
                result { () throws(Rejection) in
                    try record(bytes, meter: meter, value: value) { () throws(Rejection) in try readCommon(bytes) }
                }
            ]
        }
        guard case .object(let range) = values else {
            return [.failure(Rejection(.invalidValue, "values is no object of meter names and numbers"))]
        }
        let members = distinctMembers(of: range, in: bytes)
        guard !members.isEmpty else {
            return [.failure(Rejection(.invalidValue, "values is empty"))]
        }
        let isAlone =
            fields.first(of: .meterApiName, .snakeMeterApiName, .snakeMeterName, .meterName) == nil
            && fields.first(of: .meterValue, .snakeMeterValue, .value) == nil
        let common = Result { () throws(Rejection) in try readCommon(bytes) }
        return members.prefix(LineReader.maximumValues + 1).map { member in
            result { () throws(Rejection) in
                guard isAlone else {
                    throw Rejection(.invalidValue, "values stands beside a meter's name or value of its own")
                }
                return try record(bytes, meter: .string(member.name), value: member.value) { () throws(Rejection) in
                    try common.get()
                }
            }
        }
    }

    /// The members of `values`, as `read` gives their results.
    func valueMembers(_ bytes: Span<UInt8>) -> [(name: JSON.StringToken, range: Range<Int>)] {
        guard case .object(let range)? = fields[.values] else { return [] }
        return distinctMembers(of: range, in: bytes).map { ($0.name, $0.range) }
    }

    /// Whether two names give different customers.
    func hasConflictingCustomer(_ bytes: Span<UInt8>) -> Bool {
        let names: [RecordFields.Name] = [.customerId, .snakeTenantId, .tenant, .customer]
        let texts = names.compactMap { fields[$0] }.map { Array(text($0, in: bytes).utf8) }
        return texts.dropFirst().contains { $0 != texts.first }
    }

    private func result(_ body: () throws(Rejection) -> RecordContent) -> Result<RecordContent, Rejection> {
        do { return .success(try body()) } catch { return .failure(error) }
    }

    /// What all records of one object share.
    private struct Common {
        var time: Int64
        var timeDerived: Bool
        var ownId: String?
        var dimensions: [Dimension]
    }

    private func readCommon(_ bytes: Span<UInt8>) throws(Rejection) -> Common {
        let (time, timeDerived) = try self.time(bytes)
        return Common(
            time: time, timeDerived: timeDerived, ownId: try ownId(bytes), dimensions: try dimensions(bytes))
    }

    private func record(
        _ bytes: Span<UInt8>, meter: JSON.Value?, value: JSON.Value?, common: () throws(Rejection) -> Common
    ) throws(Rejection) -> RecordContent {
        let meterApiName = try self.meter(meter, bytes)
        let customerId = try customer(bytes)
        let meterValue = try quantity(value, bytes)
        let common = try common()
        return RecordContent(
            meterApiName: meterApiName, meterValue: meterValue, meterTimeInMillis: common.time,
            timeDerived: common.timeDerived, customerId: customerId, ownId: common.ownId,
            dimensions: common.dimensions)
    }

    // MARK: - The fields

    private func meter(_ value: JSON.Value?, _ bytes: Span<UInt8>) throws(Rejection) -> String {
        switch value {
        case nil: throw Rejection(.missingMeter, "no meterApiName")
        case .string(let token):
            let name = JSON.text(token, in: bytes)
            guard !name.isEmpty else { throw Rejection(.missingMeter, "meterApiName is empty") }
            return try within(RecordLimits.nameBytes, name, "meterApiName")
        default: throw Rejection(.invalidMeter, "meterApiName is no string")
        }
    }

    private func customer(_ bytes: Span<UInt8>) throws(Rejection) -> String? {
        // A record in an older shape may carry a customerId beside the tenant_id that is meant.
        let isNewShape = fields[.meterApiName] != nil || fields[.values] != nil
        let value =
            isNewShape
            ? fields.first(of: .customerId, .snakeTenantId, .tenant, .customer)
            : fields.first(of: .snakeTenantId, .tenant, .customerId, .customer)
        let name: String
        switch value {
        case nil: name = ""
        case .string(let token): name = JSON.text(token, in: bytes)
        case .number(let range) where isWholeNumber(range, in: bytes): name = JSON.text(range, in: bytes)
        default: throw Rejection(.invalidCustomer, "customerId is neither a string nor a whole number")
        }
        if name.isEmpty {
            guard allowMissingCustomer else {
                throw Rejection(.missingCustomer, value == nil ? "no customerId" : "customerId is empty")
            }
            return nil
        }
        return try within(RecordLimits.nameBytes, name, "customerId")
    }

    private func quantity(_ value: JSON.Value?, _ bytes: Span<UInt8>) throws(Rejection) -> Quantity {
        let quantity: Quantity?
        switch value {
        case nil, .null: throw Rejection(.invalidValue, "no meterValue")
        case .number(let range): quantity = Quantity(jsonNumber: bytes.extracting(range))
        case .string(let token): quantity = Quantity(JSON.text(token, in: bytes))
        default: throw Rejection(.invalidValue, "meterValue is no number")
        }
        guard let quantity else {
            throw Rejection(
                .invalidValue,
                "meterValue is no number below 10^\(Quantity.maximumIntegerDigits) with at most "
                    + "\(Quantity.maximumDecimalPlaces) decimal places")
        }
        return quantity
    }

    private func time(_ bytes: Span<UInt8>) throws(Rejection) -> (Int64, isDerived: Bool) {
        let written = fields.first(of: .meterTimeInMillis, .time, .snakeMeterTimeInMillis)
        guard let written else {
            guard let eventTimestamp else {
                throw Rejection(.missingTime, "neither the record nor its line begins with a time")
            }
            return (eventTimestamp, true)
        }
        guard let time = milliseconds(written, bytes) else {
            throw Rejection(.invalidTime, "meterTimeInMillis is neither a number of milliseconds nor an RFC 3339 time")
        }
        guard time >= RecordLimits.earliestTimeInMillis else {
            throw Rejection(.invalidTime, "meterTimeInMillis is before the year 2000; is it in seconds?")
        }
        // Without a log event's time the bound is the year 9999, which still tells microseconds apart.
        let latest = eventTimestamp.map { $0 + RecordLimits.futureInMillis } ?? RecordLimits.timesInMillis.upperBound
        guard time <= latest else {
            throw Rejection(
                .invalidTime, "meterTimeInMillis is over a year after the log event; is it in microseconds?")
        }
        return (time, false)
    }

    private func milliseconds(_ value: JSON.Value, _ bytes: Span<UInt8>) -> Int64? {
        switch value {
        case .number(let range):
            return Quantity(jsonNumber: bytes.extracting(range))?.truncated ?? integerPart(range, in: bytes)
        case .string(let token):
            let content = JSON.decoded(token, in: bytes)
            if !content.isEmpty, content.allSatisfy(isDigit) {
                return Int64(String(decoding: content, as: UTF8.self))
            }
            return Timestamp.rfc3339(content.span)
        default: return nil
        }
    }

    /// The whole part of a number that has more decimal places than a quantity may have.
    private func integerPart(_ range: Range<Int>, in bytes: Span<UInt8>) -> Int64? {
        let text = JSON.text(range, in: bytes)
        guard !text.contains(where: { $0 == "e" || $0 == "E" }) else { return nil }
        return Int64(text.prefix { $0 != "." })
    }

    private func ownId(_ bytes: Span<UInt8>) throws(Rejection) -> String? {
        let id: String
        switch fields.first(of: .uniqueId, .snakeUniqueId) {
        case nil: return nil
        case .string(let token): id = JSON.text(token, in: bytes)
        case .number(let range) where isWholeNumber(range, in: bytes): id = JSON.text(range, in: bytes)
        default: throw Rejection(.invalidUniqueId, "uniqueId is neither a string nor a whole number")
        }
        // An empty id would make all records that have it one.
        return id.isEmpty ? nil : try within(RecordLimits.nameBytes, id, "uniqueId")
    }

    private func within(_ limit: Int, _ text: String, _ field: String) throws(Rejection) -> String {
        guard text.utf8.count <= limit else {
            throw Rejection(.tooLarge, "\(field) is longer than \(limit) bytes")
        }
        return text
    }

    // MARK: - The producer's sequence

    /// What no record is rejected for: it bears on no bill.
    func sequence(_ bytes: Span<UInt8>) -> WrittenSequence {
        guard let value = fields[.sequence] else { return .absent }
        guard case .object(let range) = value else { return .invalid }
        var source = ""
        var number: Int64?
        for member in distinctMembers(of: range, in: bytes) {
            switch (JSON.text(member.name, in: bytes), member.value) {
            case ("source", .string(let token)): source = JSON.text(token, in: bytes)
            case ("number", .number(let range)): number = Int64(JSON.text(range, in: bytes))
            default: break
            }
        }
        guard let number, number >= 0, !source.isEmpty, source.utf8.count <= RecordLimits.nameBytes else {
            return .invalid
        }
        return .valid(ProducerSequence(source: source, number: number))
    }

    // MARK: - Dimensions

    private func dimensions(_ bytes: Span<UInt8>) throws(Rejection) -> [Dimension] {
        let pairs: [(name: String, value: String)]
        switch fields[.dimensions] {
        case nil: return []
        case .object(let range): pairs = try members(of: range, in: bytes)
        case .array(let range): pairs = try listedMembers(of: range, in: bytes)
        default: throw Rejection(.invalidDimension, "dimensions is no object")
        }
        if pairs.isEmpty { return [] }
        // Names are told apart by their bytes, as everything is that bears on a bill.
        let latest = Dictionary(pairs.map { (Array($0.name.utf8), $0) }) { $1 }.values
            .sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        guard latest.count <= RecordLimits.dimensions else {
            throw Rejection(.invalidDimension, "more than \(RecordLimits.dimensions) dimensions")
        }
        for (name, value) in latest {
            guard name.utf8.count <= RecordLimits.nameBytes else {
                throw Rejection(.invalidDimension, "a dimension's name is longer than \(RecordLimits.nameBytes) bytes")
            }
            guard value.utf8.count <= RecordLimits.dimensionValueBytes else {
                throw Rejection(
                    .invalidDimension, "a dimension's value is longer than \(RecordLimits.dimensionValueBytes) bytes")
            }
        }
        return latest.map { Dimension(name: $0.name, value: $0.value) }
    }

    private func members(
        of range: Range<Int>, in bytes: Span<UInt8>
    ) throws(Rejection) -> [(name: String, value: String)] {
        var pairs: [(name: String, value: String)] = []
        let members = distinctMembers(of: range, in: bytes)
        guard members.count <= LineReader.maximumValues else {
            throw Rejection(.invalidDimension, "more than \(RecordLimits.dimensions) dimensions")
        }
        for member in members {
            if case .null = member.value { continue }
            pairs.append((JSON.text(member.name, in: bytes), try dimensionValue(member.value, in: bytes)))
        }
        return pairs
    }

    /// The older form, `[{"Name":"a","Value":"b"}]`.
    private func listedMembers(
        of range: Range<Int>, in bytes: Span<UInt8>
    ) throws(Rejection) -> [(name: String, value: String)] {
        var pairs: [(name: String, value: String)] = []
        for element in elements(of: range, in: bytes) {
            guard case .object(let range) = element else {
                throw Rejection(.invalidDimension, "dimensions is a list of something else than objects")
            }
            var name: JSON.Value?
            var value: JSON.Value?
            for member in distinctMembers(of: range, in: bytes) {
                switch JSON.text(member.name, in: bytes) {
                case "Name": name = member.value
                case "Value": value = member.value
                default: break
                }
            }
            guard let name, let value else {
                throw Rejection(.invalidDimension, "an element of dimensions has no Name or no Value")
            }
            if case .null = name { continue }
            if case .null = value { continue }
            guard case .string(let token) = name else {
                throw Rejection(.invalidDimension, "the Name of a dimension is no string")
            }
            pairs.append((JSON.text(token, in: bytes), try dimensionValue(value, in: bytes)))
        }
        return pairs
    }

    private func dimensionValue(_ value: JSON.Value, in bytes: Span<UInt8>) throws(Rejection) -> String {
        switch value {
        case .object, .array: throw Rejection(.invalidDimension, "a dimension's value is nested")
        default: text(value, in: bytes)
        }
    }

    // MARK: - Containers that were validated before

    /// The members of an object, each name once: the last one wins, and stands where it is written.
    ///
    /// Of a very large object only the first members are read, one more than a message may have values.
    private func distinctMembers(
        of range: Range<Int>, in bytes: Span<UInt8>
    ) -> [(name: JSON.StringToken, value: JSON.Value, range: Range<Int>)] {
        var members: [(name: JSON.StringToken, value: JSON.Value, range: Range<Int>)] = []
        var position = range.lowerBound
        try? JSON.members(bytes, &position) { name, bytes, position, _ throws(JSON.Fault) in
            let start = position
            let value = try JSON.value(bytes, &position, depth: 1)
            if members.count <= LineReader.maximumValues { members.append((name, value, start..<position)) }
        }
        guard members.count > 1 else { return members }
        var lastIndex: [[UInt8]: Int] = [:]
        for (index, member) in members.enumerated() { lastIndex[JSON.decoded(member.name, in: bytes)] = index }
        guard lastIndex.count < members.count else { return members }
        return lastIndex.values.sorted().map { members[$0] }
    }

    private func elements(of range: Range<Int>, in bytes: Span<UInt8>) -> [JSON.Value] {
        var elements: [JSON.Value] = []
        var position = range.lowerBound
        try? JSON.elements(bytes, &position) { bytes, position, _ throws(JSON.Fault) in
            let value = try JSON.value(bytes, &position, depth: 1)
            if elements.count <= LineReader.maximumValues { elements.append(value) }
        }
        return elements
    }

    /// A value as text: a string's content, anything else as it is written.
    private func text(_ value: JSON.Value, in bytes: Span<UInt8>) -> String {
        switch value {
        case .string(let token): JSON.text(token, in: bytes)
        case .number(let range), .object(let range), .array(let range): JSON.text(range, in: bytes)
        case .bool(let flag): flag ? "true" : "false"
        case .null: "null"
        }
    }

    private func isWholeNumber(_ range: Range<Int>, in bytes: Span<UInt8>) -> Bool {
        for index in range where !isDigit(bytes[index]) {
            guard index == range.lowerBound, bytes[index] == UInt8(ascii: "-") else { return false }
        }
        return true
    }
}
