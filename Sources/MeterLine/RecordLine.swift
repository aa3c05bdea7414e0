private import Crypto

/// Writes the NDJSON lines of a record, with keys in the order of the log-line contract.
enum RecordLine {
    /// More than all that is written of a record beside the texts in it.
    private static let frameBytes = 512
    /// More than what is written beside a dimension's name and value.
    private static let dimensionBytes = 8

    /// Appends the record's line.
    ///
    /// - Parameter provenance: whether a last key `source` says which log event the record comes from.
    static func append(
        _ record: borrowing QuickRecord, of event: QuickEvent, _ names: EventNames, provenance: Bool,
        to output: inout [UInt8]
    ) {
        let text = event.text
        write(size(record, event, names), to: &output) { line in
            writeId(of: record, event, names, to: &line)
            line.put("\",\"meterApiName\":\"")
            line.put(text, record.meter)
            line.put("\",\"meterValue\":")
            line.put(text, record.value)
            line.put(",\"meterTimeInMillis\":")
            if record.timeDigits.isMissing { line.put(record.time) } else { line.put(text, record.timeDigits) }
            if !record.customer.isMissing {
                line.put(",\"customerId\":\"")
                line.put(text, record.customer)
                line.put("\"")
            }
            writeDimensions(of: record, text, to: &line)
            if provenance { writeSource(of: record, event, names, to: &line) }
            line.put("}\n")
        }
    }

    /// Appends the line of a manifest: which log event a delivered record comes from.
    static func appendManifest(
        _ record: borrowing QuickRecord, of event: QuickEvent, _ names: EventNames, to output: inout [UInt8]
    ) {
        write(size(record, event, names), to: &output) { line in
            writeId(of: record, event, names, to: &line)
            line.put("\",\"meterApiName\":\"")
            line.put(event.text, record.meter)
            line.put("\"")
            writeSource(of: record, event, names, to: &line)
            line.put("}\n")
        }
    }

    private static func size(
        _ record: borrowing QuickRecord, _ event: QuickEvent, _ names: EventNames
    ) -> Int {
        frameBytes + record.bytes + dimensionBytes * record.dimensionCount + names.sourcePrefix.count + event.id.count
    }

    @inline(__always)
    private static func write(_ size: Int, to output: inout [UInt8], _ body: (inout LineWriter) -> Void) {
        output.append(addingCapacity: size) { span in
            unsafe span.withUnsafeMutableBufferPointer { buffer, count in
                guard let start = buffer.baseAddress else { return }
                var line = unsafe LineWriter(UnsafeMutableRawPointer(start + count), room: buffer.count - count)
                body(&line)
                count += line.count
            }
        }
    }

    private static func writeId(
        of record: borrowing QuickRecord, _ event: QuickEvent, _ names: EventNames, to line: inout LineWriter
    ) {
        line.put("{\"uniqueId\":\"")
        guard record.ownId.isMissing else { return line.put(event.text, record.ownId) }
        // What the hash is of stands for a moment where the line goes on.
        let digest = line.withScratch { scratch in
            scratch.put(event.idText, event.id)
            // Nearly all are the first of their message.
            if event.ordinal == 0 {
                scratch.put("\u{0}0")
            } else {
                scratch.put("\u{0}")
                scratch.put(Int64(event.ordinal))
            }
            var hash = names.identity.hash
            unsafe hash.update(bufferPointer: scratch.written)
            return hash.finalize()
        }
        line.putHexadecimal(digest, count: 16)
    }

    private static func writeDimensions(of record: borrowing QuickRecord, _ text: ByteText, to line: inout LineWriter) {
        guard record.dimensionCount > 0 else { return }
        for index in 0..<record.dimensionCount {
            let dimension = record.dimension(index)
            if index == 0 { line.put(",\"dimensions\":{\"") } else { line.put(",\"") }
            line.put(text, dimension.name)
            line.put("\":\"")
            line.put(text, dimension.value)
            line.put("\"")
        }
        line.put("}")
    }

    private static func writeSource(
        of record: borrowing QuickRecord, _ event: QuickEvent, _ names: EventNames, to line: inout LineWriter
    ) {
        line.put(names.sourcePrefix)
        line.put(event.idText, event.id)
        line.put("\",\"timestamp\":")
        if let timestamp = event.timestamp { line.put(timestamp) } else { line.put("null") }
        if event.ordinal == 0 {
            line.put(",\"ordinal\":0")
        } else {
            line.put(",\"ordinal\":")
            line.put(Int64(event.ordinal))
        }
        if record.timeDerived { line.put(",\"timeDerived\":true") }
        line.put("}")
    }
}

