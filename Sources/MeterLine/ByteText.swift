/// Bytes that are read at any place, and sixteen at a time where that pays.
///
/// Every access is checked. A value must not outlive the call of `with` that made it.
@safe package struct ByteText {
    /// How many bytes are looked at together.
    static let blockBytes = 16

    private let start: UnsafePointer<UInt8>
    /// How many bytes there are.
    package let count: Int

    /// Lends the bytes of a span to `body`.
    package static func with<Result, Failure: Error>(
        _ span: Span<UInt8>, _ body: (ByteText) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try unsafe span.withUnsafeBufferPointer { buffer throws(Failure) in
            var none: UInt8 = 0
            guard let base = buffer.baseAddress else {
                return try unsafe withUnsafePointer(to: &none) { empty throws(Failure) in
                    try unsafe body(ByteText(start: empty, count: 0))
                }
            }
            return try unsafe body(ByteText(start: base, count: buffer.count))
        }
    }

    private init(start: UnsafePointer<UInt8>, count: Int) {
        unsafe self.start = start
        self.count = count
    }

    @inline(__always)
    subscript(position: Int) -> UInt8 {
        precondition(UInt(bitPattern: position) < UInt(bitPattern: count))
        return unsafe start[position]
    }

    /// The byte at a position; 0 behind the end.
    @inline(__always)
    func byte(at position: Int) -> UInt8 {
        UInt(bitPattern: position) < UInt(bitPattern: count) ? unsafe start[position] : 0
    }

    /// Whether sixteen bytes stand from a position on.
    @inline(__always)
    func hasBlock(at position: Int) -> Bool {
        position >= 0 && position <= count &- Self.blockBytes
    }

    /// Sixteen bytes from a position on.
    @inline(__always)
    func block(at position: Int) -> SIMD16<UInt8> {
        precondition(hasBlock(at: position))
        return unsafe UnsafeRawPointer(start).loadUnaligned(fromByteOffset: position, as: SIMD16<UInt8>.self)
    }

    /// Eight bytes from a position on, the first one lowest; bytes behind the end are 0.
    @inline(__always)
    func word(at position: Int) -> UInt64 {
        guard position >= 0, position <= count &- 8 else { return wordAtEnd(position) }
        return unsafe UInt64(
            littleEndian: UnsafeRawPointer(start).loadUnaligned(fromByteOffset: position, as: UInt64.self))
    }

    @inline(never)
    private func wordAtEnd(_ position: Int) -> UInt64 {
        var word: UInt64 = 0
        for offset in 0..<8 { word |= UInt64(byte(at: position + offset)) << UInt64(8 * offset) }
        return word
    }

    /// Whether a word stands at a position.
    @inline(__always)
    func has(_ word: StaticString, at position: Int) -> Bool {
        let length = word.utf8CodeUnitCount
        guard position >= 0, position <= count &- length else { return false }
        let (here, expected) = unsafe (UnsafeRawPointer(start + position), UnsafeRawPointer(word.utf8Start))
        guard length >= 8 else {
            var offset = 0
            while offset < length {
                if unsafe here.load(fromByteOffset: offset, as: UInt8.self)
                    != expected.load(fromByteOffset: offset, as: UInt8.self)
                {
                    return false
                }
                offset += 1
            }
            return true
        }
        // Eight bytes at a time; the last eight overlap those before them.
        var offset = 0
        while true {
            if unsafe here.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                != expected.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
            {
                return false
            }
            if offset == length - 8 { return true }
            offset = min(offset + 8, length - 8)
        }
    }

    /// Behind a word, if it stands at a position.
    @inline(__always)
    func end(of word: StaticString, at position: Int) -> Int? {
        has(word, at: position) ? position &+ word.utf8CodeUnitCount : nil
    }

    /// The bytes of a range as a text of its own.
    func part(_ range: Range<Int>) -> ByteText {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        return unsafe ByteText(start: start + range.lowerBound, count: range.count)
    }

    /// Lends the bytes as a span.
    func withSpan<Result>(_ body: (Span<UInt8>) -> Result) -> Result {
        unsafe body(Span(_unsafeElements: UnsafeBufferPointer(start: start, count: count)))
    }

    /// Copies the bytes of a range to memory that has room for `room` bytes; what is written behind them is of no meaning.
    ///
    /// Sixteen bytes at a time, which for the few of a name is several times as fast as a call of `memcpy`.
    @inline(__always)
    func copy(_ range: Range<Int>, to target: UnsafeMutableRawPointer, room: Int) {
        precondition(range.lowerBound >= 0 && range.upperBound <= count && range.count <= room)
        let rounded = (range.count + Self.blockBytes - 1) & ~(Self.blockBytes - 1)
        guard rounded <= room, rounded <= count - range.lowerBound, rounded <= 4 * Self.blockBytes else {
            unsafe target.copyMemory(from: start + range.lowerBound, byteCount: range.count)
            return
        }
        var offset = 0
        while offset < rounded {
            unsafe target.storeBytes(
                of: block(at: range.lowerBound + offset), toByteOffset: offset, as: SIMD16<UInt8>.self)
            offset += Self.blockBytes
        }
    }

    /// Lends the bytes of a range to `body`.
    @inline(__always)
    func withBytes<Result>(_ range: Range<Int>, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        return unsafe body(UnsafeRawBufferPointer(start: start + range.lowerBound, count: range.count))
    }
}

