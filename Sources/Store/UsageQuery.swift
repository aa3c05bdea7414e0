public import Aggregation

/// What usage is asked for.
public struct UsageQuery: Sendable {
    /// What usage is told apart or filtered by.
    public enum Key: Sendable {
        /// The customer.
        case customer
        /// A dimension of this name.
        case dimension(String)
    }

    /// Only records for which a key has one of some values.
    public struct Filter: Sendable {
        /// The key.
        public var key: Key
        /// The values, of which one must be the record's; nil stands for the absence of the dimension.
        public var values: [String?]

        /// Makes a filter.
        public init(key: Key, values: [String?]) {
            self.key = key
            self.values = values
        }
    }

    /// The meter's name.
    public var meterApiName: String
    /// How values are put together; nil for the meter's own way.
    public var function: Function?
    /// The length of a bucket.
    public var interval: Interval
    /// The times, in milliseconds since 1970; widened to whole buckets when it is answered.
    public var range: Range<Int64>
    /// Only records that fit all of these.
    public var filters: [Filter]
    /// One series for each combination of these.
    public var groupBy: [Key]
    /// Whether buckets without records are told as 0.
    public var fillsGaps: Bool
    /// Only the series with the largest or smallest values.
    public var take: Take?

    /// Asks for usage.
    public init(
        meterApiName: String, function: Function? = nil, interval: Interval, range: Range<Int64>,
        filters: [Filter] = [], groupBy: [Key] = [], fillsGaps: Bool, take: Take? = nil
    ) {
        self.meterApiName = meterApiName
        self.function = function
        self.interval = interval
        self.range = range
        self.filters = filters
        self.groupBy = groupBy
        self.fillsGaps = fillsGaps
        self.take = take
    }
}
