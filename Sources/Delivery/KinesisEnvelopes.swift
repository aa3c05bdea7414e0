import Meter
import MeterLine

/// The Kinesis records of one event, and how what they carry is read.
package struct KinesisEnvelopes: Sendable {
    /// What was found in one Kinesis record.
    package struct Found: Sendable {
        var lines: FoundLines
        var accounting = Accounting()
    }

    /// Consecutive Kinesis records that are read together.
    package struct Run: Sendable {
        var range: Range<Int>
        /// What they state to decompress to; a guess, on whose truth nothing may depend.
        var bytes: Int
    }

    /// Small records are read together up to this size.
    private static let runBytes = 1 << 20
    /// What the smallest record counts as.
    private static let leastBytes = 256

    let records: [LambdaEvent.KinesisRecord]
    let event: [UInt8]
    let lineReader: LineReader
    let format: BatchFormat

    /// Whether two records are of one shard.
    func isSameShard(_ index: Int, _ other: Int) -> Bool {
        records[index].shard == records[other].shard && records[index].stream == records[other].stream
    }

    /// Where a record stands.
    func position(_ index: Int) -> Position {
        Position(name: records[index].sequenceNumber, time: records[index].arrival ?? 0)
    }

    /// Makes batches of records of the shard of one.
    func builder(for index: Int) -> BatchBuilder {
        BatchBuilder(format: format, scope: [records[index].stream, records[index].shard])
    }

    /// Reads one Kinesis record into lines; the figures are its own.
    ///
    /// - Parameter whenGrown: may take the lines away whenever there are more.
    func read(
        _ index: Int, _ reader: inout EnvelopeReader, into lines: inout FoundLines,
        whenGrown: (inout FoundLines) -> Void
    ) -> Accounting {
        let record = records[index]
        let source = Reject.Source.kinesis(
            stream: record.stream, shard: record.shard, sequenceNumber: record.sequenceNumber)
        var accounting = Accounting()
        let data = Self.data(record.data, of: event)
        reader.read(data.span, source: source, accounting: &accounting, into: &lines, whenGrown: whenGrown)
        return accounting
    }

    /// The envelope of an event; text that is no base64 is passed on as it is and becomes a reject that holds it.
    static func data(_ encoded: LambdaEvent.EncodedData?, of event: [UInt8]) -> [UInt8] {
        guard let encoded else { return [] }
        return encoded.decoded(in: event.span) ?? encoded.text(in: event.span)
    }

    /// All records, in runs of which each is read by one task.
    func runs() -> [Run] {
        var runs: [Run] = []
        for index in records.indices {
            let bytes = max(Self.leastBytes, records[index].data?.statedSize(in: event.span) ?? 0)
            if let last = runs.last, last.bytes + bytes <= Self.runBytes {
                runs[runs.count - 1] = Run(range: last.range.lowerBound..<index + 1, bytes: last.bytes + bytes)
            } else {
                runs.append(Run(range: index..<index + 1, bytes: bytes))
            }
        }
        return runs
    }

    /// Reads a run in bounded memory: nil for a record that needs more, which is then to be read otherwise.
    ///
    /// Each record may decompress to what the run states; the lines of all may have four times that size, as those of
    /// short log events do.
    func read(_ run: Run, deadline: ContinuousClock.Instant?) -> [Found?] {
        var reader = EnvelopeReader(lineReader: lineReader, limit: run.bytes)
        var room = 4 * run.bytes
        return run.range.map { index in
            guard room > 0, deadline.map({ ContinuousClock.now < $0 }) ?? true else { return nil }
            var found = Found(lines: FoundLines(format.lines))
            found.lines.limit = room
            found.accounting = read(index, &reader, into: &found.lines) { _ in }
            room -= found.lines.bytes
            // More than what is stated, or than one message may hold: the limits of who reads it otherwise count.
            return found.lines.hasTooLarge || room < 0 ? nil : found
        }
    }
}
