import HTTP
import HTTPTypes

/// Credentials from the endpoint of an ECS task or of EKS Pod Identity.
///
/// https://docs.aws.amazon.com/sdkref/latest/guide/feature-container-credentials.html
struct ContainerCredentials: CredentialsSource {
    let settings: AWSSettings
    let http: HTTPClient
    let clocks: Clocks

    func load() async throws(AWSError) -> Credentials? {
        guard let url = try url() else { return nil }
        var fields: HTTPFields = [:]
        fields[.authorization] = try token()
        let response: Response
        do throws(HTTPClient.Failure) {
            response = try await http.send(
                deadline: clocks.now().advanced(by: .seconds(10)), attemptTimeout: .seconds(2)
            ) { [fields] in
                Request(
                    head: HTTPRequest(
                        method: .get, scheme: url.scheme, authority: url.authority, path: url.path,
                        headerFields: fields))
            }
        } catch {
            throw AWSError(error, operation: Self.operation, resource: nil)
        }
        if let error = AWSError(response, operation: Self.operation, resource: nil) { throw error }
        return try MetadataAnswer.credentials(response.body, operation: Self.operation)
    }

    private func url() throws(AWSError) -> (scheme: String, authority: String, path: String)? {
        if let relative = settings.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") {
            return ("http", "169.254.170.2", relative.hasPrefix("/") ? relative : "/\(relative)")
        }
        guard let full = settings.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI") else { return nil }
        let query = full.firstIndex(of: "?").map { String(full[$0...]) } ?? ""
        guard let endpoint = Endpoint(url: String(full.dropLast(query.count))) else {
            throw .configuration(
                "InvalidEndpoint", "AWS_CONTAINER_CREDENTIALS_FULL_URI is no http or https URL.",
                operation: Self.operation)
        }
        guard endpoint.scheme == "https" || Self.isTrusted(endpoint.authority) else {
            throw .configuration(
                "InvalidEndpoint",
                "AWS_CONTAINER_CREDENTIALS_FULL_URI must use https, or name the loopback or a container address.",
                operation: Self.operation)
        }
        let path = full.dropLast(query.count).hasSuffix("/") ? "\(endpoint.path)/" : endpoint.path
        return (endpoint.scheme, endpoint.authority, (path.isEmpty ? "/" : path) + query)
    }

    /// Whether credentials may be fetched from a host without TLS: the loopback, ECS and EKS.
    private static func isTrusted(_ authority: String) -> Bool {
        if authority.hasPrefix("[") {
            return ["[::1]", "[fd00:ec2::23]"].contains(authority.prefix { $0 != "]" } + "]")
        }
        let host = String(authority.prefix { $0 != ":" })
        if ["localhost", "169.254.170.2", "169.254.170.23"].contains(host) { return true }
        let octets = host.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        return octets.count == 4 && octets[0] == 127 && !octets.contains(nil)
    }

    private func token() throws(AWSError) -> String? {
        guard let file = settings.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") else {
            return try valid(settings.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN"))
        }
        guard let token = settings.readLine(file) else {
            throw .configuration("NoToken", "The file \(file) cannot be read.", operation: Self.operation)
        }
        return try valid(token)
    }

    private func valid(_ token: String?) throws(AWSError) -> String? {
        guard let token else { return nil }
        guard HTTPField.isValidValue(token) else {
            throw .configuration(
                "InvalidToken", "The authorization token holds characters that no header can.",
                operation: Self.operation)
        }
        return token
    }

    private static let operation = "Reading credentials from the container endpoint"
}
