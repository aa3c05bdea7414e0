import AWS
import Attachment
import FilterPattern
import MeterLine

extension Examiner {
    /// The log events of how long are read: a day, so that a nightly job is among them.
    static let writtenTime: Int64 = 86_400_000
    /// Of how many log groups the events are read at most; at five calls a second that is a minute or two.
    static let mostLogGroups = 100
    /// How many pages of one log group are read at most, each of up to 1 MB.
    static let mostPages = 3
    /// How many of the latest log events are looked at as they are.
    static let mostLatest = 1_000

    func examineEvents(_ setUp: inout SetUp) async {
        guard var groups = setUp.logGroups.value, let logs = try? CloudWatchLogsClient(session, region: region) else {
            return
        }
        var pacer = Pacer(perSecond: question.callsPerSecond, clocks: clocks)
        var count = 0
        var refusal: AWSError?
        for index in groups.indices where groups[index].group.isReadable && !groups[index].isGone {
            if let refusal {
                groups[index].written = .failed(refusal)
            } else if count == Self.mostLogGroups {
                setUp.unreadLogGroups.append(groups[index].group.name)
            } else {
                count += 1
                await read(&groups[index], setUp, logs, &pacer)
                refusal = groups[index].written.error.flatMap { $0.isDenied ? $0 : nil }
            }
        }
        setUp.logGroups = .read(groups)
    }

    /// The latest log events of a day that contain a tag in any spelling, or a meter's name, and the latest of all.
    private func read(
        _ group: inout ExaminedLogGroup, _ setUp: SetUp, _ logs: CloudWatchLogsClient, _ pacer: inout Pacer
    ) async {
        guard let reader = try? reader(for: group, setUp) else { return }
        var query = CloudWatchLogsClient.EventQuery(
            logGroup: group.group.name, times: (setUp.now - Self.writtenTime)..<(setUp.now + 1),
            pattern: NearMissFinder.pattern(setUp.knownTags))
        query.latestFirst = true
        var reading = EventReading(reader, group.group)
        for _ in 1...Self.mostPages {
            switch await answer(query, logs, &pacer) {
            case .success(let bytes):
                query.token = reading.take(bytes)
                reading.written.isComplete = query.token == nil && !reading.isCut
            case .failure(let error):
                group.written = .failed(error)
                return
            }
            if query.token == nil { break }
        }
        await readLatest(query, &reading, logs, &pacer)
        group.written = .read(reading.written)
        group.matched = await matched(reading, group, setUp, logs, &pacer)
    }

    /// Looks at the latest log events as they are: whether there are any at all, and whether one of them holds a record that
    /// the search did not find.
    private func readLatest(
        _ query: CloudWatchLogsClient.EventQuery, _ reading: inout EventReading, _ logs: CloudWatchLogsClient,
        _ pacer: inout Pacer
    ) async {
        if reading.written.events > 0 { reading.written.receives = true }
        var query = query
        (query.pattern, query.token, query.limit) = (nil, nil, Self.mostLatest)
        for _ in 1...Self.mostPages {
            guard case .success(let bytes) = await answer(query, logs, &pacer) else { return }
            query.token = reading.take(bytes)
            if reading.written.events > 0 || query.token == nil && !reading.isCut {
                reading.written.receives = reading.written.events > 0
                return
            }
            if query.token == nil { return }
        }
    }

    // MARK: - What the service itself finds

    /// How old a log event must be to be looked for: a younger one may not be found by every search yet.
    private static let settlingTime: Int64 = 30_000
    /// Of how many filters the patterns are asked for.
    private static let mostPatterns = 3
    /// How many log events are asked for by themselves.
    private static let mostExamples = 3

    /// Reads again with the filters' patterns, and compares with the tagged log events that were found without.
    private func matched(
        _ reading: EventReading, _ group: ExaminedLogGroup, _ setUp: SetUp, _ logs: CloudWatchLogsClient,
        _ pacer: inout Pacer
    ) async -> Reading<ServiceMatch> {
        let filters = setUp.ourFilters(of: group) ?? []
        let patterns = Set(filters.map(\.pattern)).sorted()
        let tagged = reading.tagged.filter { $0.place.timestamp <= setUp.now - Self.settlingTime }
        let times = tagged.map(\.place.timestamp)
        guard let first = times.min(), let last = times.max(), !patterns.isEmpty, !patterns.contains(""),
            patterns.count <= Self.mostPatterns,
            // A pattern that looks at transformed log events is no pattern for those that were logged.
            !filters.contains(where: { $0.own?.applyOnTransformedLogs == true })
        else { return .notAsked }
        var search = PatternSearch(logs: logs, group: group.group, page: reading.page)
        do throws(AWSError) {
            for pattern in patterns {
                try await find(&search, pattern, first..<(last + 1), &pacer)
            }
            let compared = tagged.filter { $0.place.timestamp >= search.completeFrom }
            var missed = compared.filter { !search.found.contains($0.key) }
            var match = ServiceMatch()
            // Asked for once more by themselves, so that nothing is told that only came late.
            for event in missed.sorted(by: { $0.place.timestamp > $1.place.timestamp }).prefix(Self.mostExamples) {
                let time = event.place.timestamp
                for pattern in patterns { try await find(&search, pattern, time..<(time + 1), &pacer) }
                if !search.found.contains(event.key) { match.examples.append(event.place) }
            }
            missed = match.examples.isEmpty ? [] : missed.filter { !search.found.contains($0.key) }
            match.missedEvents = missed.count
            for tag in compared.flatMap(\.tags) { match.compared[tag, default: 0] += 1 }
            for tag in missed.flatMap(\.tags) { match.missed[tag, default: 0] += 1 }
            return .read(match)
        } catch {
            return .failed(error)
        }
    }

