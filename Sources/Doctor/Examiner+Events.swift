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
    /// How many log events are looked at where none was found by its tag.
    static let mostLatest = 100

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
                groups[index].written = await written(groups[index], setUp, logs, &pacer)
                refusal = groups[index].written.error.flatMap { $0.isDenied ? $0 : nil }
            }
        }
        setUp.logGroups = .read(groups)
    }

    /// The latest log events of a day that a tag stands in, or a meter's name.
    private func written(
        _ group: ExaminedLogGroup, _ setUp: SetUp, _ logs: CloudWatchLogsClient, _ pacer: inout Pacer
    ) async -> Reading<WrittenEvents> {
        let tags = setUp.knownTags
        guard let reader = try? reader(for: group, setUp) else { return .notAsked }
        var query = CloudWatchLogsClient.EventQuery(
            logGroup: group.group.name, times: (setUp.now - Self.writtenTime)..<(setUp.now + 1),
            pattern: FilterPattern.text(ofAny: tags + WrittenReader.namesOfMeters))
        query.latestFirst = true
        var written = WrittenEvents()
        let page = LogEventPage(
            lineReader: reader.lineReader, account: group.group.account, logGroup: group.group.name)
        for _ in 1...Self.mostPages {
            switch await answer(query, logs, &pacer) {
            case .success(let bytes):
                do throws(LogEventPage.Fault) {
                    query.token = try page.readMessages(bytes.span) { reader.read($1, of: $0, into: &written) }
                    written.isComplete = query.token == nil
                } catch {
                    // A page that is cut off is not read to its end; what was read of it is good.
                    (query.token, written.isComplete) = (nil, false)
                }
            case .failure(let error): return .failed(error)
            }
            if query.token == nil { break }
        }
        if written.events > 0 {
            written.receives = true
        } else {
            await readLatest(query, page, reader, into: &written, logs, &pacer)
        }
        return .read(written)
    }

    /// Where none was found by a tag, looks at the latest log events as they are: whether there are any at all, and whether
    /// one of them holds a record all the same.
    private func readLatest(
        _ query: CloudWatchLogsClient.EventQuery, _ page: LogEventPage, _ reader: WrittenReader,
        into written: inout WrittenEvents, _ logs: CloudWatchLogsClient, _ pacer: inout Pacer
    ) async {
        var query = query
        (query.pattern, query.token, query.limit) = (nil, nil, Self.mostLatest)
        for _ in 1...Self.mostPages {
            guard case .success(let bytes) = await answer(query, logs, &pacer) else { return }
            let token = (try? page.readMessages(bytes.span) { reader.read($1, of: $0, into: &written) }) ?? nil
            if written.events > 0 || token == nil {
                written.receives = written.events > 0
                return
            }
            query.token = token
        }
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

extension ExaminedLogGroup {
    /// Whether it was deleted since it was listed.
    var isGone: Bool { filters.error?.isNotThere ?? false }
}
