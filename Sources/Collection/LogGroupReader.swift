public import AWS
import Delivery
public import MeterLine

/// Where the log events of a log group are read from, by their times.
package protocol LogEventSource {
    /// Reads the log events of a range of time.
    ///
    /// - Parameters:
    ///   - accounting: the figures to add to.
    ///   - cost: the calls to add to.
    ///   - body: takes findings; false ends the reading.
    func read(
        _ times: Range<Int64>, accounting: inout Accounting, cost: inout LogGroupReader.Cost,
        _ body: ([Finding]) async throws -> Bool
    ) async throws
}

/// Reads a range of one log group from CloudWatch Logs and hands on what stands behind tags.
public struct LogGroupReader: LogEventSource, Sendable {
    /// What the reading took.
    public struct Cost: Sendable, Equatable {
        /// How many calls there were.
        public var calls = 0
        /// How many bytes came.
        public var bytes = 0
        /// How often a range was begun anew with narrower times, because a page's token led nowhere.
        public var restarts = 0

        /// Starts at zero.
        public init() {}
    }

    /// Asks for one page.
    package typealias Fetch =
        @Sendable (CloudWatchLogsClient.EventQuery) async throws(AWSError) -> [UInt8]

    private let fetch: Fetch
    private let group: CloudWatchLogsClient.LogGroup
    private let pattern: String?
    private let page: LogEventPage

    /// Reads a log group.
    ///
    /// - Parameters:
    ///   - pattern: what CloudWatch Logs looks for before it sends an event; nil for all events.
    public init(
        client: CloudWatchLogsClient, group: CloudWatchLogsClient.LogGroup, lineReader: LineReader,
        pattern: String? = nil
    ) {
        self.init(group: group, lineReader: lineReader, pattern: pattern) { query throws(AWSError) in
            try await client.filterLogEvents(query)
        }
    }

    /// Reads a log group by calls that somebody else makes.
    package init(
        group: CloudWatchLogsClient.LogGroup, lineReader: LineReader, pattern: String?, fetch: @escaping Fetch
    ) {
        self.fetch = fetch
        self.group = group
        self.pattern = pattern
        page = LogEventPage(lineReader: lineReader, account: group.account, logGroup: group.name)
    }

    /// Reads the log events of a range of time, page by page.
    ///
    /// A page comes again where the range was begun anew; the accounting has it once.
    ///
    /// - Parameters:
    ///   - accounting: the figures to add to.
    ///   - cost: the calls to add to.
    ///   - body: takes the findings of each page; false ends the reading.
    /// - Throws: `AWSError`, or what the body throws.
    package func read(
        _ times: Range<Int64>, accounting: inout Accounting, cost: inout Cost,
        _ body: ([Finding]) async throws -> Bool
    ) async throws {
        try await readPages(of: times, &accounting, &cost) { answer, accounting in
            var findings: [Finding] = []
            let token = try token(of: answer, &accounting) { answer, accounting throws(LogEventPage.Fault) in
                try page.read(answer, accounting: &accounting) { findings.append($0) }
            }
            return (token, try await body(findings))
        }
    }

    /// Reads the log events of a range of time, page by page, and delivers what is found.
    ///
    /// What the last pages held may wait yet when this returns: see `FindingDelivery.flush`.
    ///
    /// - Parameters:
    ///   - delivery: takes what is found.
    ///   - accounting: the figures to add to.
    ///   - cost: the calls to add to.
    /// - Throws: `AWSError`, `DeliveryError`.
    func deliver(
        _ times: Range<Int64>, to delivery: inout FindingDelivery, accounting: inout Accounting, cost: inout Cost
    ) async throws {
        try await readPages(of: times, &accounting, &cost) { answer, accounting in
            var token: String?
            try await delivery.fill { lines in
                token = try self.token(of: answer, &accounting) { answer, accounting throws(LogEventPage.Fault) in
                    try page.read(answer, accounting: &accounting, into: &lines)
                }
            }
            return (token, true)
        }
    }

    private static let operation = "CloudWatch Logs FilterLogEvents"

    /// Asks for the pages of a range.
    ///
    /// Where a token leads nowhere, both halves of the times are read from their beginning.
    ///
    /// - Parameter body: takes an answer; gives the token in it, and whether to go on.
    private func readPages(
        of times: Range<Int64>, _ accounting: inout Accounting, _ cost: inout Cost,
        _ body: ([UInt8], inout Accounting) async throws -> (token: String?, goesOn: Bool)
    ) async throws {
        // What is still to be read, the earliest last.
        var parts = [times]
        while let part = parts.popLast() {
            var (found, tokens) = (Accounting(), PageTokens())
            var query = CloudWatchLogsClient.EventQuery(logGroup: group.name, times: part, pattern: pattern)
            do {
                repeat {
                    let answer = try await fetch(query)
                    cost.calls += 1
                    cost.bytes += answer.count
                    let (token, goesOn) = try await body(answer, &found)
                    guard goesOn else { return accounting.add(found) }
                    query.token = try tokens.next(token, of: Self.operation, group.name)
                } while query.token != nil
                accounting.add(found)
            } catch let error as AWSError where error.endsList(at: query.token) && part.count > 1 {
                cost.restarts += 1
                let middle = part.lowerBound + Int64(part.count / 2)
                parts += [middle..<part.upperBound, part.lowerBound..<middle]
            } catch {
                accounting.add(found)
                throw error
            }
        }
    }

    private func token(
        of answer: [UInt8], _ accounting: inout Accounting,
        _ read: (Span<UInt8>, inout Accounting) throws(LogEventPage.Fault) -> String?
    ) throws(AWSError) -> String? {
        do throws(LogEventPage.Fault) { return try read(answer.span, &accounting) } catch {
            throw AWSError(
                kind: .transient, code: "MalformedResponse", message: error.description, operation: Self.operation,
                resource: group.name)
        }
    }
}
