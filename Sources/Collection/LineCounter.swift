package import SystemPackage

/// Counts how often a line was seen before, for any number of lines in bounded memory.
///
/// Lines are known by 128 bits of their SHA-256. The first quarter of a million distinct lines are kept in memory; when
/// there are more, all move to a hash table in a temporary file that no other process can open.
public final class LineCounter {
    /// 128 bits of a line's hash.
    package struct Key: Hashable {
        var high: UInt64
        var low: UInt64

        package init(high: UInt64, low: UInt64) {
            self.high = high
            self.low = low
        }
    }

    private let maximumInMemory: Int
    private var inMemory: [Key: UInt64] = [:]
    private var table: CounterTable?

    /// Starts with no line.
    ///
    /// - Parameter maximumInMemory: how many distinct lines are kept in memory; a power of two.
    public init(maximumInMemory: Int = 1 << 18) {
        self.maximumInMemory = maximumInMemory
    }

    /// How often the line was seen before; it has been seen once more from now on.
    ///
    /// - Throws: `Errno` when the temporary file cannot be written.
    package func countBefore(_ key: Key) throws(Errno) -> UInt64 {
        if table == nil {
            if let count = inMemory[key] {
                inMemory[key] = count + 1
                return count
            }
            if inMemory.count < maximumInMemory {
                inMemory[key] = 1
                return 0
            }
            try moveToFile()
        }
        return try table?.increment(key, by: 1) ?? 0
    }

    /// How often a line was seen.
    ///
    /// - Throws: `Errno` when the temporary file cannot be read.
    package func count(_ key: Key) throws(Errno) -> UInt64 {
        if let table { return try table.count(key) }
        return inMemory[key] ?? 0
    }

    private func moveToFile() throws(Errno) {
        let table = try CounterTable(slots: max(64, 4 * maximumInMemory))
        for (key, count) in inMemory { _ = try table.increment(key, by: count) }
        inMemory = [:]
        self.table = table
    }
}

/// A hash table with open addressing in a temporary file: slots of a key and a count, a count of 0 is an empty slot.
private final class CounterTable {
    private static let slotBytes = 24

    private var file: FileDescriptor
    private var slots: UInt64
    private var used: UInt64 = 0

    /// - Parameter slots: a power of two.
    init(slots: Int) throws(Errno) {
        self.slots = UInt64(slots)
        file = try TemporaryFile.open()
    }

    deinit {
        try? file.close()
    }

    func increment(_ key: LineCounter.Key, by count: UInt64) throws(Errno) -> UInt64 {
        if used * 2 >= slots { try grow() }
        var slot = key.low & (slots - 1)
        while true {
            let (found, before) = try read(slot)
            if before == 0 || found == key {
                if before == 0 { used += 1 }
                try write(slot, key, before + count)
                return before
            }
            slot = (slot + 1) & (slots - 1)
        }
    }

    func count(_ key: LineCounter.Key) throws(Errno) -> UInt64 {
        var slot = key.low & (slots - 1)
        while true {
            let (found, count) = try read(slot)
            if count == 0 || found == key { return count }
            slot = (slot + 1) & (slots - 1)
        }
    }

    private func grow() throws(Errno) {
        let larger = try CounterTable(slots: Int(slots) * 4)
        for slot in 0..<slots {
            let (key, count) = try read(slot)
            if count > 0 { _ = try larger.increment(key, by: count) }
        }
        // The smaller file goes when `larger` does.
        (file, larger.file) = (larger.file, file)
        slots = larger.slots
    }

    private func read(_ slot: UInt64) throws(Errno) -> (LineCounter.Key, UInt64) {
        var words = (high: UInt64(0), low: UInt64(0), count: UInt64(0))
        do {
            _ = try unsafe withUnsafeMutableBytes(of: &words) { bytes in
                try unsafe file.read(fromAbsoluteOffset: Int64(slot) * Int64(Self.slotBytes), into: bytes)
            }
        } catch {
            throw error as? Errno ?? .ioError
        }
        return (LineCounter.Key(high: words.high, low: words.low), words.count)
    }

    private func write(_ slot: UInt64, _ key: LineCounter.Key, _ count: UInt64) throws(Errno) {
        do {
            let words = (high: key.high, low: key.low, count: count)
            _ = try unsafe withUnsafeBytes(of: words) { bytes in
                try unsafe file.writeAll(toAbsoluteOffset: Int64(slot) * Int64(Self.slotBytes), bytes)
            }
        } catch {
            throw error as? Errno ?? .ioError
        }
    }
}
