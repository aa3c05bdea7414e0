import Meter
import MeterLine

/// The Kinesis records of one event, and how what they carry is read.
struct KinesisEnvelopes: Sendable {
    /// What was found in one Kinesis record.
    struct Found: Sendable {
        var lines: FoundLines
        var accounting = Accounting()
    }

    let records: [LambdaEvent.KinesisRecord]
    let event: [UInt8]
    let lineReader: LineReader
    let format: BatchFormat

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

    /// Reads some Kinesis records in bounded memory: nil for one that needs more, which is then to be read otherwise.
    ///
    /// - Parameter bytes: what the records state to decompress to. Each may decompress to that much; the lines of all
    ///   may have four times that size, as those of short log events do.
    func readBounded(_ indices: Range<Int>, bytes: Int) -> [Found?] {
        var reader = EnvelopeReader(lineReader: lineReader, limit: bytes)
        var room = 4 * bytes
        return indices.map { index in
            guard room > 0, !Task.isCancelled else { return nil }
            var found = Found(lines: FoundLines(format.lines))
            found.lines.limit = room
            found.accounting = read(index, &reader, into: &found.lines) { _ in }
            room -= found.lines.bytes
            // More than what is stated, or than one message may hold: the limits of who reads it otherwise count.
            return found.lines.hasTooLarge || room < 0 ? nil : found
        }
    }
}
