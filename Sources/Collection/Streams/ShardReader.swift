import AWS
import MeterLine

/// Reads one shard page by page: keeps its iterator, and gets a new one when there is none or it has expired.
struct ShardReader: Sendable {
    /// An answer of GetRecords, and what it holds.
    struct Page: Sendable {
        var answer: [UInt8]
        var content: KinesisPage
    }

    let shard: String
    /// How far the pages that are finished go.
    private(set) var position: ShardPosition
    private let stream: KinesisClient.Stream
    private let start: StreamStart
    private let kinesis: KinesisClient
    private var iterator: String?

    init(
        shard: String, stream: KinesisClient.Stream, start: StreamStart, position: ShardPosition, kinesis: KinesisClient
    ) {
        self.shard = shard
        self.stream = stream
        self.start = start
        self.position = position
        self.kinesis = kinesis
    }

    /// The page behind the last one that is finished.
    ///
    /// - Throws: `AWSError`.
    mutating func next(deadline: ContinuousClock.Instant) async throws(AWSError) -> Page {
        let iterator = try await currentIterator(deadline)
        do throws(AWSError) {
            return try page(try await kinesis.records(iterator, of: shard, in: stream, deadline: deadline))
        } catch {
            guard error.isExpiredIterator else { throw error }
        }
        // Five minutes went by, for example because the sink was away.
        self.iterator = nil
        let fresh = try await currentIterator(deadline)
        return try page(try await kinesis.records(fresh, of: shard, in: stream, deadline: deadline))
    }

    /// Notes that everything in a page is delivered.
    mutating func finish(_ page: Page) {
        let next = page.content.nextIterator
        guard next != nil else { return (position, iterator) = (.end, nil) }
        guard let last = page.content.records.last else { return iterator = next }
        position = .after(last.sequenceNumber)
        // One that comes again would give the same records again.
        iterator = next == iterator ? nil : next
    }

    private mutating func currentIterator(_ deadline: ContinuousClock.Instant) async throws(AWSError) -> String {
        if let iterator { return iterator }
        let fresh = try await kinesis.iterator(
            of: shard, in: stream, start: start.start(at: position), deadline: deadline)
        iterator = fresh
        return fresh
    }

    private func page(_ answer: [UInt8]) throws(AWSError) -> Page {
        do throws(KinesisPage.Fault) {
            return Page(answer: answer, content: try KinesisPage(answer.span, stream: stream.arn, shard: shard))
        } catch {
            throw AWSError(
                kind: .transient, code: "MalformedResponse", message: error.description,
                operation: "Kinesis GetRecords", resource: "\(stream.arn) \(shard)")
        }
    }
}
