/// One call of the function.
public struct Invocation: Sendable {
    /// Names the invocation, for answers and logs.
    public var requestID: String
    /// When Lambda ends the invocation, answered or not.
    public var deadline: ContinuousClock.Instant
    /// The event, as JSON.
    public var payload: [UInt8]

    /// Makes an invocation.
    public init(requestID: String, deadline: ContinuousClock.Instant, payload: [UInt8]) {
        self.requestID = requestID
        self.deadline = deadline
        self.payload = payload
    }
}
