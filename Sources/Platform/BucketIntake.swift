import AWS
import Crypto
import Delivery
import FoundationEssentials
import Gzip
import Logging
import MeterLine
import ServiceLifecycle
import Store
import SystemPackage

/// Takes the objects of a bucket in as they appear, each exactly once in effect.
///
/// An object is known by key and ETag. Its records are stored in several transactions when there are many; how far it was
/// read is part of each, so that a crash repeats nothing.
struct BucketIntake: Service {
    /// The largest object as it is stored, and once it is inflated.
    private static let maximumBytes = 64 << 20
    private static let maximumInflatedBytes = 256 << 20
    /// As long as the bucket holds fewer objects, all are listed each time; also how many are listed at once.
    private static let listedWhole = 10_000
    /// How often a larger bucket is listed whole.
    private static let wholeInterval = Duration.seconds(86_400)
    /// How many items share a transaction.
    private static let itemsOfPart = 10_000
    /// After so long without a change a file isn't being written any more.
    private static let settlingTime = Duration.seconds(60)
    /// Stands for the ETag while a file is growing.
    private static let growing = "growing"
    /// So many objects in a row that can't be reached are a fault of the way, not of the objects.
    private static let maximumFailuresInARow = 3
    /// How many of the objects that can't be opened are shown.
    private static let maximumShown = 1_000
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

    /// Whether what is listed may still be being written.
    private var mayGrow: Bool { bucket is DirectoryBucket }

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

    private func read(_ round: inout IntakeRound) async throws {
        defer { status.unopened = Self.unopened(round) }
        if let notifications, let last = round.lastWhole, ContinuousClock.now - last < Self.wholeInterval {
            return try await readNotified(notifications, &round)
        }
        let prefixes = prefixes(round)
        let isWhole = prefixes == [""]
        if isWhole { round.beginWholeListing() }
        var count = 0
        for prefix in prefixes { count += try await readListed(prefix, &round) }
        if Self.isStopping { return }
        if isWhole {
            round.isSmall = count < Self.listedWhole
            round.endWholeListing()
        } else {
            try await retry(&round)
        }
    }

    private static var isStopping: Bool { Task.isShuttingDownGracefully || Task.isCancelled }

    /// Takes what is listed under a prefix, however much it is.
    ///
    /// - Returns: how many objects that are.
    private func readListed(_ prefix: String, _ round: inout IntakeRound) async throws -> Int {
        var count = 0
        var after: String?
        while true {
            let listing = try await bucket.survey(prefix, after: after, limit: Self.listedWhole)
            for object in listing.objects where !Self.isIgnored(object.key) && !round.knows(object) {
                if Self.isStopping { return count }
                if !round.isDeferred(object) { _ = try await attempt(object, &round) }
            }
            count += listing.objects.count
            guard !listing.isWhole, let last = listing.objects.last else { return count }
            after = last.key
        }
    }

    /// Takes what the queue tells of; a message goes once its objects are stored, or are noted to be tried again.
    private func readNotified(_ notifications: BucketNotifications, _ round: inout IntakeRound) async throws {
        let notices = try await cancelWhenGracefulShutdown { try await notifications.next() }
        for notice in notices {
            var isSettled = true
            for object in notice.objects where !Self.isIgnored(object.key) {
                isSettled = try await attempt(object, &round) && isSettled
            }
            if isSettled { try await notifications.finish(notice) }
        }
        try await retry(&round)
    }

    /// Tries the objects again that couldn't be opened and that no listing names.
    private func retry(_ round: inout IntakeRound) async throws {
        for object in round.due() where !Self.isStopping { _ = try await attempt(object, &round, isAgain: true) }
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
        ignoredPrefixes.contains { key.utf8.starts(with: $0.utf8) || key.utf8.contains("/\($0)".utf8) }
    }

    private static func unopened(_ round: IntakeRound) -> [IntakeStatus.Unopened] {
        round.deferred.values.sorted { $0.object.name.lexicographicallyPrecedes($1.object.name) }
            .prefix(maximumShown).map { .init(key: $0.object.key, reason: $0.reason, attempts: $0.attempts) }
    }

    // MARK: - One object