    private func find(
        _ search: inout PatternSearch, _ pattern: String, _ times: Range<Int64>, _ pacer: inout Pacer
    ) async throws(AWSError) {
        var query = CloudWatchLogsClient.EventQuery(logGroup: search.group.name, times: times, pattern: pattern)
        query.latestFirst = true
        var earliest = times.upperBound
        for _ in 1...Self.mostPages {
            switch await answer(query, search.logs, &pacer) {
            case .success(let bytes): query.token = try search.take(bytes, &earliest)
            case .failure(let error): throw error
            }
            if query.token == nil { return }
        }
        // Of what is earlier nothing is known.
        search.completeFrom = max(search.completeFrom, earliest)
    }

    private func answer(
        _ query: CloudWatchLogsClient.EventQuery, _ logs: CloudWatchLogsClient, _ pacer: inout Pacer
    ) async -> Result<[UInt8], AWSError> {
        do { try await pacer.wait() } catch { return .failure(.stopped("CloudWatch Logs FilterLogEvents")) }
        do { return .success(try await logs.filterLogEvents(query)) } catch { return .failure(error) }
    }

    private func reader(for group: ExaminedLogGroup, _ setUp: SetUp) throws(InvalidTag) -> WrittenReader {
        let filters = setUp.ourFilters(of: group) ?? []
        let patterns = filters.compactMap { try? FilterPattern($0.pattern) }
        return try WrittenReader(
            tags: setUp.agentTags, otherTags: setUp.knownTags, allowMissingCustomer: setUp.allowsMissingCustomer,
            patterns: filters.isEmpty || patterns.count < filters.count ? nil : patterns)
    }
}

/// A log event in which the agent finds something under a tag.
private struct TaggedEvent {
    var key: String
    var place: EventPlace
    var tags: [String]
}

/// What was read of one log group, each log event once.
private struct EventReading {
    var written = WrittenEvents()
    /// The log events with a tag that our filters' patterns should take.
    private(set) var tagged: [TaggedEvent] = []
    /// Whether a page could not be read to its end.
    private(set) var isCut = false
    /// Reads pages of the log group.
    let page: LogEventPage
    private let reader: WrittenReader
    private var seen: Set<String> = []

    init(_ reader: WrittenReader, _ group: CloudWatchLogsClient.LogGroup) {
        self.reader = reader
        page = LogEventPage(lineReader: reader.lineReader, account: group.account, logGroup: group.name)
    }

    /// Reads a page; where the next one begins.
    mutating func take(_ bytes: [UInt8]) -> String? {
        var events: [(EventOrigin, [UInt8])] = []
        var token: String?
        // A page that is cut off is not read to its end; what was read of it is good.
        do throws(LogEventPage.Fault) { token = try page.readMessages(bytes.span) { events.append(($0, $1)) } } catch {
            isCut = true
        }
        for (origin, message) in events where seen.insert(EventKey.of(origin)).inserted {
            let tags = reader.read(message, of: origin, into: &written)
            guard !tags.isEmpty, let timestamp = origin.timestamp else { continue }
            tagged.append(
                TaggedEvent(
                    key: EventKey.of(origin), place: EventPlace(id: origin.eventId, timestamp: timestamp), tags: tags))
        }
        return token
    }
}

/// Which log events CloudWatch Logs finds with patterns.
private struct PatternSearch {
    let logs: CloudWatchLogsClient
    let group: CloudWatchLogsClient.LogGroup
    let page: LogEventPage
    private(set) var found: Set<String> = []
    /// From when on all was read.
    var completeFrom = Int64.min

    init(logs: CloudWatchLogsClient, group: CloudWatchLogsClient.LogGroup, page: LogEventPage) {
        self.logs = logs
        self.group = group
        self.page = page
    }

    mutating func take(_ bytes: [UInt8], _ earliest: inout Int64) throws(AWSError) -> String? {
        var origins: [EventOrigin] = []
        defer {
            for origin in origins {
                found.insert(EventKey.of(origin))
                earliest = min(earliest, origin.timestamp ?? earliest)
            }
        }
        do throws(LogEventPage.Fault) {
            return try page.readMessages(bytes.span) { origin, _ in origins.append(origin) }
        } catch {
            throw AWSError(
                kind: .refused, code: "MalformedResponse", message: "The answer \(error).",
                operation: "CloudWatch Logs FilterLogEvents", resource: group.name)
        }
    }
}

private enum EventKey {
    static func of(_ origin: EventOrigin) -> String { "\(origin.logStream)\0\(origin.eventId)" }
}

extension ExaminedLogGroup {
    /// Whether it was deleted since it was listed.
    var isGone: Bool { filters.error?.isNotThere ?? false }
}
