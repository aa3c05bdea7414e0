import HTTP
import HTTPTypes

extension S3Client {
    /// What is sent: should a server take it in spite of the digest, then the object holds an empty line.
    private static let body = Array("\n".utf8)
    /// The MD5 of nothing at all, which is that of no body sent here.
    private static let wrongDigest = "1B2M2Y8AsgTpgAmY7PhCfg=="
    /// What S3 says of a body that does not fit its digest.
    ///
    /// It needs the whole body to say so, and has looked at the permission by then.
    /// https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html#ErrorCodeList
    private static let digestCodes: Set<String> = ["BadDigest", "XAmzContentChecksumMismatch"]

    /// Asks whether these credentials may store an object, and stores none: a PutObject whose digest is wrong.
    ///
    /// A server that takes no notice of `Content-MD5` stores one object, which holds a line break.
    ///
    /// - Parameter acl: the canned ACL, which needs a permission of its own.
    /// - Throws: `AWSError` when they may not, or when the bucket is not there.
    public func checkPut(
        bucket: String, key: String, acl: String? = nil, deadline: ContinuousClock.Instant? = nil
    ) async throws(AWSError) {
        var call = try target(bucket, key, operation: "S3 PutObject").call("PutObject", .put)
        call.fields[.contentMD5] = Self.wrongDigest
        call.fields[.amzACL] = acl
        call.body = Self.body
        do throws(AWSError) {
            _ = try await caller.send(call, deadline: deadline)
        } catch {
            if !Self.digestCodes.contains(error.code) { throw error }
        }
    }
}