/// Which of sixteen bytes something holds for: four bits for each, of which the lowest counts.
struct Lanes {
    /// The lowest bit of each of the sixteen.
    static let ones: UInt64 = 0x1111_1111_1111_1111

    private(set) var bits: UInt64

    @inline(__always)
    init(bits: UInt64) {
        self.bits = bits
    }

    /// There is no instruction for this that Swift could name; a shift and a pack come near it.
    @inline(__always)
    init(_ mask: SIMDMask<SIMD16<Int8>>) {
        let pairs = unsafe unsafeBitCast(mask, to: SIMD8<UInt16>.self)
        let packed = SIMD8<UInt8>(truncatingIfNeeded: pairs &>> SIMD8<UInt16>(repeating: 4))
        bits = unsafe UInt64(littleEndian: unsafeBitCast(packed, to: UInt64.self)) & Self.ones
    }

    /// The place of the first one; meaningful when there is one.
    @inline(__always)
    var first: Int { bits.trailingZeroBitCount >> 2 }

    /// How many there are.
    @inline(__always)
    var count: Int {
        // Sums of two, then of all: there are at most sixteen, so that a byte holds each sum.
        let pairs = (bits &+ bits &>> 4) & 0x0f0f_0f0f_0f0f_0f0f
        return Int(truncatingIfNeeded: (pairs &* 0x0101_0101_0101_0101) &>> 56)
    }

    /// Those before the first of some others, all when there is none of these.
    @inline(__always)
    func before(_ other: Lanes) -> Lanes {
        Lanes(bits: bits & ((other.bits & (0 &- other.bits)) &- 1))
    }
}

@inline(__always)
func every(_ byte: UInt8) -> SIMD16<UInt8> { SIMD16(repeating: byte) }

// MARK: - Strings

extension ByteText {
    /// Where a JSON string ends, and what is in it.
    package struct StringEnd {
        /// The position of the closing quotation mark.
        package var position: Int
        /// Whether there is a backslash in it.
        package var hasEscapes = false
        /// Whether one of the escapes may be a `\u`.
        package var hasUnicodeEscapes = false
    }

