/// Why something that carried a tag is no valid record.
///
/// The list is closed; `docs/log-line.md` tells each one's remedy.
public enum RejectReason: String, CaseIterable, Sendable, Hashable {
    /// The tag has a value that is no JSON, is cut off, or holds text that is no UTF-8.
    case malformedJSON
    /// The value can be read but is no object, no array of objects, and no string that holds one.
    case notARecord
    /// No customer is named.
    case missingCustomer
    /// The customer is neither a string nor a whole number.
    case invalidCustomer
    /// No meter is named.
    case missingMeter
    /// The meter's name is no string.
    case invalidMeter
    /// Neither the record nor its line tells a time.
    case missingTime
    /// The value is missing, no number, or outside the range of a quantity.
    case invalidValue
    /// The time is unreadable, before the year 2000, or over a year after the log event.
    case invalidTime
    /// The unique id is neither a string nor a whole number.
    case invalidUniqueId
    /// The dimensions are no flat object, or one of them is over its limit.
    case invalidDimension
    /// A name or a message is over its limit.
    case tooLarge
    /// The value is nested deeper, or escaped more often, than the limits allow.
    case tooDeep
    /// A message names a tag and holds an object that looks like a record, but not after the tag.
    case recordNotBehindTag
    /// An envelope, or one log event in it, cannot be decoded.
    case undecodable
    /// The sink refused this one record for good.
    case refusedBySink
    /// The record's time lies before what the platform keeps.
    case pastRetention
}