    /// Takes an object; one that can't be opened is noted and holds up no other.
    ///
    /// - Parameter isAgain: whether it was noted before and isn't listed now: if it is gone, it is forgotten.
    /// - Returns: whether it is stored or noted.
    /// - Throws: when nothing can be stored, or the bucket can't be reached.
    private func attempt(
        _ object: BucketObject, _ round: inout IntakeRound, isAgain: Bool = false
    ) async throws -> Bool {
        do {
            if let fault = object.fault { throw Unreadable(description: fault) }
            if try await take(object, &round) { round.finish(object) } else { round.forget(object) }
            round.failuresInARow = 0
            return true
        } catch let error as StoreError {
            throw error
        } catch {
            let isGone = (error as? AWSError)?.isMissingKey == true || (error as? Errno) == .noSuchFileOrDirectory
            if isGone, isAgain {
                round.forget(object)
                return true
            }
            let isPassing = (error as? AWSError)?.kind == .transient
            round.failuresInARow = isPassing ? round.failuresInARow + 1 : 0
            let reason = (error as? Unreadable)?.description ?? "\(error)"
            let attempts = round.fail(object, reason, pause: pause)
            if attempts == 1 {
                logger.warning(
                    "an object can't be opened; its records aren't counted, and it is tried again with growing pauses",
                    metadata: ["bucket": "\(bucket.name)", "key": "\(object.key)", "reason": "\(reason)"])
                if !isGone, !isPassing {
                    await explain(
                        object, reason, "It is tried again with growing pauses of at most an hour: make it readable.")
                }
            }
            if round.failuresInARow >= Self.maximumFailuresInARow {
                round.failuresInARow = 0
                throw error
            }
            return attempts != nil
        }
    }

    /// Stores what an object holds.
    ///
    /// - Returns: false when it is a file that may still be growing, and more of it is to be read later.
    private func take(_ object: BucketObject, _ round: inout IntakeRound) async throws -> Bool {
        let growth = round.growth(of: object)
        var isSettled = !mayGrow || isOld(object)
        if let growth, growth.etag == object.etag {
            isSettled = isSettled || ContinuousClock.now - growth.since >= Self.settlingTime
            guard isSettled else { return false }
        }
        let intake = IntakeName(kind: .bucket, name: bucket.name)
        var whole = IntakeObject(key: object.key, etag: object.etag, lines: 0, isLast: true)
        guard var done = try await itemsDone(whole, intake) else { return true }
        var reading = Reading(object: whole, intake: intake, isSettled: isSettled, growth: growth)
        do {
            if let bytes = object.bytes, bytes > Self.maximumBytes { throw Self.tooLarge }
            let content = try await bucket.read(object)
            if content.etag != object.etag {
                // What was read isn't what was listed: how far it is stored goes by its own tag.
                whole.etag = content.etag
                guard let itsOwn = try await itemsDone(whole, intake) else { return !mayGrow }
                done = itsOwn
                reading.object = whole
                reading.isSettled = !mayGrow
            }
            try await store(content.bytes, &reading, behind: done)
        } catch let error as Unreadable {
            if reading.isSettled { try await fail(reading, error.description) }
        } catch let error as IngestReader.Unreadable {
            if reading.isSettled { try await fail(reading, error.description) }
        }
        let isFinished = reading.isSettled || reading.isDone
        guard mayGrow, !isFinished || reading.growth?.digest != nil else { return true }
        var next = reading.growth ?? IntakeRound.Growth(etag: whole.etag, since: .now)
        if next.etag != whole.etag {
            next.etag = whole.etag
            next.since = .now
        }
        round.note(next, of: object)
        return isFinished
    }

    /// One object on its way into the store.
    private struct Reading {
        var object: IntakeObject
        let intake: IntakeName
        /// Whether what is there is all there will be.
        var isSettled: Bool
        /// How far the same file was read when it was shorter.
        var growth: IntakeRound.Growth?
        /// Whether the store knows that nothing is left to be read.
        var isDone = false
    }

    /// How many items of an object are stored; nil when there is nothing to do about it.
    private func itemsDone(_ object: IntakeObject, _ intake: IntakeName) async throws -> Int? {
        switch try await store.progress(of: object, in: intake) {
        case .done, .failed: nil
        case .partly(let lines): lines
        case .new: 0
        }
    }

    /// Whether a file was changed so long ago that nobody writes to it.
    private func isOld(_ object: BucketObject) -> Bool {
        object.modified.map { now() - $0 >= Self.settlingTime.components.seconds * 1_000 } ?? false
    }

    private struct Unreadable: Error {
        var description: String
    }

    private static var tooLarge: Unreadable {
        Unreadable(description: "it is larger than \(maximumBytes >> 20) MiB; write its records into several objects")
    }

    private func store(_ bytes: [UInt8], _ reading: inout Reading, behind done: Int) async throws {
        guard bytes.count <= Self.maximumBytes else { throw Self.tooLarge }
        var name = reading.object.key.lowercased()
        var text = bytes
        let isCompressed = name.utf8.suffix(3).elementsEqual(".gz".utf8)
        if isCompressed {
            name = String(Substring(name.utf8.dropLast(3)))
            text = try Self.inflated(bytes)
        }
        let format: IngestReader.Format = name.utf8.suffix(4).elementsEqual(".csv".utf8) ? .csv : .json
        if let rows = WholeRows(text, format) {
            // Gzip ends where its checksum says so.
            try await store(rows, text, format, &reading, isWhole: isCompressed, behind: done)
        } else {
            let batch = try IntakeBatch(
                text, format, intake: reading.intake, time: now(), reader: IngestReader())
            try await store(batch, of: reading.object, after: 0, behind: done, isLast: true)
            reading.isDone = true
        }
    }

