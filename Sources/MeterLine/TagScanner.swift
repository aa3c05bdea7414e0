/// Finds the tags in a message.
struct TagScanner: Sendable {
    /// A place where the bytes of a tag stand; whether it is a word of its own depends on its escape level.
    struct Hit {
        var tag: Int
        var range: Range<Int>
    }

    /// What is looked for at 64 places together: two bytes at fixed distances from the beginning, the rarer one first.
    private struct Probe {
        var first: UInt8
        var firstOffset: Int
        var second: UInt8
        var secondOffset: Int
    }

    /// A byte that stands, in each tag of some, at one of sixteen distances from the beginning, of which this is the least.
    private struct Anchor {
        var byte: UInt8
        var offset: Int
    }

    let tags: [String]
    private let patterns: [[UInt8]]
    /// The first eight bytes of each tag, and which bits of them there are.
    private let heads: [(word: UInt64, mask: UInt64)]
    private let probes: [Probe]
    /// A tag has one of these, so that there is none where they are not; the default tags have one in common.
    private let anchors: [Anchor]
    /// The largest distance of a probe's byte from the beginning.
    private let reach: Int
    /// Whether a byte begins a tag.
    private let isFirstByte: [Bool]

    init(tags: [String]) {
        // A longer tag goes before one that it begins with.
        let tags = tags.sorted { $0.utf8.count > $1.utf8.count }
        self.tags = tags
        patterns = tags.map { Array($0.utf8) }
        var isFirstByte = [Bool](repeating: false, count: 256)
        for pattern in patterns { isFirstByte[Int(pattern[0])] = true }
        self.isFirstByte = isFirstByte
        let probes = Self.probes(patterns)
        self.probes = probes
        anchors = Self.anchors(probes)
        reach = probes.map { max($0.firstOffset, $0.secondOffset) }.max() ?? 0
        heads = patterns.map { pattern in
            let mask = pattern.count < 8 ? 1 << UInt64(8 * pattern.count) - 1 : UInt64.max
            return (ByteText.with(pattern.span) { $0.word(at: 0) }, mask)
        }
    }

    /// One probe for all tags that begin alike.
    private static func probes(_ patterns: [[UInt8]]) -> [Probe] {
        var probes: [Probe] = []
        // The shorter ones first: what fits one fits a longer tag that has the same bytes there.
        for pattern in patterns.reversed() where !probes.contains(where: { fits($0, pattern) }) {
            let byRarity = pattern.indices.sorted { (commonness(pattern[$0]), $0) < (commonness(pattern[$1]), $1) }
            let (first, second) = (byRarity[0], byRarity[min(1, byRarity.count - 1)])
            probes.append(
                Probe(first: pattern[first], firstOffset: first, second: pattern[second], secondOffset: second))
        }
        return probes
    }

    private static func anchors(_ probes: [Probe]) -> [Anchor] {
        var anchors: [Anchor] = []
        for probe in probes.sorted(by: { $0.firstOffset < $1.firstOffset }) {
            let isThere = anchors.contains { $0.byte == probe.first && probe.firstOffset < $0.offset + anchorReach }
            if !isThere { anchors.append(Anchor(byte: probe.first, offset: probe.firstOffset)) }
        }
        return anchors
    }

    private static let anchorReach = 16

    private static func fits(_ probe: Probe, _ pattern: [UInt8]) -> Bool {
        max(probe.firstOffset, probe.secondOffset) < pattern.count && pattern[probe.firstOffset] == probe.first
            && pattern[probe.secondOffset] == probe.second
    }

    /// How common a byte is in logs, roughly: a place in the row of English letters, and digits before all others.
    private static func commonness(_ byte: UInt8) -> Int {
        if isDigit(byte) { return 64 }
        return Array("zqxjkvwybgfpumcldhrsinoate".utf8).firstIndex(of: byte | 0x20) ?? 4
    }

    /// The first place at or behind `start` where a tag stands that no further word byte follows.
    func next(_ message: Span<UInt8>, from start: Int) -> Hit? {
        ByteText.with(message) { next($0, from: start, to: $0.count) }
    }

