/// Finds the tags in a message.
struct TagScanner: Sendable {
    /// A place where the bytes of a tag stand; whether it is a word of its own depends on its escape level.
    struct Hit {
        var tag: Int
        var range: Range<Int>
    }

    let tags: [String]
    private let patterns: [[UInt8]]
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
    }

    /// The first place at or behind `start` where a tag stands that no further word byte follows.
    func next(_ message: Span<UInt8>, from start: Int) -> Hit? {
        var position = start
        while position < message.count {
            if isFirstByte[Int(message[position])], let hit = hit(message, at: position) { return hit }
            position += 1
        }
        return nil
    }

    private func hit(_ message: Span<UInt8>, at position: Int) -> Hit? {
        for index in patterns.indices {
            let pattern = patterns[index]
            let end = position + pattern.count
            guard end <= message.count, isEqual(pattern.span, message.extracting(position..<end)) else { continue }
            if end < message.count, isWordByte(message[end]) { continue }
            return Hit(tag: index, range: position..<end)
        }
        return nil
    }
}
