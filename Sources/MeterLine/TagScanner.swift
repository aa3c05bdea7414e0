/// Finds the tags in a message.
struct TagScanner: Sendable {
    /// A place where the bytes of a tag stand; whether it is a word of its own depends on its escape level.
    struct Hit {
        var tag: Int
        var range: Range<Int>
    }

    /// What is looked for, sixteen places at a time: a byte at a fixed distance from the beginning, and then a second one.
    private struct Probe {
        var first: SIMD16<UInt8>
        var firstOffset: Int
        var second: SIMD16<UInt8>
        var secondOffset: Int
    }

    let tags: [String]
    private let patterns: [[UInt8]]
    /// The first eight bytes of each tag, and which bits of them there are.
    private let heads: [(word: UInt64, mask: UInt64)]
    private let probes: [Probe]
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
        probes = Self.probes(patterns)
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
                Probe(
                    first: every(pattern[first]), firstOffset: first, second: every(pattern[second]),
                    secondOffset: second))
        }
        return probes
    }

    private static func fits(_ probe: Probe, _ pattern: [UInt8]) -> Bool {
        max(probe.firstOffset, probe.secondOffset) < pattern.count && pattern[probe.firstOffset] == probe.first[0]
            && pattern[probe.secondOffset] == probe.second[0]
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
        while position < end {
            guard let block = nextBlock(text, from: position, to: end) else { break }
            var lanes = candidates(text, at: block)
            while lanes != 0 {
                let candidate = block + Lanes(bits: lanes).first
                if candidate >= end { return nil }
                if let hit = hit(text, at: candidate, to: end) { return hit }
                lanes &= lanes &- 1
            }
            position = block + ByteText.blockBytes
        }
        return nextByte(text, from: max(position, lastBlock(text)), to: end)
    }

    /// Behind all the places for which there are bytes enough to look at sixteen places together.
    private func lastBlock(_ text: ByteText) -> Int {
        // No tag is longer than its first pattern.
        text.count - ByteText.blockBytes - patterns[0].count
    }

    /// The first sixteen places, in steps of sixteen, among which the first byte of a probe fits one.
    @inline(__always)
    private func nextBlock(_ text: ByteText, from start: Int, to end: Int) -> Int? {
        let last = min(lastBlock(text), end)
        var position = start
        guard probes.count <= 2 else { return position < last ? position : nil }
        // Most tags have one of two: what costs most is to look for them where there is none.
        let (one, other) = (probes[0], probes[probes.count - 1])
        while position < last {
            let mask =
                (text.block(at: position + one.firstOffset) .== one.first)
                .| (text.block(at: position + other.firstOffset) .== other.first)
            if Lanes(mask).bits != 0 { return position }
            position += ByteText.blockBytes
        }
        return nil
    }

    /// At which of sixteen places a tag may stand.
    @inline(__always)
    private func candidates(_ text: ByteText, at position: Int) -> UInt64 {
        var lanes: UInt64 = 0
        for index in probes.indices {
            let probe = probes[index]
            let mask =
                (text.block(at: position + probe.firstOffset) .== probe.first)
                .& (text.block(at: position + probe.secondOffset) .== probe.second)
            lanes |= Lanes(mask).bits
        }
        return lanes
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

    private func isEqual(_ pattern: [UInt8], _ text: ByteText, at position: Int) -> Bool {
        for offset in pattern.indices where text[position + offset] != pattern[offset] { return false }
        return true
    }
}
