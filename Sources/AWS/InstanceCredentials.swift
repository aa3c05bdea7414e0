import HTTP
import HTTPTypes

/// Credentials of an EC2 instance's role, from the instance metadata service, version 2.
///
/// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/instancedata-data-retrieval.html
struct InstanceCredentials: CredentialsSource {
    let settings: AWSSettings
    let http: HTTPClient

    func load() async throws(AWSError) -> Credentials? {
        guard settings.variable("AWS_EC2_METADATA_DISABLED")?.lowercased() != "true" else { return nil }
        let url = settings.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT") ?? "http://169.254.169.254"
        guard let endpoint = Endpoint(url: url) else {
            throw .configuration(
                "InvalidEndpoint", "AWS_EC2_METADATA_SERVICE_ENDPOINT is no http or https URL.",
                operation: Self.operation)
        }
        let answer: Response
        do throws(HTTPClient.Failure) {
            answer = try await send(.put, endpoint, "/latest/api/token", [.metadataTokenLifetime: "21600"])
        } catch {
            // Nobody there: this is no EC2 instance. Or one whose answer does not reach a container.
            guard case .transport(let error) = error, error.code == .timeout else { return nil }
            throw DefaultCredentials.none(Self.hopLimitHint)
        }
        if [403, 404, 405].contains(answer.status) { return nil }
        let token = String(decoding: try success(answer), as: UTF8.self)
        guard HTTPField.isValidValue(token) else { throw .malformed(Self.operation, what: "is no token") }

        let roles = "/latest/meta-data/iam/security-credentials/"
        let list = try await get(endpoint, roles, token)
        if list.status == 404 { return nil }
        let role = String(decoding: try success(list).prefix { $0 != 0x0A && $0 != 0x0D }, as: UTF8.self)
        guard !role.isEmpty else { return nil }
        let credentials = try await get(endpoint, roles + PercentEncoding.encode(role), token)
        return try MetadataAnswer.credentials(try success(credentials), operation: Self.operation)
    }

    private func get(_ endpoint: Endpoint, _ path: String, _ token: String) async throws(AWSError) -> Response {
        do throws(HTTPClient.Failure) {
            return try await send(.get, endpoint, path, [.metadataToken: token])
        } catch {
            throw AWSError(error, operation: Self.operation, resource: nil)
        }
    }

    private func send(
        _ method: HTTPRequest.Method, _ endpoint: Endpoint, _ path: String, _ fields: HTTPFields
    ) async throws(HTTPClient.Failure) -> Response {
        try await http.send(attemptTimeout: .seconds(1)) {
            Request(
                head: HTTPRequest(
                    method: method, scheme: endpoint.scheme, authority: endpoint.authority,
                    path: endpoint.path + path, headerFields: fields))
        }
    }

    private func success(_ response: Response) throws(AWSError) -> [UInt8] {
        if let error = AWSError(response, operation: Self.operation, resource: nil) { throw error }
        return response.body
    }

    private static let hopLimitHint =
        " The instance metadata did not answer in time: in a container on EC2 its answer needs one hop more: "
        + "aws ec2 modify-instance-metadata-options --instance-id ID --http-put-response-hop-limit 2"

    private static let operation = "Reading credentials from the instance metadata"
}
