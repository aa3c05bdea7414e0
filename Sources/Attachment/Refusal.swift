public import AWS

/// What a refusal by AWS means for the log groups that are still to be done.
extension AWSError {
    /// Whether it is about one log group: the others may well be taken.
    ///
    /// Without an answer, or where the caller is not known to AWS, no other log group would fare better.
    var isOfOneLogGroup: Bool { status != nil && !Self.callerCodes.contains(code) }

    /// Whether AWS asks to try again later: it writes a test message to the destination, and for some seconds knows neither
    /// a role nor a stream that was just made.
    ///
    /// Terraform waits for the same messages: https://github.com/hashicorp/terraform-provider-aws/issues/43762 and others.
    public var isOfTestMessage: Bool {
        Self.testCodes.contains(code) && Self.testMessages.contains { message.contains($0) }
    }

    /// The same without the id of the request, so that two of them can be compared.
    public var withoutRequestID: AWSError {
        var error = self
        error.requestID = nil
        return error
    }

    private static let testCodes: Set<String> = ["InvalidParameterException", "ValidationException"]

    private static let testMessages = [
        "Could not deliver test message", "Could not execute the lambda function",
        "Make sure you have given CloudWatch Logs permission",
    ]

    private static let callerCodes: Set<String> = [
        "ExpiredToken", "ExpiredTokenException", "IncompleteSignature", "IncompleteSignatureException",
        "InvalidAccessKeyId", "InvalidClientTokenId", "InvalidSignatureException", "MissingAuthenticationToken",
        "MissingAuthenticationTokenException", "NotAuthorized", "OptInRequired", "RequestExpired",
        "SignatureDoesNotMatch", "UnrecognizedClientException",
    ]
}
