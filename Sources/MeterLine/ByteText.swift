private import CByteMasks

/// Bytes that are read at any place, and eight or 64 at a time where that pays.
///
/// Every access is checked. A value must not outlive the call of `with` that made it.
@safe package struct ByteText {
    /// How many bytes are looked at together: one for each bit of a mask.
    static let blockBytes = 64
    /// How many bytes are copied together.
    private static let pieceBytes = 16

    private let start: UnsafePointer<UInt8>
    /// How many bytes there are.
    package let count: Int
    /// From how many positions, the first ones, a word and a block can be read.
    private let (words, blocks): (UInt, UInt)

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
        words = UInt(max(0, count - 7))
        blocks = UInt(max(0, count - Self.blockBytes + 1))
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

    /// Eight bytes from a position on, the first one lowest; bytes behind the end are 0.
    @inline(__always)
    func word(at position: Int) -> UInt64 {
        guard UInt(bitPattern: position) < words else { return wordAtEnd(position) }
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
    func withSpan<Result, Failure: Error>(
        _ body: (Span<UInt8>) throws(Failure) -> Result
    ) throws(Failure) -> Result {
        try unsafe body(Span(_unsafeElements: UnsafeBufferPointer(start: start, count: count)))
    }

    /// Copies the bytes of a range to memory that has room for `room` bytes; what is written behind them is of no meaning.
    ///
    /// Sixteen bytes at a time, which for the few of a name is several times as fast as a call of `memcpy`.
    @inline(__always)
    func copy(_ range: Range<Int>, to target: UnsafeMutableRawPointer, room: Int) {
        precondition(range.lowerBound >= 0 && range.upperBound <= count && range.count <= room)
        let source = unsafe UnsafeRawPointer(start + range.lowerBound)
        let most = 4 * Self.pieceBytes
        guard range.count <= most, room >= most, range.lowerBound <= count &- most else {
            unsafe target.copyMemory(from: source, byteCount: range.count)
            return
        }
        var offset = 0
        repeat {
            let piece = unsafe source.loadUnaligned(fromByteOffset: offset, as: SIMD16<UInt8>.self)
            unsafe target.storeBytes(of: piece, toByteOffset: offset, as: SIMD16<UInt8>.self)
            offset &+= Self.pieceBytes
        } while offset < range.count
    }

    /// Lends the bytes of a range to `body`.
    @inline(__always)
    package func withBytes<Result>(_ range: Range<Int>, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        precondition(range.lowerBound >= 0 && range.upperBound <= count)
        return unsafe body(UnsafeRawBufferPointer(start: start + range.lowerBound, count: range.count))
    }
}

// MARK: - Masks

extension ByteText {
    /// What may hold for a byte.
    enum Trait {
        case equal(UInt8)
        case noDigit
        /// A quotation mark, a backslash, a control character, or a part of a character that is not ASCII.
        case stopsString
    }

    /// For which of the 64 bytes from a position on something holds: the lowest bit is for the first of them.
    ///
    /// It holds for no byte behind the end.
    @inline(__always)
    func mask(_ trait: Trait, at position: Int) -> UInt64 {
        if UInt(bitPattern: position) < blocks { return unsafe Self.mask(trait, start + position) }
        return maskAtEnd(trait, position)
    }

    @inline(never)
    private func maskAtEnd(_ trait: Trait, _ position: Int) -> UInt64 {
        guard position >= 0, position < count else { return 0 }
        let valid = 1 &<< UInt64(count - position) &- 1
        return unsafe withBlockAtEnd(position) { unsafe Self.mask(trait, $0) & valid }
    }

    /// Lends the bytes from a position on, of which there are fewer than 64, followed by as many zeros as are missing.
    private func withBlockAtEnd(_ position: Int, _ body: (UnsafePointer<UInt8>) -> UInt64) -> UInt64 {
        var block = SIMD64<UInt8>()
        return unsafe withUnsafeMutableBytes(of: &block) { bytes in
            if position >= 0, position < count {
                let rest = unsafe UnsafeRawBufferPointer(start: start + position, count: count - position)
                unsafe bytes.copyMemory(from: rest)
            }
            return unsafe bytes.assumingMemoryBound(to: UInt8.self).baseAddress.map { unsafe body($0) } ?? 0
        }
    }

    @inline(__always)
    private static func mask(_ trait: Trait, _ bytes: UnsafePointer<UInt8>) -> UInt64 {
        switch trait {
        case .equal(let byte): unsafe metertap_equal(bytes, byte)
        case .noDigit: unsafe metertap_not_digits(bytes)
        case .stopsString: unsafe metertap_string_stops(bytes)
        }
    }

    /// Up to 64 bytes, none of them 0.
    struct Literal: Equatable {
        private(set) var first = SIMD32<UInt8>()
        private(set) var second = SIMD32<UInt8>()
        let count: Int

        /// The bytes of a range; nil when there are none, or too many.
        init?(_ text: ByteText, _ range: Range<Int>) {
            guard !range.isEmpty, range.count <= ByteText.blockBytes else { return nil }
            count = range.count
            for offset in 0..<min(count, 32) { first[offset] = text[range.lowerBound + offset] }
            for offset in 32..<max(count, 32) { second[offset - 32] = text[range.lowerBound + offset] }
        }
    }

    /// Whether some bytes stand at a position.
    @inline(__always)
    func has(_ literal: Literal, at position: Int) -> Bool {
        guard UInt(bitPattern: position) < blocks else { return hasAtEnd(literal, position) }
        return unsafe Self.has(literal, start + position)
    }

    @inline(never)
    private func hasAtEnd(_ literal: Literal, _ position: Int) -> Bool {
        unsafe withBlockAtEnd(position) { unsafe Self.has(literal, $0) ? 1 : 0 } != 0
    }

    @inline(__always)
    private static func has(_ literal: Literal, _ start: UnsafePointer<UInt8>) -> Bool {
        let valid = UInt64.max &>> UInt64(truncatingIfNeeded: blockBytes &- literal.count)
        if unsafe UInt64(metertap_differences(start, literal.first)) & valid != 0 { return false }
        if literal.count <= 32 { return true }
        return unsafe UInt64(metertap_differences(start + 32, literal.second)) & valid &>> 32 == 0
    }

    /// The first byte at or behind a position for which one of two things holds; nil when there is none.
    @inline(__always)
    func first(_ trait: Trait, or other: Trait? = nil, from start: Int) -> Int? {
        var position = start
        while position < count {
            var mask = mask(trait, at: position)
            if let other { mask |= self.mask(other, at: position) }
            if mask != 0 { return position &+ mask.trailingZeroBitCount }
            position &+= Self.blockBytes
        }
        return nil
    }

    /// Whether one of the 80 bytes from a position on is this one.
    @inline(__always)
    func has(_ byte: UInt8, among80At position: Int) -> Bool {
        precondition(position >= 0 && position <= count &- 80)
        return unsafe metertap_any_of_80(start + position, byte)
    }
}

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
        while end.position < count {
            let quotes = mask(.equal(UInt8(ascii: "\"")), at: end.position)
            let backslashes = mask(.equal(UInt8(ascii: "\\")), at: end.position)
            let escaped = Self.escaped(backslashes, &carry)
            let closing = quotes & ~escaped
            // All when the string goes on.
            let inside = (closing & (0 &- closing)) &- 1
            if backslashes & inside != 0 { end.hasEscapes = true }
            let others = escaped & inside & ~(quotes | backslashes)
            if others != 0, hasU(others, at: end.position) { end.hasUnicodeEscapes = true }
            if closing != 0 {
                end.position &+= closing.trailingZeroBitCount
                return end
            }
            end.position &+= Self.blockBytes
        }
        return nil
    }

    @inline(never)
    private func hasU(_ places: UInt64, at position: Int) -> Bool {
        mask(.equal(UInt8(ascii: "u")), at: position) & places != 0
    }

    /// Which bytes a backslash stands before that is not itself escaped.
    ///
    /// The method is simdjson's (`json_escape_scanner.h`): of a row of backslashes every second one is escaped, and a
    /// subtraction whose borrow runs along the row tells them apart.
    ///
    /// - Parameter carry: 1 when the first byte is escaped by the byte before it; then the same for the next block.
    @inline(__always)
    private static func escaped(_ backslashes: UInt64, _ carry: inout UInt64) -> UInt64 {
        let odd: UInt64 = 0xaaaa_aaaa_aaaa_aaaa
        let potential = backslashes & ~carry
        let series = ((potential &<< 1 | odd) &- potential) ^ odd
        let escaped = series ^ (backslashes | carry)
        carry = (series & backslashes) &>> 63
        return escaped
    }
}

