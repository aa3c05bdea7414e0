public import Meter

extension MeterType {
    /// The meter's own function, for queries that name none.
    public var function: Function {
        switch self {
        case .sumOfAllUsage, .eventDuration: .sum
        case .activeUsers: .unique
        case .count: .count
        case .maximum: .max
        case .minimum: .min
        case .average: .average
        case .latest: .latest
        }
    }

    /// Whether a query may ask for a function.
    ///
    /// - Parameters:
    ///   - function: The function. A duration has only the sum of its seconds and the count of its records.
    ///   - hasAggregationDimensions: Whether the meter has dimensions that tell its users; `unique` needs them.
    public func allows(_ function: Function, hasAggregationDimensions: Bool) -> Bool {
        switch function {
        case .sum, .count: true
        case .unique: self != .eventDuration && hasAggregationDimensions
        case .min, .max, .average, .latest: self != .eventDuration
        }
    }
}