/// Writes bytes into memory that was reserved for them; it traps rather than write beyond.
@safe private struct LineWriter {
    private let start: UnsafeMutableRawPointer
    private let room: Int
    private(set) var count = 0

    init(_ start: UnsafeMutableRawPointer, room: Int) {
        unsafe self.start = start
        self.room = room
    }

    /// What was written.
    var written: UnsafeRawBufferPointer { unsafe UnsafeRawBufferPointer(start: start, count: count) }

    /// Lends the room that is left to `body`; what it writes is forgotten.
    @inline(__always)
    func withScratch<Result>(_ body: (inout LineWriter) -> Result) -> Result {
        var scratch = unsafe LineWriter(start + count, room: room - count)
        return body(&scratch)
    }

    @inline(__always)
    mutating func put(_ text: StaticString) {
        unsafe put(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    @inline(__always)
    mutating func put(_ bytes: [UInt8]) {
        unsafe bytes.withUnsafeBytes { unsafe put($0) }
    }

    @inline(__always)
    mutating func put(_ text: ByteText, _ place: QuickRecord.Place) {
        put(text, place.range)
    }

    @inline(__always)
    mutating func put(_ text: ByteText, _ range: Range<Int>) {
        unsafe text.copy(range, to: start + count, room: room &- count)
        count &+= range.count
    }

    @inline(__always)
    private mutating func put(_ bytes: UnsafeRawBufferPointer) {
        precondition(bytes.count <= room &- count)
        guard let source = bytes.baseAddress else { return }
        unsafe (start + count).copyMemory(from: source, byteCount: bytes.count)
        count &+= bytes.count
    }

    /// A whole number; hardly one is negative.
    mutating func put(_ number: Int64) {
        guard number >= 0 else { return putNegative(number) }
        precondition(room - count >= 24)
        let eight: Int64 = 100_000_000
        guard number >= eight else { return put(UInt64(number), digits: nil) }
        if number < eight * eight {
            put(UInt64(number / eight), digits: nil)
        } else {
            put(UInt64(number / (eight * eight)), digits: nil)
            put(UInt64(number / eight % eight), digits: 8)
        }
        put(UInt64(number % eight), digits: 8)
    }

    @inline(never)
    private mutating func putNegative(_ number: Int64) { put(Array(String(number).utf8)) }

    /// A number below 10^8, with so many digits or as many as it needs: pairs of digits at a time.
    @inline(__always)
    private mutating func put(_ number: UInt64, digits: Int?) {
        var text = number / 10_000 | (number % 10_000) &<< 32
        let hundreds = (text &* 10_486) &>> 20 & 0x0000_007f_0000_007f
        text = hundreds | (text &- hundreds &* 100) &<< 16
        let tens = (text &* 103) &>> 10 & 0x000f_000f_000f_000f
        text = tens | (text &- tens &* 10) &<< 8
        let zeros = digits.map { 8 - $0 } ?? min(7, text.trailingZeroBitCount &>> 3)
        text = (text | 0x3030_3030_3030_3030) &>> UInt64(8 * zeros)
        unsafe start.storeBytes(of: text.littleEndian, toByteOffset: count, as: UInt64.self)
        count += 8 - zeros
    }

    /// The first bytes of a hash, in hexadecimal.
    mutating func putHexadecimal(_ digest: SHA256.Digest, count: Int) {
        precondition(2 * count <= room - self.count && count <= SHA256.Digest.byteCount && count % 4 == 0)
        unsafe digest.withUnsafeBytes { bytes in
            for offset in stride(from: 0, to: count, by: 4) {
                let word = unsafe UInt32(bigEndian: bytes.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
                unsafe start.storeBytes(
                    of: Self.hexadecimal(word).bigEndian, toByteOffset: self.count + 2 * offset, as: UInt64.self)
            }
        }
        self.count += 2 * count
    }

    /// The eight hexadecimal digits of a number, the first one highest.
    @inline(__always)
    private static func hexadecimal(_ number: UInt32) -> UInt64 {
        var digits = UInt64(number)
        digits = (digits | digits << 16) & 0x0000_ffff_0000_ffff
        digits = (digits | digits << 8) & 0x00ff_00ff_00ff_00ff
        digits = (digits | digits << 4) & 0x0f0f_0f0f_0f0f_0f0f
        // A digit above 9 has the bit 16 once 6 is added; `a` stands 39 behind where it would follow `9`.
        let letters = (digits + 0x0606_0606_0606_0606) >> 4 & 0x0101_0101_0101_0101
        return digits + 0x3030_3030_3030_3030 + letters * 39
    }
}
