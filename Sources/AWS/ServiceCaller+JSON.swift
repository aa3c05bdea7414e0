import FoundationEssentials
import HTTP
import HTTPTypes

extension ServiceCaller {
    /// Sends a call of a service that takes and answers JSON ("AWS JSON protocol").
    ///
    /// https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html
    ///
    /// - Parameters:
    ///   - target: what the service's operations are named after, for example `Kinesis_20131202`.
    ///   - resource: what it is about, for people.
    /// - Returns: the body of the answer.
    func sendJSON(
        _ operation: String, _ input: some Encodable, target: String, version: String = "1.1", resource: String,
        deadline: ContinuousClock.Instant? = nil, timeout: Duration = .seconds(30), finalCodes: Set<String> = []
    ) async throws(AWSError) -> [UInt8] {
        let body: [UInt8]
        do { body = Array(try JSONEncoder().encode(input)) } catch {
            throw .configuration("InvalidRequest", "\(resource) cannot be asked for.", operation: operation)
        }
        let call = Call(
            operation: operation, resource: resource, method: .post, path: "/",
            fields: [.contentType: "application/x-amz-json-\(version)", .amzTarget: "\(target).\(operation)"],
            body: body, timeout: timeout, finalCodes: finalCodes)
        return try await send(call, deadline: deadline).body
    }
}
