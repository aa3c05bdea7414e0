/// How a meter makes a figure of its records, by the name that the API knows.
public enum MeterType: String, CaseIterable, Sendable, Hashable, Codable {
    /// The sum of the values.
    case sumOfAllUsage = "sum_of_all_usage"
    /// How many distinct users there were, a user being the values of the meter's aggregation dimensions.
    case activeUsers = "active_users"
    /// For how many seconds something ran: a record of value 1 starts it, one of value 0 or the meter's timeout ends it.
    case eventDuration = "event_duration"
    /// How many records there were.
    case count
    /// The greatest value.
    case maximum = "max"
    /// The smallest value.
    case minimum = "min"
    /// The mean of the values.
    case average
    /// The value of the latest record.
    case latest
}
