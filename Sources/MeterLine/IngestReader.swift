public import Meter

/// Reads the records of a request or of an object of a bucket: JSON, NDJSON or CSV.
///
/// Other than log lines these name no log event but in the records' own `source`, so that a record must tell its time: the
/// time of its arrival would make a retry another record.
public struct IngestReader: Sendable {
    /// How a body is written.
    public enum Format: Sendable {
        /// One object, an array of objects, or one of these in each line.
        case json
        /// A header line and a line for each record; columns that are no field are dimensions.
        case csv
    }

    /// One thing that was read.
    public enum Item: Sendable {
        /// A valid record.
        case record(ReceivedRecord)
        /// Anything else, and the log event that it says it is from.
        case reject(RejectReason, detail: String, source: RecordSource? = nil)
    }

    /// Why nothing of a body can be read.
    public struct Unreadable: Error, Sendable, CustomStringConvertible {
        /// What is wrong, and where.
        public var description: String
        /// Whether there is too much of it rather than too little sense in it.
        public var isTooLarge: Bool

        init(_ description: String, isTooLarge: Bool = false) {
            self.description = description
            self.isTooLarge = isTooLarge
        }
    }

    private let maximumRecords: Int
    private let isPart: Bool

    /// Makes a reader.
    ///
    /// - Parameters:
    ///   - maximumRecords: how many records a body may hold.
    ///   - isPart: whether a body is some rows of a longer text, so that NDJSON is never one document, and rows none of
    ///     which can be read are rejects.
    public init(maximumRecords: Int = .max, isPart: Bool = false) {
        self.maximumRecords = maximumRecords
        self.isPart = isPart
    }

    /// Reads a body and hands each item out with the line that it came in.
    ///
    /// - Parameters:
    ///   - body: the bytes.
    ///   - ignoredKeys: keys that are no field, by their bytes, to add to.
    ///   - quickly: is asked first for each line of NDJSON; true says that it has taken its record, which is not emitted.
    ///   - emit: takes each item, with the line as it can be read again.
    /// - Throws: `Unreadable` when the body as a whole makes no sense or holds too many records; what was handed out until
    ///   then must be dropped.
    package func read(
        _ body: [UInt8], format: Format, ignoredKeys: inout [[UInt8]: Int],
        quickly: (ByteText, Range<Int>) -> Bool = { _, _ in false },
        _ emit: (Item, ArraySlice<UInt8>) -> Void
    ) throws(Unreadable) {
        var reading = Reading(body: body, maximumRecords: maximumRecords, isPart: isPart, ignoredKeys: ignoredKeys)
        switch format {
        case .json: try reading.json(quickly, emit)
        case .csv: try reading.csv(emit)
        }
        ignoredKeys = reading.ignoredKeys
    }
}

/// One body on its way.
private struct Reading {
    let body: [UInt8]
    let maximumRecords: Int
    let isPart: Bool
    var ignoredKeys: [[UInt8]: Int]
    private var count = 0
    private var readable = 0

    typealias Quickly = (ByteText, Range<Int>) -> Bool
    typealias Emit = (IngestReader.Item, ArraySlice<UInt8>) -> Void

    init(body: [UInt8], maximumRecords: Int, isPart: Bool, ignoredKeys: [[UInt8]: Int]) {
        self.body = body
        self.isPart = isPart
        self.maximumRecords = maximumRecords
        self.ignoredKeys = ignoredKeys
    }

    // MARK: - JSON

    mutating func json(_ quickly: Quickly, _ emit: Emit) throws(IngestReader.Unreadable) {
        var start = body.starts(with: [0xef, 0xbb, 0xbf]) ? 3 : 0
        JSON.skipWhitespace(body.span, &start)
        if isPart { return try ndjson(from: start, quickly, emit) }
        guard start < body.count else { throw .init("the body is empty; send an object, an array or NDJSON") }
        var end = start
        var fault: JSON.Fault?
        do throws(JSON.Fault) { _ = try JSON.value(body.span, &end) } catch { fault = error }
        if fault == nil { JSON.skipWhitespace(body.span, &end) }
        if fault == nil, end == body.count {
            try document(start..<body.count, emit)
        } else if let fault, body[start] == UInt8(ascii: "[") || lines(from: start).dropFirst().isEmpty {
            throw .init("the body is no JSON: \(Self.explain(fault))")
        } else {
            try ndjson(from: start, quickly, emit)
        }
    }