    /// Stores the whole rows of a text, piece by piece, and what follows them once the text doesn't grow any more.
    private func store(
        _ rows: WholeRows, _ text: [UInt8], _ format: IngestReader.Format, _ reading: inout Reading, isWhole: Bool,
        behind done: Int
    ) async throws {
        var growth = reading.growth ?? IntakeRound.Growth(etag: reading.object.etag, since: .now)
        if !growth.isBeginning(of: text) { growth = IntakeRound.Growth(etag: reading.object.etag, since: .now) }
        let isSettled = reading.isSettled || isWhole
        /// How far the rows may be read now; a first look finds the end without reading, so that the store is told once.
        var end = growth.bytes
        while true {
            let next = rows.end(from: end)
            if next == end { break }
            end = next
        }
        let tail = end..<text.count
        if isSettled { end = text.count }
        // A file that was seen to grow is noted as read once it has stopped, not under each of its many tags.
        let isDirect = end == text.count && (isSettled || growth.digest == nil)
        var object = reading.object
        if !isDirect { object.etag = Self.growing }
        var start = growth.bytes
        var items = growth.items
        repeat {
            let next = start >= tail.lowerBound ? end : rows.end(from: start)
            let isOnly = start == 0 && next == text.count && isDirect
            let batch = try IntakeBatch(
                rows.piece(start..<next), format, intake: reading.intake, time: now(),
                reader: IngestReader(isPart: !isOnly))
            try await store(batch, of: object, after: items, behind: done, isLast: isDirect && next == end)
            items += batch.items.count
            start = next
        } while start < end
        reading.isDone = isDirect
        guard mayGrow, !isWhole else { return }
        // Rows behind the last line break may become longer.
        if !isSettled || (tail.isEmpty && growth.digest != nil) {
            growth.bytes = end
            growth.items = items
            growth.digest = end == 0 ? nil : SHA256.hash(data: text[..<end])
        }
        reading.growth = growth
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

    /// Stores the items of a batch that aren't stored yet.
    ///
    /// - Parameters:
    ///   - first: how many items of the object come before the batch.
    ///   - done: how many items of the object are stored.
    ///   - isLast: whether the object ends with the batch.
    private func store(
        _ batch: IntakeBatch, of object: IntakeObject, after first: Int, behind done: Int, isLast: Bool
    ) async throws {
        var start = min(max(done - first, 0), batch.items.count)
        if start == batch.items.count, !batch.items.isEmpty, !isLast { return }
        repeat {
            let end = min(batch.items.count, start + Self.itemsOfPart)
            var part = batch
            part.items = Array(batch.items[start..<end])
            if start > 0 { part.ignoredKeys = [:] }
            part.object = object
            part.object?.lines = first + end
            part.object?.isLast = isLast && end == batch.items.count
            let result = try await store.ingest(part)
            if result.stored > 0 { hub.announce() }
            start = end
        } while start < batch.items.count
    }

    /// Tells the one who wrote the object, beside it, and remembers that it was tried.
    private func fail(_ reading: Reading, _ reason: String) async throws {
        let object = reading.object
        let counted = reading.growth?.items ?? 0
        try await store.fail(object, in: reading.intake, reason: reason, time: now())
        await explain(
            BucketObject(key: object.key, etag: object.etag), reason,
            """
            Write the records again, into an object of another name or the same one:
            a JSON array, NDJSON or CSV (.csv), gzip with .gz at the end of the name.
            """, counted: counted)
        logger.warning(
            "an object cannot be read",
            metadata: ["bucket": "\(bucket.name)", "key": "\(object.key)", "reason": "\(reason)"])
    }

    /// Stores beside the objects why one isn't counted; where that isn't possible, the log and the status say so alone.
    private func explain(_ object: BucketObject, _ reason: String, _ advice: String, counted: Int = 0) async {
        let effect =
            counted == 0
            ? "None of its records is counted."
            : "Its first \(counted) rows were read before; nothing after them is counted."
        let text = """
            The object \(object.key) (ETag \(object.etag)) cannot be read: \(reason)
            \(effect) \(advice)

            """
        let key = "failed-requests/\(Timestamp.date(now()))/\(object.key).reason.txt"
        do { try await bucket.put(text, key: key) } catch {
            logger.warning(
                "the reason why an object can't be read couldn't be stored beside it",
                metadata: ["bucket": "\(bucket.name)", "key": "\(key)", "error": "\(error)"])
        }
    }
}
