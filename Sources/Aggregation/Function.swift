/// What makes one figure of the records of a bucket.
public enum Function: CaseIterable, Sendable, Hashable {
    /// The sum of the values.
    case sum
    /// The number of records.
    case count
    /// The smallest value.
    case min
    /// The greatest value.
    case max
    /// The mean of the values.
    case average
    /// The number of distinct users, that is of distinct values of the meter's aggregation dimensions.
    case unique
    /// The value of the latest record; of the records of one time, the greatest.
    case latest

    /// Reads a name such as `SUM`, in any case.
    ///
    /// `AVG` is also `AVERAGE`; another name is nil.
    public init?(name: String) {
        if isSameName(name, "AVERAGE") {
            self = .average
            return
        }
        guard let function = Self.allCases.first(where: { isSameName($0.name, name) }) else { return nil }
        self = function
    }

    /// The name that the API knows, in capitals.
    public var name: String {
        switch self {
        case .sum: "SUM"
        case .count: "COUNT"
        case .min: "MIN"
        case .max: "MAX"
        case .average: "AVG"
        case .unique: "UNIQUE"
        case .latest: "LATEST"
        }
    }
}
