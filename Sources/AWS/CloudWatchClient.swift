import FoundationEssentials
import HTTP

/// CloudWatch: what services measured of themselves.
///
/// https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/
public struct CloudWatchClient: Sendable {
    /// One figure of one thing, summed up in periods.
    public struct Metric: Sendable, Hashable {
        /// For example `AWS/Lambda`.
        public var namespace: String
        /// For example `Errors`.
        public var name: String
        /// What tells the thing from others, for example `FunctionName`; all of a metric's dimensions.
        public var dimensions: [String: String]
        /// How the values of a period become one: `Sum`, `Maximum`, `Average` and others.
        public var statistic: String

        /// Names a metric.
        public init(_ namespace: String, _ name: String, _ dimensions: [String: String], _ statistic: String = "Sum") {
            self.namespace = namespace
            self.name = name
            self.dimensions = dimensions
            self.statistic = statistic
        }
    }

    /// How many metrics one call takes.
    private static let mostMetrics = 500

    private let caller: ServiceCaller

    /// Makes a client.
    ///
    /// - Parameter region: the region to call; nil for the session's.
    /// - Throws: `AWSError` when no region is known.
    public init(_ session: AWSSession, region: String? = nil) throws(AWSError) {
        caller = try ServiceCaller(.cloudWatch, region: region, session: session)
    }

    /// The values of metrics in a range of time, the oldest first (GetMetricData).
    ///
    /// - Parameters:
    ///   - times: milliseconds since 1970.
    ///   - period: seconds; a multiple of 60.
    /// - Returns: for each metric the values of those periods in which there was anything; none where nothing was
    ///   measured, which is also so for a metric that does not exist.
    public func values(
        of metrics: [Metric], in times: Range<Int64>, period: Int
    ) async throws(AWSError) -> [Metric: [Double]] {
        var values: [Metric: [Double]] = [:]
        var rest = metrics[...]
        while !rest.isEmpty {
            let chunk = Array(rest.prefix(Self.mostMetrics))
            rest = rest.dropFirst(chunk.count)
            let results = try await items(of: "CloudWatch GetMetricData") { token throws(AWSError) in
                let page = try await page(chunk, times, period, token)
                return (page.results ?? [], page.token)
            }
            for result in results {
                guard let index = Int(result.id.dropFirst()), chunk.indices.contains(index) else { continue }
                values[chunk[index], default: []] += result.values ?? []
            }
        }
        return values
    }

    /// The metrics of a name that had anything in the last two weeks (ListMetrics).
    ///
    /// - Parameters:
    ///   - dimensions: what each must have, besides others.
    ///   - statistic: what those that come back are to be asked for.
    public func metrics(
        _ namespace: String, _ name: String, with dimensions: [String: String], statistic: String = "Sum"
    ) async throws(AWSError) -> [Metric] {
        struct Input: Encodable {
            var namespace: String
            var name: String
            var dimensions: [Dimension]
            var token: String?

            enum CodingKeys: String, CodingKey {
                case namespace = "Namespace"
                case name = "MetricName"
                case dimensions = "Dimensions"
                case token = "NextToken"
            }
        }
        struct Page: Decodable {
            struct Named: Decodable {
                var dimensions: [Dimension]?

                enum CodingKeys: String, CodingKey { case dimensions = "Dimensions" }
            }

            var metrics: [Named]?
            var token: String?

            enum CodingKeys: String, CodingKey {
                case metrics = "Metrics"
                case token = "NextToken"
            }
        }
        let operation = "CloudWatch ListMetrics"
        return try await items(of: operation, "\(namespace) \(name)") { token throws(AWSError) in
            let input = Input(
                namespace: namespace, name: name, dimensions: Self.list(dimensions), token: token)
            let body = try await caller.sendJSON(
                "ListMetrics", input, target: Self.target, version: "1.0", resource: "\(namespace) \(name)")
            guard let page = try? JSONDecoder().decode(Page.self, from: Data(body)) else {
                throw AWSError.malformed(operation, what: "is no list of metrics")
            }
            let metrics = (page.metrics ?? []).map { named in
                let all = (named.dimensions ?? []).map { ($0.name, $0.value) }
                return Metric(namespace, name, Dictionary(all) { $1 }, statistic)
            }
            return (metrics, page.token)
        }
    }

    private static let target = "GraniteServiceVersion20100801"

    private struct Dimension: Codable {
        var name: String
        var value: String

        enum CodingKeys: String, CodingKey {
            case name = "Name"
            case value = "Value"
        }
    }

    private static func list(_ dimensions: [String: String]) -> [Dimension] {
        dimensions.sorted { $0.key < $1.key }.map { Dimension(name: $0, value: $1) }
    }

    private struct Page: Decodable {
        struct Result: Decodable {
            var id: String
            var values: [Double]?

            enum CodingKeys: String, CodingKey {
                case id = "Id"
                case values = "Values"
            }
        }

        var results: [Result]?
        var token: String?

        enum CodingKeys: String, CodingKey {
            case results = "MetricDataResults"
            case token = "NextToken"
        }
    }

    private struct Input: Encodable {
        struct Query: Encodable {
            var id: String
            var statistics: Statistics

            enum CodingKeys: String, CodingKey {
                case id = "Id"
                case statistics = "MetricStat"
            }
        }

        struct Statistics: Encodable {
            var metric: Named
            var period: Int
            var statistic: String

            enum CodingKeys: String, CodingKey {
                case metric = "Metric"
                case period = "Period"
                case statistic = "Stat"
            }
        }

        struct Named: Encodable {
            var namespace: String
            var name: String
            var dimensions: [Dimension]

            enum CodingKeys: String, CodingKey {
                case namespace = "Namespace"
                case name = "MetricName"
                case dimensions = "Dimensions"
            }
        }

        var queries: [Query]
        var start: Int64
        var end: Int64
        var order = "TimestampAscending"
        var token: String?

        enum CodingKeys: String, CodingKey {
            case queries = "MetricDataQueries"
            case start = "StartTime"
            case end = "EndTime"
            case order = "ScanBy"
            case token = "NextToken"
        }
    }

    private func page(
        _ metrics: [Metric], _ times: Range<Int64>, _ period: Int, _ token: String?
    ) async throws(AWSError) -> Page {
        let queries = metrics.enumerated().map { index, metric in
            Input.Query(
                id: "m\(index)",
                statistics: .init(
                    metric: .init(
                        namespace: metric.namespace, name: metric.name,
                        dimensions: Self.list(metric.dimensions)),
                    period: period, statistic: metric.statistic))
        }
        let input = Input(
            queries: queries, start: times.lowerBound / 1_000, end: times.upperBound / 1_000, token: token)
        let body = try await caller.sendJSON(
            "GetMetricData", input, target: Self.target, version: "1.0",
            resource: metrics.first?.namespace ?? "")
        guard let page = try? JSONDecoder().decode(Page.self, from: Data(body)) else {
            throw .malformed("CloudWatch GetMetricData", what: "is no list of values")
        }
        return page
    }
}
