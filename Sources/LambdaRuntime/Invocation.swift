/// One call of the function.
public struct Invocation: Sendable {
    /// Names the invocation, for answers and logs.
    public var requestID: String
    /// When Lambda ends the invocation, answered or not.
    public var deadline: ContinuousClock.Instant
    /// The function, with version or alias where the caller named one.
    public var functionARN: String
    /// The X-Ray tracing header; nil without tracing.
    public var traceID: String?
    /// The event, as JSON.
    public var payload: [UInt8]

    /// Makes an invocation.
    public init(
        requestID: String, deadline: ContinuousClock.Instant, functionARN: String, traceID: String?, payload: [UInt8]
    ) {
        self.requestID = requestID
        self.deadline = deadline
        self.functionARN = functionARN
        self.traceID = traceID
        self.payload = payload
    }
}
