/// What is looked at.
///
/// The names are part of the interface: they stand in `--json` and in the documentation.
public enum Check: String, Sendable, Hashable, CaseIterable, Encodable {
    // The caller.
    case credentials
    case clock

    // The log groups.
    case logGroupExists = "log-group-exists"
    case logGroupClass = "log-group-class"
    case logGroupReceives = "log-group-receives"
    case logRetention = "log-retention"
    case dataProtection = "data-protection"
    case ownLog = "own-log"

    // Their subscription filters.
    case filterPresent = "filter-present"
    case filterPattern = "filter-pattern"
    case filterTerms = "filter-terms"
    case filterMatch = "filter-match"
    case filterScope = "filter-scope"
    case filterDestination = "filter-destination"
    case filterRole = "filter-role"
    case filterLimit = "filter-limit"
    case filterTwice = "filter-twice"
    case deliveryErrors = "delivery-errors"
    case deliveryThrottling = "delivery-throttling"

    // What the applications write.
    case tagsWritten = "tags-written"
    case nearMisses = "near-misses"
    case recordsValid = "records-valid"
    case recordTime = "record-time"
    case silence
    case centralized

    // The stream.
    case streamActive = "stream-active"
    case streamRetention = "stream-retention"
    case streamThroughput = "stream-throughput"
    case streamRecordSize = "stream-record-size"
    case streamReader = "stream-reader"
    case iteratorAge = "iterator-age"

    // The event source mapping.
    case mappingEnabled = "mapping-enabled"
    case mappingResponses = "mapping-responses"
    case mappingBisects = "mapping-bisects"
    case mappingAge = "mapping-age"
    case mappingFilter = "mapping-filter"
    case mappingStart = "mapping-start"
    case failureDestination = "failure-destination"

    // The function.
    case functionActive = "function-active"
    case functionMayBeCalled = "function-may-be-called"
    case functionConcurrency = "function-concurrency"
    case functionErrors = "function-errors"
    case functionTimeout = "function-timeout"
    case functionMemory = "function-memory"
    case functionSettings = "function-settings"
    case functionRole = "function-role"

    // Where records go.
    case sinkWritable = "sink-writable"
    case rejectsWritable = "rejects-writable"
    case identityTime = "identity-time"

    // What waits, and what is proven.
    case deadLetters = "dead-letters"
    case rejectsWaiting = "rejects-waiting"
    case failedRequests = "failed-requests"
    case eventIdentity = "event-identity"
    case auditDue = "audit-due"
}
