import FoundationEssentials
import HTTP
import HTTPTypes

/// Why a call to AWS, or to something that speaks its protocols, did not succeed.
public struct AWSError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What a caller does about an error.
    public enum Kind: String, Sendable {
        /// Somebody has to change a setting, a permission or a name first: 401, 403, 404, a wrong region, no credentials.
        case configuration
        /// The same call may succeed later: 429, 5xx, time-outs, broken connections.
        case transient
        /// The body is larger than the service takes: 413, `EntityTooLarge`.
        case tooLarge
        /// The service does not want this request: any other 4xx.
        case refused
    }

    /// What a caller does about it.
    public var kind: Kind
    /// The service's word for it, for example `AccessDenied`, or one of ours, for example `NoCredentials`.
    public var code: String
    /// The service's sentence, or ours.
    public var message: String
    /// The HTTP status; nil when there was no answer.
    public var status: Int?
    /// The id to give to AWS support.
    public var requestID: String?
    /// What was called, for example `S3 PutObject`.
    public var operation: String
    /// What it was about, for example `s3://bucket/key`.
    public var resource: String?
    /// The region in which the bucket is, when the answer says so.
    public var regionHint: String?

    /// Makes an error.
    public init(
        kind: Kind, code: String, message: String, status: Int? = nil, requestID: String? = nil, operation: String,
        resource: String? = nil, regionHint: String? = nil
    ) {
        self.kind = kind
        self.code = code
        self.message = message
        self.status = status
        self.requestID = requestID
        self.operation = operation
        self.resource = resource
        self.regionHint = regionHint
    }

    /// What happened and what to do about it, for people.
    public var description: String {
        var text = operation
        if let resource { text += " \(resource)" }
        let message = message.prefix(500).split(whereSeparator: \.isNewline).joined(separator: " ")
        text += " failed: \(message)" + (message.hasSuffix(".") ? "" : ".")
        text += " (\(code)"
        if let status { text += ", HTTP status \(status)" }
        if let requestID { text += ", request id \(requestID)" }
        text += ")"
        if let advice { text += " \(advice)" }
        return text
    }

    private var advice: String? {
        if let regionHint, Self.regionCodes.contains(code) {
            return "The bucket is in the region \(regionHint): set that one."
        }
        return switch code {
        case "InvalidAccessKeyId", "InvalidClientTokenId", "UnrecognizedClientException":
            "Check the access key: it is unknown or was deleted."
        case "SignatureDoesNotMatch", "InvalidSignatureException": "Check the secret access key."
        case "RequestTimeTooSkewed", "RequestInTheFuture": "Set the clock of this machine."
        case "ExpiredToken", "ExpiredTokenException", "RequestExpired": "Renew the credentials."
        case "NoSuchBucket": "Check the name of the bucket, and that it was created."
        case "NotImplemented": "This server does not know the operation; check what it supports."
        default:
            switch kind {
            case .configuration where status == 401 || status == 403 || code.hasPrefix("AccessDenied"):
                "Check that these credentials are allowed to do this, and the policy of the resource."
            case .configuration: nil
            case .transient: "It may succeed later."
            case .tooLarge: "Send less at once."
            case .refused: nil
            }
        }
    }
}

extension AWSError {
    /// Whether the object asked for is not there, though its bucket is.
    public var isMissingKey: Bool { status == 404 && code != "NoSuchBucket" }

    /// Whether a permission is missing.
    package var isDenied: Bool { status == 401 || status == 403 || code.hasPrefix("AccessDenied") }

    static func configuration(_ code: String, _ message: String, operation: String) -> AWSError {
        AWSError(kind: .configuration, code: code, message: message, operation: operation)
    }

    /// An answer whose body is not what it should be.
    static func malformed(_ operation: String, _ resource: String? = nil, what: String) -> AWSError {
        AWSError(
            kind: .refused, code: "MalformedResponse", message: "The answer \(what).", operation: operation,
            resource: resource)
    }

    init(_ error: TransportError, operation: String, resource: String?) {
        let kind: Kind =
            switch error.code {
            case .connection, .timeout, .cancelled: .transient
            case .tls, .invalidRequest: .configuration
            case .responseTooLarge: .refused
            }
        let code: String =
            switch error.code {
            case .connection: "ConnectionFailed"
            case .timeout: "Timeout"
            case .cancelled: "Cancelled"
            case .tls: "TLSFailed"
            case .invalidRequest: "InvalidRequest"
            case .responseTooLarge: "ResponseTooLarge"
            }
        self.init(kind: kind, code: code, message: error.description, operation: operation, resource: resource)
    }

    init(_ failure: HTTPClient.Failure, operation: String, resource: String?) {
        switch failure {
        case .transport(let error): self.init(error, operation: operation, resource: resource)
        case .notPrepared(let error as AWSError): self = error
        case .notPrepared(let error):
            self.init(
                kind: .configuration, code: "InvalidRequest",
                message: "The request cannot be made: \(type(of: error)).",
                operation: operation, resource: resource)
        }
    }

    /// The error that an answer stands for; nil when the answer is a success.
    init?(_ response: Response, operation: String, resource: String?) {
        guard !(200..<300).contains(response.status) else { return nil }
        self.init(answer: ErrorAnswer(response), response, operation: operation, resource: resource)
    }

