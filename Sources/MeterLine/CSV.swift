/// The rows of a CSV text (RFC 4180): cells are separated by commas and may be quoted, a quotation mark in a quoted one
/// is doubled.
struct CSVRows {
    struct Row {
        /// The first cells, as many as a row may have.
        var cells: [[UInt8]] = []
        /// How many cells there are.
        var count = 0
        /// Where the row stands, without its line break.
        var range = 0..<0
        /// What is wrong with it; nil for nothing.
        var fault: String?
        /// Whether a quotation mark of it is not closed.
        var isOpen = false

        fileprivate mutating func append(_ cell: [UInt8]) {
            if count < CSVRows.maximumCells { cells.append(cell) }
            count += 1
        }
    }

    /// How many cells of a row are read.
    static let maximumCells = 1_000
    /// The most bytes between two quotation marks: an open one must not cost the rest of the text in each row.
    static let maximumQuotedBytes = 128 << 10

    private let bytes: [UInt8]
    private var position: Int

    init(_ bytes: [UInt8]) {
        self.bytes = bytes
        position = bytes.starts(with: [0xef, 0xbb, 0xbf]) ? 3 : 0
    }

    /// Goes on where a row begins.
    init(_ bytes: [UInt8], from start: Int) {
        self.bytes = bytes
        position = start
    }

    /// Passes over the next row.
    ///
    /// - Returns: where it and its line break end; nil when it isn't whole: nothing follows, or the text ends before a line
    ///   break, or within quotation marks.
    mutating func skipWhole() -> Int? {
        guard position < bytes.count else { return nil }
        let row = read()
        guard isLineBreak(bytes[position - 1]), !row.isOpen else { return nil }
        return position
    }

    /// The next row that is not blank.
    mutating func next() -> Row? {
        while position < bytes.count {
            let row = read()
            if row.count > 1 || !row.cells.allSatisfy(\.isEmpty) || row.fault != nil { return row }
        }
        return nil
    }

    private mutating func read() -> Row {
        let start = position
        var row = Row()
        while true {
            let isQuoted = position < bytes.count && bytes[position] == UInt8(ascii: "\"")
            guard let cell = isQuoted ? quoted() : plain() else {
                row.fault = "a quotation mark is not closed within \(Self.maximumQuotedBytes >> 10) KiB"
                row.isOpen = true
                break
            }
            row.append(cell)
            guard position < bytes.count, bytes[position] == UInt8(ascii: ",") else { break }
            position += 1
        }
        let isAtEnd = position >= bytes.count || isLineBreak(bytes[position])
        if row.fault == nil, !isAtEnd { row.fault = "something follows a quoted cell that is no comma" }
        row.range = endLine(from: start)
        return row
    }

    private func isLineBreak(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "\n") || byte == UInt8(ascii: "\r")
    }

    private mutating func plain() -> [UInt8] {
        let start = position
        while position < bytes.count, bytes[position] != UInt8(ascii: ","), !isLineBreak(bytes[position]) {
            position += 1
        }
        return Array(bytes[start..<position])
    }

    /// Nil when the quotation mark is not closed; then nothing is passed over.
    private mutating func quoted() -> [UInt8]? {
        let start = position + 1
        let limit = min(bytes.count, start + Self.maximumQuotedBytes)
        var next = start
        var doubled = 0
        while next < limit {
            guard bytes[next] == UInt8(ascii: "\"") else {
                next += 1
                continue
            }
            guard next + 1 < bytes.count, bytes[next + 1] == UInt8(ascii: "\"") else {
                position = next + 1
                return doubled == 0 ? Array(bytes[start..<next]) : undoubled(start..<next)
            }
            doubled += 1
            next += 2
        }
        return nil
    }

    /// The content of a quoted cell in which quotation marks are doubled.
    private func undoubled(_ range: Range<Int>) -> [UInt8] {
        var cell: [UInt8] = []
        var next = range.lowerBound
        while next < range.upperBound {
            cell.append(bytes[next])
            next += bytes[next] == UInt8(ascii: "\"") ? 2 : 1
        }
        return cell
    }

    private mutating func endLine(from start: Int) -> Range<Int> {
        while position < bytes.count, !isLineBreak(bytes[position]) { position += 1 }
        let range = start..<position
        if position < bytes.count, bytes[position] == UInt8(ascii: "\r") { position += 1 }
        if position < bytes.count, bytes[position] == UInt8(ascii: "\n") { position += 1 }
        return range
    }
}

/// Turns rows into the JSON objects that say the same: columns that are no field are dimensions.
struct CSVColumns {
    private let names: [String]
    private let isField: [Bool]

    init(_ names: [[UInt8]]) {
        self.names = names.map { String(decoding: $0, as: UTF8.self) }
        isField = names.map { RecordFields.Name($0.span) != nil }
    }

    func fault(of row: CSVRows.Row) -> String? {
        guard row.count == names.count else {
            return "the line has \(row.count) cells, the header \(names.count)"
        }
        let isText = row.cells.allSatisfy { (try? UTF8Span(validating: $0.span)) != nil }
        return isText ? nil : "the line is no UTF-8"
    }

    /// How many bytes the object of a row takes at least.
    func size(of cells: [[UInt8]]) -> Int {
        cells.indices.reduce(0) { size, index in
            size + (cells[index].isEmpty ? 0 : cells[index].count + (isField[index] ? 0 : names[index].utf8.count))
        }
    }

    /// The object that a row means; an empty cell is an absent member.
    func object(of cells: [[UInt8]]) -> [UInt8] {
        var output: [UInt8] = []
        var object = JSONObjectWriter(&output)
        for (index, cell) in cells.enumerated() where isField[index] && !cell.isEmpty {
            let text = String(decoding: cell, as: UTF8.self)
            let isJSON = cell[0] == UInt8(ascii: "{") && JSON.isDocument(cell.span)
            if isJSON {
                object.literal(names[index], text, &output)
            } else {
                object.member(names[index], text, &output)
            }
        }
        let extra = cells.indices.filter { !isField[$0] && !cells[$0].isEmpty }
        if !extra.isEmpty {
            object.name("dimensions", &output)
            var dimensions = JSONObjectWriter(&output)
            for index in extra {
                dimensions.member(names[index], String(decoding: cells[index], as: UTF8.self), &output)
            }
            dimensions.end(&output)
        }
        object.end(&output)
        return output
    }
}
