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
    /// Terraform waits for the same messages (hashicorp/terraform-provider-aws, `aws_cloudwatch_log_subscription_filter`).
    public var isOfTestMessage: Bool {
        code == "InvalidParameterException" && Self.testMessages.contains { message.contains($0) } || kind == .transient
    }

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
