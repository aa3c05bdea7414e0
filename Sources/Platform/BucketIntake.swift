import AWS
import Delivery
import FoundationEssentials
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
    /// As long as the bucket holds fewer objects, all are listed each time; also how many are listed at once.
    private static let listedWhole = 10_000
    /// How often a larger bucket is listed whole.
    private static let wholeInterval = Duration.seconds(86_400)
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
}