    init(answer: ErrorAnswer, _ response: Response, operation: String, resource: String?) {
        let code = answer.code ?? Self.code(status: response.status)
        self.init(
            kind: Self.kind(code: code, status: response.status), code: code,
            message: answer.message ?? "The server answered without a reason.", status: response.status,
            requestID: answer.requestID, operation: operation, resource: resource, regionHint: answer.region)
    }

    private static func code(status: Int) -> String {
        switch status {
        case 301, 307: "PermanentRedirect"
        case 401: "Unauthorized"
        case 403: "AccessDenied"
        case 404: "NotFound"
        case 412: "PreconditionFailed"
        case 413: "EntityTooLarge"
        case 429: "TooManyRequests"
        case 500...: "ServerError"
        default: "BadRequest"
        }
    }

    private static func kind(code: String, status: Int) -> Kind {
        // An upload that is gone can be begun anew, by whoever sends the whole body again.
        if transientCodes.contains(code) || code == "NoSuchUpload" { return .transient }
        if configurationCodes.contains(code) || code.hasPrefix("KMS.") { return .configuration }
        if code == "EntityTooLarge" || code == "RequestEntityTooLarge" { return .tooLarge }
        return switch status {
        case 300..<400, 401, 403, 404: .configuration
        case 408, 429: .transient
        case 413: .tooLarge
        case 501: .refused
        case 200..<300, 500...: .transient
        default: .refused
        }
    }

    /// Codes that come with a status that says nothing of the kind, most of them with 400.
    static let transientCodes: Set<String> = [
        "BandwidthLimitExceeded", "ConditionalRequestConflict", "IDPCommunicationError", "InternalError",
        "InternalFailure", "OperationAborted", "OperationAbortedException", "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException", "RequestLimitExceeded", "RequestThrottled",
        "RequestThrottledException", "RequestTimeout", "RequestTimeoutException", "ServiceUnavailable",
        "ServiceUnavailableException", "SlowDown",
        "ThrottledException", "Throttling", "ThrottlingException", "TooManyRequestsException",
    ]

    /// Codes of a request that went to another region than the bucket's.
    ///
    /// `BadRequest` is ours for a HEAD request.
    private static let regionCodes: Set<String> = [
        "AuthorizationHeaderMalformed", "BadRequest", "IllegalLocationConstraintException", "PermanentRedirect",
        "TemporaryRedirect",
    ]

    private static let configurationCodes: Set<String> = [
        "AccessDenied", "AccessDeniedException", "AuthorizationHeaderMalformed", "DecryptionFailure",
        "ExpiredToken", "ExpiredTokenException", "IllegalLocationConstraintException",
        "IncompleteSignature", "InvalidAccessKeyId", "InvalidBucketName", "InvalidClientTokenId",
        "InvalidIdentityToken", "InvalidSignatureException", "InvalidToken", "MissingAuthenticationToken",
        "MissingAuthenticationTokenException", "NoSuchBucket", "PermanentRedirect", "RequestExpired",
        "RequestInTheFuture", "RequestTimeTooSkewed", "ResourceNotFoundException", "SignatureDoesNotMatch",
        "UnrecognizedClientException",
    ]
}

/// What the body and the fields of an error answer say, in any of the forms that AWS uses.
struct ErrorAnswer {
    var code: String?
    var message: String?
    var requestID: String?
    var region: String?

    /// The largest body that is taken for an error of AWS; what is larger comes from someone else.
    private static let maximumBytes = 1 << 20

    init(_ response: Response) {
        let fields = response.head.headerFields
        requestID = fields[.amzRequestID] ?? fields[.amznRequestID]
        region = fields[.amzBucketRegion]
        code = fields[.amznErrorType].map(Self.bare)
        guard response.body.count <= Self.maximumBytes else { return }
        switch response.body.first(where: { $0 > 0x20 }) {
        case UInt8(ascii: "<"): readXML(response.body)
        case UInt8(ascii: "{"): readJSON(response.body)
        default: break
        }
    }

    /// Reads `<Error>` at the root (S3) or in an `<ErrorResponse>` (STS and other query services).
    private mutating func readXML(_ body: [UInt8]) {
        guard let root = try? XMLElement(body) else { return }
        let error = root.name == "Error" ? root : root.child("Error")
        code = error?["Code"] ?? code
        message = error?["Message"]
        requestID = error?["RequestId"] ?? root["RequestId"] ?? root["RequestID"] ?? requestID
        region = region ?? error?["Region"]
    }

    /// Reads what JSON services answer: `{"__type": "namespace#Code", "message": "…"}`.
    private mutating func readJSON(_ body: [UInt8]) {
        struct Body: Decodable {
            var type: String?
            var code: String?
            var message: String?
            var capitalMessage: String?

            enum CodingKeys: String, CodingKey {
                case type = "__type"
                case code, message
                case capitalMessage = "Message"
            }
        }
        guard let body = try? JSONDecoder().decode(Body.self, from: Data(body)) else { return }
        code = (body.type ?? body.code).map(Self.bare) ?? code
        message = body.message ?? body.capitalMessage
    }

    /// The code alone, of `com.amazonaws.x#Code` or `Code:http://…`.
    private static func bare(_ type: String) -> String {
        let name = type.split(separator: "#").last ?? ""
        return String(name.split(separator: ":").first ?? "")
    }
}