    /// The first place at or behind `start` where a tag stands, before `end`, that no further word byte follows.
    func next(_ text: ByteText, from start: Int, to end: Int) -> Hit? {
        var position = start
        let last = text.count - ByteText.blockBytes - reach
        while position < end, let block = nextBlock(text, &position, to: last) {
            // The last block lies partly before the position.
            var places = candidates(text, at: block) & UInt64.max &<< UInt64(max(0, position - block))
            while places != 0 {
                let candidate = block + places.trailingZeroBitCount
                if candidate >= end { return nil }
                if let hit = hit(text, at: candidate, to: end) { return hit }
                places &= places &- 1
            }
            position = block + ByteText.blockBytes
        }
        return nextByte(text, from: position, to: end)
    }

    /// Moves the position to 64 places among which a tag may begin, and tells where these begin; nil where only few bytes
    /// are left, which are to be looked at one by one.
    ///
    /// - Parameter last: the last place at which 64 can be looked at.
    @inline(__always)
    private func nextBlock(_ text: ByteText, _ position: inout Int, to last: Int) -> Int? {
        guard last >= 0 else { return nil }
        if anchors.count <= 2 {
            // What costs most is to look for tags where there is none.
            let (one, other) = (anchors[0], anchors.count == 2 ? anchors[1] : nil)
            while position <= last - Self.anchorReach {
                if text.has(one.byte, among80At: position + one.offset) { return position }
                if let other, text.has(other.byte, among80At: position + other.offset) { return position }
                position += ByteText.blockBytes
            }
        }
        return position < last + ByteText.blockBytes ? min(position, last) : nil
    }

    /// At which of 64 places a tag may stand.
    @inline(__always)
    private func candidates(_ text: ByteText, at position: Int) -> UInt64 {
        var places: UInt64 = 0
        for index in probes.indices {
            let probe = probes[index]
            let rare = text.mask(.equal(probe.first), at: position + probe.firstOffset)
            if rare == 0 { continue }
            places |= rare & text.mask(.equal(probe.second), at: position + probe.secondOffset)
        }
        return places
    }

    /// The last bytes of a text, one by one.
    private func nextByte(_ text: ByteText, from start: Int, to end: Int) -> Hit? {
        var position = start
        while position < end {
            if isFirstByte[Int(text[position])], let hit = hit(text, at: position, to: end) { return hit }
            position += 1
        }
        return nil
    }

    private func hit(_ text: ByteText, at position: Int, to limit: Int) -> Hit? {
        let word = text.word(at: position)
        for index in heads.indices where word & heads[index].mask == heads[index].word {
            let end = position + patterns[index].count
            guard end <= limit, isEqual(patterns[index], text, at: position) else { continue }
            if end < limit, isWordByte(text[end]) { continue }
            return Hit(tag: index, range: position..<end)
        }
        return nil
    }

    /// Whether a pattern stands at a position at which its first eight bytes do, as far as it has them.
    @inline(__always)
    private func isEqual(_ pattern: [UInt8], _ text: ByteText, at position: Int) -> Bool {
        var offset = 8
        while offset < pattern.count {
            if text[position &+ offset] != pattern[offset] { return false }
            offset &+= 1
        }
        return true
    }
}

/// The next tag in a text, so that the search passes each byte once, however many messages are in it.
struct NextTag {
    /// Where the search begins that has not been made yet.
    private var position = 0
    private var hit: TagScanner.Hit?
    private var isAtEnd = false

    /// The first tag in a range; ranges must come in their order.
    @inline(__always)
    mutating func first(in range: Range<Int>, of text: ByteText, _ scanner: TagScanner) -> TagScanner.Hit? {
        if let hit, hit.range.lowerBound >= range.lowerBound {
            return hit.range.upperBound <= range.upperBound ? hit : nil
        }
        if isAtEnd { return nil }
        hit = scanner.next(text, from: max(position, range.lowerBound), to: text.count)
        guard let hit else {
            isAtEnd = true
            return nil
        }
        position = hit.range.upperBound
        return hit.range.upperBound <= range.upperBound ? hit : nil
    }
}
