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
    /// - Parameters:
    ///   - attributes: those of the objects that are to be stored, since a bucket may want some and refuse others.
    ///   - ifNoneMatch: whether those are stored only where none is.
    /// - Throws: `AWSError` when they may not, or when the bucket is not there.
    public func checkPut(
        bucket: String, key: String, _ attributes: S3Attributes = S3Attributes(), ifNoneMatch: Bool = false,
        deadline: ContinuousClock.Instant? = nil
    ) async throws(AWSError) {
        let target = try target(bucket, key, operation: Self.putOperation)
        var call = target.put(Self.body, try attributes.fields(target.resource))
        call.fields[.contentMD5] = Self.wrongDigest
        do throws(AWSError) {
            _ = try await conditionally(ifNoneMatch, call, deadline) { _ in .created(etag: nil) }
        } catch {
            if !Self.digestCodes.contains(error.code) { throw error }
        }
    }
}