/// Finds where strings of a text stop, from left to right: each byte is looked at once, with 63 others.
struct StringStops {
    /// The position of the 64 bytes that were looked at last.
    private var start: Int
    private var mask: UInt64 = 0

    init(from position: Int) {
        start = position &- ByteText.blockBytes
    }

    /// The first byte at or behind a position that no plain ASCII text in a string has, or the end of the text.
    ///
    /// Positions must not go back.
    @inline(__always)
    mutating func first(_ text: ByteText, from position: Int) -> Int {
        var position = position
        while true {
            let offset = position &- start
            if offset < ByteText.blockBytes {
                let rest = mask &>> UInt64(truncatingIfNeeded: offset)
                if rest != 0 { return position &+ rest.trailingZeroBitCount }
                position = start &+ ByteText.blockBytes
            }
            if position >= text.count { return text.count }
            start = position
            mask = text.mask(.stopsString, at: position)
        }
    }
}

extension ByteText {
    /// Whether all of the text can stand in a JSON string as it is.
    var needsNoEscape: Bool {
        guard count >= 8 else {
            for position in 0..<count where Self.needsEscape(Self.every &* UInt64(self[position])) { return false }
            return true
        }
        // Eight bytes at a time; the last eight overlap those before them.
        var position = 0
        while true {
            if Self.needsEscape(word(at: position)) { return false }
            if position == count &- 8 { return true }
            position = min(position &+ 8, count &- 8)
        }
    }

