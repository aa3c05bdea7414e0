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
    /// - Parameters:
    ///   - accounting: the figures to add to.
    ///   - cost: the calls to add to.
    ///   - body: takes the findings of each page; false ends the reading.
    /// - Throws: `AWSError`, or what the body throws.
    package func read(
        _ times: Range<Int64>, accounting: inout Accounting, cost: inout Cost,
        _ body: ([Finding]) async throws -> Bool
    ) async throws {
        var query = CloudWatchLogsClient.EventQuery(logGroup: group.name, times: times, pattern: pattern)
        repeat {
            let answer = try await answer(to: query, &cost)
            var findings: [Finding] = []
            do throws(LogEventPage.Fault) {
                query.token = try page.read(answer.span, accounting: &accounting) { findings.append($0) }
            } catch {
                throw malformed(error)
            }
            guard try await body(findings) else { return }
        } while query.token != nil
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
        var query = CloudWatchLogsClient.EventQuery(logGroup: group.name, times: times, pattern: pattern)
        repeat {
            let answer = try await answer(to: query, &cost)
            try await delivery.fill { lines in
                do throws(LogEventPage.Fault) {
                    query.token = try page.read(answer.span, accounting: &accounting, into: &lines)
                } catch {
                    throw malformed(error)
                }
            }
        } while query.token != nil
    }

    private func answer(
        to query: CloudWatchLogsClient.EventQuery, _ cost: inout Cost
    ) async throws(AWSError) -> [UInt8] {
        let answer = try await fetch(query)
        cost.calls += 1
        cost.bytes += answer.count
        return answer
    }

    private func malformed(_ fault: LogEventPage.Fault) -> AWSError {
        AWSError(
            kind: .transient, code: "MalformedResponse", message: fault.description,
            operation: "CloudWatch Logs FilterLogEvents", resource: group.name)
    }
}
