import Delivery
import FoundationEssentials
import Gzip
import Logging
import MeterLine
import ServiceLifecycle
import Store

/// Takes the objects of a bucket in as they appear, each exactly once in effect.
///
/// An object is known by key and ETag. Its records are stored in several transactions when there are many; how far it was
/// read is part of each, so that a crash repeats nothing.
struct BucketIntake: Service {
    /// The largest object as it is stored, and once it is inflated.
    private static let maximumBytes = 64 << 20
    private static let maximumInflatedBytes = 256 << 20
    /// As long as the bucket holds fewer objects, all are listed each time.
    private static let listedWhole = 10_000
    /// How often a larger bucket is listed whole.
    private static let wholeInterval = Duration.seconds(86_400)
    /// How many items share a transaction.
    private static let itemsOfPart = 10_000
    private static let ignoredPrefixes = ["failed-requests/", "rejects/", "manifest/", "redriven/", "aws/lambda/"]

    let bucket: any Bucket
    /// What tells of new objects; nil where the bucket is listed again and again.
    let notifications: BucketNotifications?
    let store: any Store
    let hub: EventHub
    let status: IntakeStatus
    let pause: Duration
    let logger: Logger
    let now: @Sendable () -> Int64

    func run() async throws {
        var round = IntakeRound()
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            do {
                try await read(&round)
                status.finished(nil)
            } catch {
                status.finished("\(error)")
                logger.warning(
                    "the bucket cannot be read", metadata: ["bucket": "\(bucket.name)", "error": "\(error)"])
            }
            guard notifications == nil || !status.isWell else { continue }
            try? await cancelWhenGracefulShutdown { try await Task.sleep(for: pause) }
        }
    }

    /// What a round remembers for the next one.
    private struct IntakeRound {
        /// Objects that need not be looked up again, by key and ETag.
        var known: Set<String> = []
        var isSmall = true
        var lastWhole: ContinuousClock.Instant?
        static let maximumKnown = 200_000
    }

    private func read(_ round: inout IntakeRound) async throws {
        if let notifications, let last = round.lastWhole, ContinuousClock.now - last < Self.wholeInterval {
            return try await readNotified(notifications)
        }
        for prefix in prefixes(round) {
            let listing = try await bucket.list(prefix, limit: prefix.isEmpty ? .max : Self.listedWhole)
            if prefix.isEmpty {
                round.lastWhole = .now
                round.isSmall = listing.objects.count < Self.listedWhole
            }
            for object in listing.objects where !Self.isIgnored(object.key) {
                if Task.isShuttingDownGracefully || Task.isCancelled { return }
                let name = "\(object.etag) \(object.key)"
                guard !round.known.contains(name) else { continue }
                try await take(object)
                if round.known.count >= IntakeRound.maximumKnown { round.known = [] }
                round.known.insert(name)
            }
        }
    }

    /// Takes what the queue tells of; a message goes once its objects are stored.
    private func readNotified(_ notifications: BucketNotifications) async throws {
        let notices = try await cancelWhenGracefulShutdown { try await notifications.next() }
        for notice in notices {
            for object in notice.objects where !Self.isIgnored(object.key) { try await take(object) }
            try await notifications.finish(notice)
        }
    }

    /// Everything, or, between whole listings of a large bucket, the records of the last three days.
    private func prefixes(_ round: IntakeRound) -> [String] {
        if round.isSmall { return [""] }
        if let last = round.lastWhole, ContinuousClock.now - last < Self.wholeInterval {
            return (0...2).map { "ingest/records/\(Timestamp.date(now() - Int64($0) * 86_400_000))/" }
        }
        return [""]
    }

    private static func isIgnored(_ key: String) -> Bool {
        ignoredPrefixes.contains { key.hasPrefix($0) || key.contains("/\($0)") }
    }

    // MARK: - One object

    private func take(_ object: BucketObject) async throws {
        let intake = IntakeName(kind: .bucket, name: bucket.name)
        let whole = IntakeObject(key: object.key, etag: object.etag, lines: 0, isLast: true)
        let done: Int
        switch try await store.progress(of: whole, in: intake) {
        case .done, .failed: return
        case .partly(let lines): done = lines
        case .new: done = 0
        }
        do {
            let batch = try Self.batch(try await bucket.get(object.key), object, intake, time: now())
            try await store(batch, behind: done, of: whole)
        } catch let error as Unreadable {
            try await fail(whole, intake, error.description)
        } catch let error as IngestReader.Unreadable {
            try await fail(whole, intake, error.description)
        }
    }

    private struct Unreadable: Error {
        var description: String
    }

    private static func batch(
        _ bytes: [UInt8], _ object: BucketObject, _ intake: IntakeName, time: Int64
    ) throws -> IntakeBatch {
        guard bytes.count <= maximumBytes else {
            throw Unreadable(
                description: "it is larger than \(maximumBytes >> 20) MiB; write its records into several objects")
        }
        var name = object.key.lowercased()
        var text = bytes
        if name.hasSuffix(".gz") {
            name.removeLast(3)
            text = try inflated(bytes)
        }
        return try IntakeBatch(
            text, name.hasSuffix(".csv") ? .csv : .json, intake: intake, time: time, reader: IngestReader())
    }

    private static func inflated(_ bytes: [UInt8]) throws -> [UInt8] {
        var gunzip = Gunzip(limit: maximumInflatedBytes)
        do throws(GzipError) {
            return try gunzip.decompress(bytes.span) { span in
                unsafe span.withUnsafeBufferPointer { unsafe Array($0) }
            }
        } catch {
            switch error {
            case .damaged: throw Unreadable(description: "its name ends with .gz, but it is no gzip data or is cut off")
            case .overLimit:
                throw Unreadable(
                    description: "it inflates to more than \(maximumInflatedBytes >> 20) MiB; write several objects")
            }
        }
    }

    private func store(_ batch: IntakeBatch, behind done: Int, of whole: IntakeObject) async throws {
        var start = min(done, batch.items.count)
        repeat {
            let end = min(batch.items.count, start + Self.itemsOfPart)
            var part = batch
            part.items = Array(batch.items[start..<end])
            if start > 0 { part.ignoredKeys = [:] }
            part.object = whole
            part.object?.lines = end
            part.object?.isLast = end == batch.items.count
            let result = try await store.ingest(part)
            if result.stored > 0 { hub.announce() }
            start = end
        } while start < batch.items.count
    }

    /// Tells the one who wrote the object, beside it, and remembers that it was tried.
    private func fail(_ object: IntakeObject, _ intake: IntakeName, _ reason: String) async throws {
        let text = """
            The object \(object.key) (ETag \(object.etag)) cannot be read: \(reason)
            None of its records is counted. Write the records again, into an object of another name or the same one:
            a JSON array, NDJSON or CSV (.csv), gzip with .gz at the end of the name.

            """
        try await store.fail(object, in: intake, reason: reason, time: now())
        try await bucket.put(text, key: "failed-requests/\(Timestamp.date(now()))/\(object.key).reason.txt")
        logger.warning(
            "an object cannot be read",
            metadata: ["bucket": "\(bucket.name)", "key": "\(object.key)", "reason": "\(reason)"])
    }
}