    private mutating func ndjson(
        from start: Int, _ quickly: Quickly, _ emit: Emit
    ) throws(IngestReader.Unreadable) {
        let body = body
        for line in lines(from: start) {
            if ByteText.with(body.span, { quickly($0, line) }) {
                readable += 1
                try count(1)
                continue
            }
            var end = line.lowerBound
            let bytes = body.span.extracting(0..<line.upperBound)
            do throws(JSON.Fault) {
                _ = try JSON.value(bytes, &end)
                JSON.skipWhitespace(bytes, &end)
                guard end == line.upperBound else { throw .malformed(at: end) }
            } catch {
                try take(.reject(.malformedJSON, detail: "the line is no JSON: \(Self.explain(error))"), line, emit)
                continue
            }
            try document(line, emit)
        }
        guard isPart || readable > 0 || count == 0 else {
            throw .init("none of the \(count) lines is JSON; send one object a line")
        }
    }

    /// The lines that are not blank.
    private func lines(from start: Int) -> [Range<Int>] {
        var lines: [Range<Int>] = []
        var position = start
        while position < body.count {
            let end = ByteText.with(body.span) { $0.lineFeed(from: position) } ?? body.count
            if body[position..<end].contains(where: { !JSON.isWhitespace($0) }) { lines.append(position..<end) }
            position = end + 1
        }
        return lines
    }

    /// A value that was validated: an object, or an array of objects.
    private mutating func document(_ range: Range<Int>, _ emit: Emit) throws(IngestReader.Unreadable) {
        readable += 1
        var position = range.lowerBound
        JSON.skipWhitespace(body.span, &position)
        guard body[position] == UInt8(ascii: "[") else {
            try element(range, emit)
            return
        }
        var elements: [Range<Int>] = []
        try? JSON.elements(body.span, &position) { bytes, position, depth throws(JSON.Fault) in
            let start = position
            _ = try JSON.value(bytes, &position, depth: depth)
            elements.append(start..<position)
        }
        for element in elements { try self.element(element, emit) }
    }

    private mutating func element(_ range: Range<Int>, _ emit: Emit) throws(IngestReader.Unreadable) {
        let body = body
        for item in items(of: body.span, range) { try take(item, range, emit) }
    }

    private mutating func take(
        _ item: IngestReader.Item, _ line: Range<Int>, _ emit: Emit
    ) throws(IngestReader.Unreadable) {
        try count(1)
        emit(item, body[line])
    }

    private mutating func count(_ records: Int) throws(IngestReader.Unreadable) {
        count += records
        guard count <= maximumRecords else {
            throw .init(
                "the body holds more than \(maximumRecords) records; send them in several requests", isTooLarge: true)
        }
    }

    private static func explain(_ fault: JSON.Fault) -> String {
        switch fault {
        case .malformed(let position): "unexpected byte at position \(position)"
        case .unexpectedEnd: "it ends within a value"
        case .tooDeep: "it is nested too deeply"
        }
    }

    // MARK: - One object

    /// The records of one value, which was validated.
    private mutating func items(of bytes: Span<UInt8>, _ range: Range<Int>) -> [IngestReader.Item] {
        var position = range.lowerBound
        JSON.skipWhitespace(bytes, &position)
        guard bytes[position] == UInt8(ascii: "{"), let fields = try? RecordFields(bytes, &position, depth: 0) else {
            return [.reject(.notARecord, detail: "the value is no object")]
        }
        for name in fields.ignoredKeys where name != RecordFields.sourceName || fields.source == nil {
            let key = Array(name.utf8)
            if ignoredKeys[key] != nil || ignoredKeys.count < Accounting.maximumIgnoredNames {
                ignoredKeys[key, default: 0] += 1
            }
        }
        let source = fields.source.flatMap { RecordSource($0, in: bytes) }
        return RecordReader(fields: fields, eventTimestamp: nil, allowMissingCustomer: false).read(bytes)
            .map { Self.item($0, source) }
    }

