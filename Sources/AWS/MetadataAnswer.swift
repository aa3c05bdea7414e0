import FoundationEssentials
import HTTP

/// Credentials as the endpoints of containers and instances give them.
struct MetadataAnswer: Decodable {
    private var accessKeyID: String
    private var secretAccessKey: String
    private var token: String
    private var expiration: String

    private enum CodingKeys: String, CodingKey {
        case accessKeyID = "AccessKeyId"
        case secretAccessKey = "SecretAccessKey"
        case token = "Token"
        case expiration = "Expiration"
    }

    static func credentials(_ body: [UInt8], operation: String) throws(AWSError) -> Credentials {
        guard let answer = try? JSONDecoder().decode(MetadataAnswer.self, from: Data(body)),
            let expiration = UnixTime(iso8601: answer.expiration)
        else { throw .malformed(operation, what: "holds no credentials") }
        return Credentials(
            accessKeyID: answer.accessKeyID, secretAccessKey: answer.secretAccessKey, sessionToken: answer.token,
            expiration: expiration)
    }
}