    /// The end of a JSON string whose content begins at a position; nil when there is none.
    ///
    /// Nothing but backslashes and quotation marks is looked at.
    package func endOfString(from start: Int) -> StringEnd? {
        var end = StringEnd(position: start)
        /// 1 when the first byte of the next block is escaped by the last one of this.
        var carry: UInt64 = 0
        while hasBlock(at: end.position) {
            let block = block(at: end.position)
            let quotes = Lanes(block .== every(UInt8(ascii: "\"")))
            let backslashes = Lanes(block .== every(UInt8(ascii: "\\")))
            if backslashes.bits | carry == 0 {
                if quotes.bits != 0 {
                    end.position += quotes.first
                    return end
                }
            } else {
                let escaped = Self.escaped(backslashes, &carry)
                let closing = Lanes(bits: quotes.bits & ~escaped.bits)
                let unicode = Lanes(bits: Lanes(block .== every(UInt8(ascii: "u"))).bits & escaped.bits)
                end.hasEscapes = end.hasEscapes || backslashes.before(closing).bits != 0
                end.hasUnicodeEscapes = end.hasUnicodeEscapes || unicode.before(closing).bits != 0
                if closing.bits != 0 {
                    end.position += closing.first
                    return end
                }
            }
            end.position += Self.blockBytes
        }
        return endOfShortString(end, isEscaped: carry != 0)
    }

    /// The last bytes of a text, one by one.
    private func endOfShortString(_ sofar: StringEnd, isEscaped: Bool) -> StringEnd? {
        var end = sofar
        var isEscaped = isEscaped
        while end.position < count {
            let byte = self[end.position]
            if isEscaped {
                if byte == UInt8(ascii: "u") { end.hasUnicodeEscapes = true }
                isEscaped = false
            } else if byte == UInt8(ascii: "\"") {
                return end
            } else if byte == UInt8(ascii: "\\") {
                isEscaped = true
                end.hasEscapes = true
            }
            end.position += 1
        }
        return nil
    }

    /// Which bytes a backslash stands before that is not itself escaped.
    ///
    /// The method is simdjson's (`json_escape_scanner.h`): of a row of backslashes every second one is escaped, and a
    /// subtraction whose borrow runs along the row tells them apart. It works on digits of four bits as on bits, since
    /// parity and borrow of each digit are the same.
    ///
    /// - Parameter carry: 1 when the first byte is escaped by the byte before it; then the same for the next block.
    @inline(__always)
    private static func escaped(_ backslashes: Lanes, _ carry: inout UInt64) -> Lanes {
        let odd: UInt64 = 0x1010_1010_1010_1010
        let potential = backslashes.bits & ~carry
        let series = ((potential &<< 4 | odd) &- potential ^ odd) & Lanes.ones
        let escaped = series ^ (backslashes.bits | carry)
        carry = (series & backslashes.bits) &>> 60
        return Lanes(bits: escaped)
    }

    /// The first quotation mark, backslash or control character at or behind a position; nil when there is none.
    @inline(__always)
    func endOfPlainText(from start: Int) -> Int? {
        var position = start
        while hasBlock(at: position) {
            let block = block(at: position)
            let ends = Lanes(
                (block .== every(UInt8(ascii: "\""))) .| (block .== every(UInt8(ascii: "\\")))
                    .| (block .< every(0x20)))
            if ends.bits != 0 { return position &+ ends.first }
            position &+= Self.blockBytes
        }
        return endOfShortPlainText(from: position)
    }

    @inline(never)
    private func endOfShortPlainText(from start: Int) -> Int? {
        var position = start
        while position < count {
            let byte = self[position]
            if byte == UInt8(ascii: "\"") || byte == UInt8(ascii: "\\") || byte < 0x20 { return position }
            position += 1
        }
        return nil
    }

    /// Whether all bytes of a range are ASCII.
    func isASCII(_ range: Range<Int>) -> Bool {
        var others = SIMDMask<SIMD16<Int8>>(repeating: false)
        var position = range.lowerBound
        while hasBlock(at: position), position <= range.upperBound - Self.blockBytes {
            others = others .| (block(at: position) .> every(0x7f))
            position += Self.blockBytes
        }
        if Lanes(others).bits != 0 { return false }
        while position < range.upperBound {
            if self[position] > 0x7f { return false }
            position += 1
        }
        return true
    }
}
