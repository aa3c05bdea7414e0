import FoundationEssentials
import HTTP
import HTTPTypes

/// Secrets Manager: the current value of a secret.
///
/// https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
public struct SecretsManagerClient: Sendable {
    private let session: AWSSession

    /// Makes a client with the credentials of a session.
    public init(_ session: AWSSession) {
        self.session = session
    }

    /// The text of a secret.
    ///
    /// - Parameter arn: the secret's ARN, whose region is called, or its name in the session's region.
    /// - Throws: also when the secret is binary. The error never holds the value.
    public func secretValue(_ arn: String, deadline: ContinuousClock.Instant? = nil) async throws(AWSError) -> String {
        struct Output: Decodable {
            var text: String?

            enum CodingKeys: String, CodingKey { case text = "SecretString" }
        }
        let operation = "GetSecretValue"
        let parts = arn.split(separator: ":", omittingEmptySubsequences: false)
        let region = parts.count >= 7 && parts[0] == "arn" ? String(parts[3]) : nil
        let caller = try ServiceCaller(.secretsManager, region: region, session: session)
        let body = try await caller.sendJSON(
            operation, ["SecretId": arn], target: "secretsmanager", resource: arn, deadline: deadline)
        guard let value = try? JSONDecoder().decode(Output.self, from: Data(body)).text else {
            throw .malformed("Secrets Manager \(operation)", arn, what: "holds no text; binary secrets are not read")
        }
        return value
    }
}
