import MeterLine

/// Reads the Kinesis records of an event one after the other, and with several cores ahead of the batch that is being made.
///
/// Memory stays bounded: what is read ahead decompresses to no more than `budget` at a time. Records state their size; one
/// that is larger than it states, or than the budget, is read while nothing else is.
struct KinesisReader: ~Copyable {
    /// What tasks bring back.
    typealias Group = TaskGroup<Run>

    /// What was found in some consecutive Kinesis records; nil for one that needs more memory than it may have.
    struct Run: Sendable {
        var start: Int
        var found: [KinesisEnvelopes.Found?]
    }

    /// How many bytes may come of all records that are read ahead.
    private static let budget = 8 << 20
    /// One task reads small records until this many bytes may come of them.
    private static let runBytes = 256 << 10
    /// What the smallest record counts as.
    private static let leastBytes = 256

    private let envelopes: KinesisEnvelopes
    private var reader: EnvelopeReader
    /// How many bytes may come of each record; empty when none is read ahead.
    private let sizes: [Int]
    /// The first record that no task reads yet.
    private var next = 0
    /// The record to be taken next.
    private var position = 0
    /// What may come of the records which tasks read, or have read, and which are not taken yet.
    private var outstanding = 0
    private var results: [Int: KinesisEnvelopes.Found?] = [:]

    /// - Parameter cores: how many cores there are; with one nothing is read ahead.
    init(_ envelopes: KinesisEnvelopes, cores: Int) {
        self.envelopes = envelopes
        reader = EnvelopeReader(lineReader: envelopes.lineReader)
        sizes =
            cores > 1 && envelopes.records.count > 1
            ? envelopes.records.map {
                max(Self.leastBytes, $0.data?.statedSize(in: envelopes.event.span) ?? 0)
            } : []
    }

    /// Reads a Kinesis record into a batch.
    ///
    /// - Returns: the figures of this record.
    mutating func read(
        _ index: Int, into builder: inout BatchBuilder, at position: Position, _ group: inout Group
    ) async -> Accounting {
        if let found = await take(index, &group) {
            builder.append(found.lines, at: position)
            return found.accounting
        }
        builder.move(to: position)
        let accounting = builder.fill { lines, whenGrown in
            envelopes.read(index, &reader, into: &lines, whenGrown: whenGrown)
        }
        // Its buffer may have grown to the size of all that is read ahead, and more.
        if !sizes.isEmpty { reader = EnvelopeReader(lineReader: envelopes.lineReader) }
        return accounting
    }

    /// What was found ahead in a Kinesis record; nil when it is to be read now.
    private mutating func take(_ index: Int, _ group: inout Group) async -> KinesisEnvelopes.Found? {
        guard !sizes.isEmpty else { return nil }
        if index != position { await restart(at: index, &group) }
        position = index + 1
        if sizes[index] > Self.budget {
            // No task was started beyond it.
            next = position
            return nil
        }
        start(&group)
        while results[index] == nil, let run = await group.next() {
            for (offset, found) in run.found.enumerated() { results[run.start + offset] = found }
        }
        guard let found = results.removeValue(forKey: index) ?? nil else {
            await restart(at: position, &group)
            return nil
        }
        outstanding -= sizes[index]
        start(&group)
        return found
    }

    /// Starts tasks as long as the budget allows.
    private mutating func start(_ group: inout Group) {
        while next < sizes.count, outstanding + max(Self.runBytes, sizes[next]) <= Self.budget {
            var bytes = sizes[next]
            var end = next + 1
            while end < sizes.count, bytes + sizes[end] <= Self.runBytes {
                bytes += sizes[end]
                end += 1
            }
            group.addTask { [envelopes, next, end, bytes] in
                Run(start: next, found: envelopes.readBounded(next..<end, bytes: bytes))
            }
            outstanding += bytes
            next = end
        }
    }

    /// Waits for all tasks and forgets what they bring.
    private mutating func restart(at index: Int, _ group: inout Group) async {
        while await group.next() != nil {}
        results = [:]
        outstanding = 0
        next = index
        position = index
    }
}