    /// 1 in each byte.
    private static let every: UInt64 = 0x0101_0101_0101_0101

    /// Whether one of eight bytes is a quotation mark, a backslash or a control character.
    @inline(__always)
    private static func needsEscape(_ word: UInt64) -> Bool {
        // A byte below another borrows from its highest bit; what is not ASCII has that bit set before.
        func below(_ bound: UInt64, _ word: UInt64) -> UInt64 { (word &- every &* bound) & ~word }
        let quotes = below(1, word ^ every &* 0x22)
        let backslashes = below(1, word ^ every &* 0x5c)
        return (below(0x20, word) | quotes | backslashes) & (every &* 0x80) != 0
    }
}

// MARK: - Digits

extension ByteText {
    /// Behind the digits that stand from a position on.
    @inline(__always)
    func endOfDigits(from start: Int) -> Int {
        var position = start
        while true {
            // The highest bit of each byte that is above 9 once it is no longer ASCII.
            let values = word(at: position) ^ 0x3030_3030_3030_3030
            let others = ((values & 0x7f7f_7f7f_7f7f_7f7f) &+ 0x7676_7676_7676_7676 | values) & 0x8080_8080_8080_8080
            if others != 0 { return position &+ others.trailingZeroBitCount &>> 3 }
            position &+= 8
        }
    }

    /// The number that some digits are; nil for none and for more than 15.
    @inline(__always)
    func number(_ digits: Range<Int>) -> Int64? {
        guard !digits.isEmpty, digits.count <= 15 else { return nil }
        let first = word(at: digits.lowerBound) ^ 0x3030_3030_3030_3030
        guard digits.count > 8 else {
            return Self.number(first &<< UInt64(truncatingIfNeeded: 8 &* (8 &- digits.count)))
        }
        let high = Self.number(first &<< UInt64(truncatingIfNeeded: 8 &* (16 &- digits.count)))
        return high &* 100_000_000 &+ Self.number(word(at: digits.upperBound &- 8) ^ 0x3030_3030_3030_3030)
    }

    /// The number of eight digits, the first one lowest: pairs of them at a time.
    @inline(__always)
    private static func number(_ digits: UInt64) -> Int64 {
        let pairs = digits &* 10 &+ digits &>> 8
        let low = (pairs & 0x0000_00ff_0000_00ff) &* 0x000f_4240_0000_0064
        let high = (pairs &>> 16 & 0x0000_00ff_0000_00ff) &* 0x0000_2710_0000_0001
        return Int64((low &+ high) &>> 32)
    }
}
