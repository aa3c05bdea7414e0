import Crypto
import Delivery
import FoundationEssentials
import Gzip
import Logging
import MeterLine
import Store

/// Takes one object in: as a whole, or, of a file that may still be growing, its whole rows.
extension BucketIntake {
    /// The largest object as it is stored, and once it is inflated.
    private static let maximumBytes = 64 << 20
    private static let maximumInflatedBytes = 256 << 20
    /// How many items share a transaction.
    private static let itemsOfPart = 10_000
    /// After so long without a change a file isn't being written any more.
    private static let settlingTime = Duration.seconds(60)
    /// Stands for the ETag while a file is growing.
    private static let growing = "growing"

    /// Whether what is listed may still be being written.
    private var mayGrow: Bool { bucket is DirectoryBucket }

    /// Stores what an object holds.
    ///
    /// - Returns: false when it is a file that may still be growing, and more of it is to be read later.
    func take(_ object: BucketObject, _ round: inout IntakeRound) async throws -> Bool {
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

    struct Unreadable: Error {
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
        // How far the rows may be read now; a first look finds the end without reading, so that the store is told once.
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
        do throws(GzipError) {
            return try Gunzip.array(of: bytes.span, limit: maximumInflatedBytes)
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
    func explain(_ object: BucketObject, _ reason: String, _ advice: String, counted: Int = 0) async {
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
