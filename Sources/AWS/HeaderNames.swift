import HTTPTypes

extension HTTPField.Name {
    static let amzDate = known("X-Amz-Date")
    static let amzSecurityToken = known("X-Amz-Security-Token")
    static let amzContentHash = known("X-Amz-Content-Sha256")
    static let amzTarget = known("X-Amz-Target")
    static let amzRequestID = known("x-amz-request-id")
    static let amznRequestID = known("x-amzn-RequestId")
    static let amznErrorType = known("x-amzn-ErrorType")
    static let amzBucketRegion = known("x-amz-bucket-region")
    static let amzCopySource = known("x-amz-copy-source")
    static let amzCopySourceIfMatch = known("x-amz-copy-source-if-match")
    static let contentMD5 = known("Content-MD5")
    static let functionError = known("X-Amz-Function-Error")
    static let amzACL = known("x-amz-acl")
    static let amzEncryption = known("x-amz-server-side-encryption")
    static let amzEncryptionKey = known("x-amz-server-side-encryption-aws-kms-key-id")
    static let metadataToken = known("X-aws-ec2-metadata-token")
    static let metadataTokenLifetime = known("X-aws-ec2-metadata-token-ttl-seconds")

    private static func known(_ name: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(name) else { preconditionFailure("\(name) is no field name") }
        return name
    }
}