    private static func item(
        _ result: Result<RecordContent, Rejection>, _ source: RecordSource?
    ) -> IngestReader.Item {
        switch result {
        case .failure(let rejection) where rejection.reason == .missingTime:
            return .reject(
                .invalidTime,
                detail: "no meterTimeInMillis; the time of arrival would bill a retry twice, so it must be told",
                source: source)
        case .failure(let rejection):
            return .reject(rejection.reason, detail: rejection.detail, source: source)
        case .success(let content):
            var record = ReceivedRecord(
                meterApiName: content.meterApiName, customerId: content.customerId ?? "",
                meterValue: content.meterValue, meterTimeInMillis: content.meterTimeInMillis,
                uniqueId: content.ownId, dimensions: content.dimensions, source: source)
            record.isTimeless = record.bringsItsOwnIdWithoutTime
            return .record(record)
        }
    }

    // MARK: - CSV

    mutating func csv(_ emit: Emit) throws(IngestReader.Unreadable) {
        var rows = CSVRows(body)
        guard let header = rows.next(), header.fault == nil, !header.cells.allSatisfy(\.isEmpty) else {
            throw .init("the CSV has no readable header line")
        }
        let names = header.cells
        guard Set(names).count == names.count else { throw .init("the CSV's header names a column twice") }
        guard names.contains(where: { RecordFields.Name($0.span) != nil }) else {
            throw .init("none of the CSV's columns is a field of a record, such as meterApiName or customerId")
        }
        let columns = CSVColumns(names)
        var wrong = 0
        while let row = rows.next() {
            let line = header.range.isEmpty ? body[row.range] : body[header.range] + [0x0a] + body[row.range]
            if let fault = row.fault ?? columns.fault(of: row.cells) {
                wrong += 1
                try count(1)
                emit(.reject(.malformedJSON, detail: fault), line)
                continue
            }
            let object = columns.object(of: row.cells)
            for item in items(of: object.span, 0..<object.count) {
                try count(1)
                emit(item, line)
            }
        }
        guard isPart || wrong == 0 || wrong < count else { throw .init("none of the CSV's \(wrong) lines can be read") }
    }
}

extension ReceivedRecord {
    /// Whether the record has an id that does not come from its log event, and a time that does.
    fileprivate var bringsItsOwnIdWithoutTime: Bool {
        guard let source, source.timeDerived, uniqueId != nil else { return false }
        return !hasDerivedId
    }

    /// Whether its id comes from its log event.
    package var hasDerivedId: Bool {
        guard let source, let uniqueId else { return false }
        let origin = EventOrigin(
            account: source.account, logGroup: source.logGroup, logStream: source.logStream, eventId: source.eventId,
            timestamp: source.timestamp)
        return uniqueId == Identity.uniqueId(of: origin, ordinal: source.ordinal)
    }
}

extension RecordSource {
    /// Reads a `source`; nil when it names no log group.
    init?(_ value: JSON.Value, in bytes: Span<UInt8>) {
        guard case .object(let range) = value else { return nil }
        var texts: [String: String] = [:]
        var numbers: [String: Int64] = [:]
        var timeDerived = false
        var position = range.lowerBound
        try? JSON.members(bytes, &position) { key, bytes, position, depth throws(JSON.Fault) in
            let name = JSON.text(key, in: bytes)
            switch try JSON.value(bytes, &position, depth: depth) {
            case .string(let token) where token.range.count <= Self.maximumBytes:
                texts[name] = JSON.text(token, in: bytes)
            case .number(let range):
                numbers[name] = Quantity(jsonNumber: bytes.extracting(range))?.truncated
                texts[name] = JSON.text(range, in: bytes)
            case .bool(let flag): timeDerived = timeDerived || (flag && name == "timeDerived")
            default: break
            }
        }
        guard let logGroup = texts["logGroup"] else { return nil }
        self.init(
            account: texts["account"] ?? "", logGroup: logGroup, logStream: texts["logStream"] ?? "",
            eventId: texts["eventId"] ?? "", timestamp: Timestamp.plausible(numbers["timestamp"]),
            ordinal: Int(clamping: max(0, numbers["ordinal"] ?? 0)), timeDerived: timeDerived)
    }

    /// The longest name of a log group or stream is 512 bytes.
    static let maximumBytes = 2_048
}
