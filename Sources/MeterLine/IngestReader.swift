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
    /// What is handed out of a line takes at most four times the line's bytes and 1 KiB for each item: a short line cannot
    /// repeat a long text for each of its `values`, nor a row of CSV the long names of its columns.
    ///
    /// - Parameters:
    ///   - body: the bytes.
    ///   - ignoredKeys: keys that are no field, by their bytes, to add to.
    ///   - quickly: is asked first for each line of NDJSON; true says that it has taken its record, which is not emitted.
    ///   - emit: takes each item, with the line as it can be read again; a row of CSV behind its header line.
    /// - Returns: the header line of CSV, without its line break; empty for JSON.
    /// - Throws: `Unreadable` when the body as a whole makes no sense or holds too many records; what was handed out until
    ///   then must be dropped.
    @discardableResult package func read(
        _ body: [UInt8], format: Format, ignoredKeys: inout [[UInt8]: Int],
        quickly: (ByteText, Range<Int>) -> Bool = { _, _ in false },
        _ emit: (Item, ArraySlice<UInt8>) -> Void
    ) throws(Unreadable) -> ArraySlice<UInt8> {
        var reading = Reading(body: body, maximumRecords: maximumRecords, isPart: isPart, ignoredKeys: ignoredKeys)
        var header: ArraySlice<UInt8> = []
        switch format {
        case .json: try reading.json(quickly, emit)
        case .csv: header = try reading.csv(emit)
        }
        ignoredKeys = reading.ignoredKeys
        return header
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
        } else if let fault, body[start] == UInt8(ascii: "[") || isOneLine(from: start) {
            throw .init("the body is no JSON: \(Self.explain(fault))")
        } else {
            try ndjson(from: start, quickly, emit)
        }
    }

    private mutating func ndjson(
        from start: Int, _ quickly: Quickly, _ emit: Emit
    ) throws(IngestReader.Unreadable) {
        let body = body
        var next = start
        while let line = line(from: &next) {
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

    /// The next line that is not blank.
    private func line(from position: inout Int) -> Range<Int>? {
        while position < body.count {
            let start = position
            let end = ByteText.with(body.span) { $0.lineFeed(from: start) } ?? body.count
            position = end + 1
            if body[start..<end].contains(where: { !JSON.isWhitespace($0) }) { return start..<end }
        }
        return nil
    }

    private func isOneLine(from start: Int) -> Bool {
        var position = start
        return line(from: &position) == nil || line(from: &position) == nil
    }

    /// A value that was validated: an object, or an array of objects.
    private mutating func document(_ range: Range<Int>, _ emit: Emit) throws(IngestReader.Unreadable) {
        readable += 1
        let body = body
        var position = range.lowerBound
        JSON.skipWhitespace(body.span, &position)
        guard body[position] == UInt8(ascii: "[") else {
            try element(range, emit)
            return
        }
        var failure: IngestReader.Unreadable?
        try? JSON.elements(body.span, &position) { bytes, position, depth throws(JSON.Fault) in
            let start = position
            _ = try JSON.value(bytes, &position, depth: depth)
            do throws(IngestReader.Unreadable) {
                try element(start..<position, emit)
            } catch {
                failure = error
                // Nothing is read of what is behind too much.
                throw .malformed(at: start)
            }
        }
        if let failure { throw failure }
    }

    private mutating func element(_ range: Range<Int>, _ emit: Emit) throws(IngestReader.Unreadable) {
        let body = body
        let spread = items(of: body.span, range)
        guard spread.items.count > 1 else {
            for item in spread.items { try take(item, range, emit) }
            return
        }
        // A rejected member of `values` is kept with what it shares with its neighbors, and without them.
        let shared = spread.members.count == spread.items.count ? Self.shared(of: body.span, range) : Array(body[range])
        guard Self.fits(spread.items, rejected: shared.count, in: range.count) else {
            try take(Self.tooLarge(spread.items.count), range, emit)
            return
        }
        for (index, item) in spread.items.enumerated() {
            if case .reject = item, spread.members.count == spread.items.count {
                let member = spread.members[index]
                try count(1)
                let name = body[member.name.range]
                let line =
                    shared + Array("\"values\":{\"".utf8) + name + Array("\":".utf8) + body[member.range]
                    + Array("}}".utf8)
                emit(item, line[...])
            } else {
                try take(item, range, emit)
            }
        }
    }

    /// The beginning of an object that holds all its fields but `values`.
    private static func shared(of bytes: Span<UInt8>, _ range: Range<Int>) -> [UInt8] {
        var output = [UInt8(ascii: "{")]
        var position = range.lowerBound
        JSON.skipWhitespace(bytes, &position)
        try? JSON.members(bytes, &position) { key, bytes, position, depth throws(JSON.Fault) in
            let start = position
            _ = try JSON.value(bytes, &position, depth: depth)
            let name = JSON.decoded(key, in: bytes)
            let field = RecordFields.Name(name.span)
            let isKept = field.map { $0 != .values } ?? name.elementsEqual(RecordFields.sourceName.utf8)
            guard isKept else { return }
            appendJSONString(String(decoding: name, as: UTF8.self), to: &output)
            output.append(UInt8(ascii: ":"))
            for index in start..<position { output.append(bytes[index]) }
            output.append(UInt8(ascii: ","))
        }
        return output
    }

    /// Whether what a line gives takes little more than the line.
    ///
    /// - Parameter rejected: how many bytes are kept with each reject.
    private static func fits(_ items: [IngestReader.Item], rejected: Int, in line: Int) -> Bool {
        let size = items.reduce(0) { size, item in
            if case .record(let record) = item { size + record.sharedBytes } else { size + rejected }
        }
        return size <= 4 * line + 1_024 * items.count
    }

    private static func tooLarge(_ records: Int) -> IngestReader.Item {
        .reject(
            .tooLarge,
            detail:
                "its \(records) records would take more than four times the line and 1 KiB each, since each holds the "
                + "line's dimensions; write the values in several lines, or with fewer dimensions")
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
    private mutating func items(of bytes: Span<UInt8>, _ range: Range<Int>) -> Spread {
        var position = range.lowerBound
        JSON.skipWhitespace(bytes, &position)
        guard bytes[position] == UInt8(ascii: "{"), let fields = try? RecordFields(bytes, &position, depth: 0) else {
            return Spread(items: [.reject(.notARecord, detail: "the value is no object")])
        }
        for name in fields.ignoredKeys where name != RecordFields.sourceName || fields.source == nil {
            let key = Array(name.utf8)
            if ignoredKeys[key] != nil || ignoredKeys.count < Accounting.maximumIgnoredNames {
                ignoredKeys[key, default: 0] += 1
            }
        }
        let source = fields.source.flatMap { RecordSource($0, in: bytes) }
        let reader = RecordReader(fields: fields, eventTimestamp: nil, allowMissingCustomer: false)
        let items = reader.read(bytes).map { Self.item($0, source) }
        return Spread(items: items, members: items.count > 1 ? reader.valueMembers(bytes) : [])
    }

    /// What one value gives.
    private struct Spread {
        var items: [IngestReader.Item]
        /// Where the members of `values` stand that the items are from; empty for a single item.
        var members: [(name: JSON.StringToken, range: Range<Int>)] = []
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

    mutating func csv(_ emit: Emit) throws(IngestReader.Unreadable) -> ArraySlice<UInt8> {
        let body = body
        var rows = CSVRows(body)
        guard let header = rows.next(), header.fault == nil, !header.cells.allSatisfy(\.isEmpty) else {
            throw .init("the CSV has no readable header line")
        }
        guard header.count == header.cells.count else {
            throw .init("the CSV has \(header.count) columns; at most \(CSVRows.maximumCells) are read")
        }
        let names = header.cells
        guard Set(names).count == names.count else { throw .init("the CSV's header names a column twice") }
        guard names.contains(where: { RecordFields.Name($0.span) != nil }) else {
            throw .init("none of the CSV's columns is a field of a record, such as meterApiName or customerId")
        }
        let columns = CSVColumns(names)
        var wrong = 0
        while let row = rows.next() {
            if let fault = row.fault ?? columns.fault(of: row) {
                wrong += 1
                try take(.reject(.malformedJSON, detail: fault), row.range, emit)
            } else {
                for item in items(of: row, columns) { try take(item, row.range, emit) }
            }
        }
        guard isPart || wrong == 0 || wrong < count else { throw .init("none of the CSV's \(wrong) lines can be read") }
        return body[header.range]
    }

    private mutating func items(of row: CSVRows.Row, _ columns: CSVColumns) -> [IngestReader.Item] {
        let line = row.range.count
        guard columns.size(of: row.cells) <= 4 * line + 1_024 else {
            return [
                .reject(
                    .tooLarge,
                    detail: "with the names of its columns the line takes more than four times its bytes and 1 KiB; "
                        + "shorten the names, or leave cells empty")
            ]
        }
        let object = columns.object(of: row.cells)
        let items = items(of: object.span, 0..<object.count).items
        guard items.count > 1 else { return items }
        return Self.fits(items, rejected: line, in: line) ? items : [Self.tooLarge(items.count)]
    }
}

extension ReceivedRecord {
    /// How many bytes it takes of what several records of one line have in common.
    fileprivate var sharedBytes: Int {
        var count = uniqueId?.utf8.count ?? 0
        for dimension in dimensions { count += dimension.name.utf8.count + dimension.value.utf8.count }
        if let source { count += source.account.utf8.count + source.logStream.utf8.count + source.eventId.utf8.count }
        return count
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
            eventId: texts["eventId"] ?? "", timestamp: RecordLimits.timeInMillis(numbers["timestamp"]),
            ordinal: Int(clamping: max(0, numbers["ordinal"] ?? 0)), timeDerived: timeDerived)
    }

    /// The longest name of a log group or stream is 512 bytes.
    static let maximumBytes = 2_048
}
