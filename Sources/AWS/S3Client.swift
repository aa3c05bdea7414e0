import Crypto
import FoundationEssentials
import HTTP
import HTTPTypes

/// Simple Storage Service: the calls that metertap needs.
///
/// https://docs.aws.amazon.com/AmazonS3/latest/API/
///
/// A bucket is addressed as a part of the host name, or as a part of the path when an endpoint is set or the name has a
/// dot in it. Requests that failed for a passing reason are sent again until `deadline`; what is thrown then is the last
/// reason.
public struct S3Client: Sendable {
    /// When and how a body is sent in parts.
    public struct Multipart: Sendable {
        /// Bodies of more bytes than this are sent in parts.
        public var threshold = 64 * 1024 * 1024
        /// The bytes of each part but the last; S3 wants 5 MiB at least.
        public var partBytes = 16 * 1024 * 1024
        /// How many parts are under way at once.
        public var concurrency = 4

        /// Makes the usual choice.
        public init() {}
    }

    let caller: ServiceCaller
    let multipart: Multipart

    /// Makes a client that calls with the credentials of a session.
    ///
    /// - Parameter region: the bucket's region; nil for the session's.
    /// - Throws: when there is no region, or the endpoint that is set makes no sense.
    public init(_ session: AWSSession, region: String? = nil, multipart: Multipart = Multipart()) throws(AWSError) {
        caller = try ServiceCaller(.s3, region: region, session: session)
        self.multipart = multipart
    }

    /// Stores an object (PutObject, or a multipart upload for a large body).
    ///
    /// - Parameter ifNoneMatch: stores only where no object with this key is. A server that does not know the condition
    ///   (status 501) stores without it.
    /// - Returns: `alreadyExists` when there was one. Since an attempt may have succeeded although its answer was lost,
    ///   that object may be this call's own.
    public func put(
        _ body: [UInt8], bucket: String, key: String, _ attributes: S3Attributes = S3Attributes(),
        ifNoneMatch: Bool = false, deadline: ContinuousClock.Instant? = nil
    ) async throws(AWSError) -> S3PutOutcome {
        let target = try target(bucket, key, operation: Self.putOperation)
        let fields = try attributes.fields(target.resource)
        if body.count > multipart.threshold {
            return try await putInParts(body, target, fields, ifNoneMatch: ifNoneMatch, deadline: deadline)
        }
        return try await conditionally(ifNoneMatch, target.put(body, fields), deadline) { response in
            .created(etag: response.head.headerFields[.eTag])
        }
    }

    static let putOperation = "S3 PutObject"

    /// Stores a small object only where nobody has changed it (PutObject with `If-Match`, or `If-None-Match: *`).
    ///
    /// A server that says that it does not know the condition is an error.
    ///
    /// - Parameter etag: the entity tag of the object that is replaced; nil where there must be none.
    /// - Returns: the new entity tag; nil when another object is there, or none although there should be. Since an
    ///   attempt may have succeeded although its answer was lost, that object may be this call's own.
    public func put(
        _ body: [UInt8], bucket: String, key: String, replacing etag: String?, contentType: String? = nil,
        deadline: ContinuousClock.Instant? = nil
    ) async throws(AWSError) -> String? {
        let target = try target(bucket, key, operation: Self.putOperation)
        var call = target.put(body, try S3Attributes(contentType: contentType).fields(target.resource))
        if let etag { call.fields[.ifMatch] = etag } else { call.fields[.ifNoneMatch] = "*" }
        let response: Response
        do throws(AWSError) {
            response = try await caller.send(call, deadline: deadline)
        } catch {
            // With a tag, 404 says that the object is gone.
            if error.status == 412 || (etag != nil && error.isMissingKey) { return nil }
            throw error
        }
        guard let etag = response.head.headerFields[.eTag] else {
            throw .malformed(Self.putOperation, target.resource, what: "has no ETag")
        }
        return etag
    }

    /// Reads an object (GetObject).
    ///
    /// - Parameter range: which of its bytes; nil for all. Beyond the end there are none, which is status 416.
    /// - Throws: with `isMissingKey` when there is none.
    public func get(
        bucket: String, key: String, range: Range<Int>? = nil, deadline: ContinuousClock.Instant? = nil
    ) async throws(AWSError) -> S3Object {
        var call = try target(bucket, key, operation: "S3 GetObject").call("GetObject", .get)
        call.timeout = .seconds(300)
        if let range { call.fields[.range] = "bytes=\(range.lowerBound)-\(range.upperBound - 1)" }
        let response = try await caller.send(call, deadline: deadline)
        return S3Object(info: S3ObjectInfo(response, bytes: response.body.count), body: response.body)
    }

    /// Reads what is known about an object (HeadObject).
    ///
    /// - Throws: with `isMissingKey` when there is none. The answer has no body, so the code is made of the status.
    public func head(
        bucket: String, key: String, deadline: ContinuousClock.Instant? = nil
    ) async throws(AWSError) -> S3ObjectInfo {
        let call = try target(bucket, key, operation: "S3 HeadObject").call("HeadObject", .head)
        let response = try await caller.send(call, deadline: deadline)
        return S3ObjectInfo(response, bytes: response.head.headerFields[.contentLength].flatMap(Int.init) ?? 0)
    }

    /// Deletes an object (DeleteObject); it is no error when there is none.
    public func delete(
        bucket: String, key: String, deadline: ContinuousClock.Instant? = nil
    ) async throws(AWSError) {
        let call = try target(bucket, key, operation: "S3 DeleteObject").call("DeleteObject", .delete)
        _ = try await caller.send(call, deadline: deadline)
    }

    /// Copies an object within a bucket (CopyObject), with what is stored beside it; it may have 5 GiB at most.
    ///
    /// - Parameter ifMatch: the entity tag that it must have still; nil for any.
    /// - Throws: with status 412 when it has another one.
    public func copy(
        bucket: String, from source: String, to key: String, ifMatch: String? = nil,
        deadline: ContinuousClock.Instant? = nil
    ) async throws(AWSError) {
        let target = try target(bucket, key, operation: "S3 CopyObject")
        var call = target.call("CopyObject", .put)
        call.fields[.amzCopySource] = "/\(bucket)/\(PercentEncoding.encode(source, keeping: "/"))"
        call.fields[.amzCopySourceIfMatch] = ifMatch
        call.timeout = .seconds(300)
        call.mayFailWithStatus200 = true
        _ = try await caller.send(call, deadline: deadline)
    }

    /// Lists keys in their order (ListObjectsV2), one page of at most 1,000.
    ///
    /// - Parameters:
    ///   - startAfter: lists from the first key after this one.
    ///   - continuation: from the page before.
    public func list(
        bucket: String, prefix: String = "", startAfter: String? = nil, continuation: String? = nil,
        maximumKeys: Int? = nil, deadline: ContinuousClock.Instant? = nil
    ) async throws(AWSError) -> S3Page {
        var query = [("list-type", "2"), ("encoding-type", "url"), ("prefix", prefix)]
        if let startAfter { query.append(("start-after", startAfter)) }
        if let continuation { query.append(("continuation-token", continuation)) }
        if let maximumKeys { query.append(("max-keys", String(maximumKeys))) }
        let target = try target(bucket, nil, operation: "S3 ListObjectsV2")
        let call = target.call("ListObjectsV2", .get, query: query)
        let response = try await caller.send(call, deadline: deadline)
        guard let root = try? XMLElement(response.body), root.name == "ListBucketResult" else {
            throw .malformed("S3 ListObjectsV2", target.resource, what: "is no list of objects")
        }
        return S3Page(root)
    }

    /// Sends a call that stores something, with or without the condition that nothing is there.
    func conditionally(
        _ ifNoneMatch: Bool, _ call: ServiceCaller.Call, _ deadline: ContinuousClock.Instant?,
        outcome: (Response) -> S3PutOutcome
    ) async throws(AWSError) -> S3PutOutcome {
        guard ifNoneMatch else { return outcome(try await caller.send(call, deadline: deadline)) }
        var conditional = call
        conditional.fields[.ifNoneMatch] = "*"
        do throws(AWSError) {
            return outcome(try await caller.send(conditional, deadline: deadline))
        } catch {
            if error.status == 412 { return .alreadyExists }
            guard error.status == 501 else { throw error }
            return outcome(try await caller.send(call, deadline: deadline))
        }
    }

    /// The longest time for one attempt to send so many bytes: half a minute, and 256 KiB each second.
    static func timeout(bytes: Int) -> Duration {
        .seconds(30 + bytes / (256 * 1024))
    }

    /// Where a bucket or an object is.
    struct Target {
        var resource: String
        var authority: String?
        var path: String

        func call(
            _ operation: String, _ method: HTTPRequest.Method, query: [(String, String)] = []
        ) -> ServiceCaller.Call {
            ServiceCaller.Call(
                operation: operation, resource: resource, method: method, authority: authority,
                path: query.isEmpty ? path : "\(path)?\(PercentEncoding.query(query))")
        }

        /// A call that brings a body, with the digest without which a bucket with Object Lock takes none.
        ///
        /// https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html
        func put(
            _ body: [UInt8], _ fields: HTTPFields = [:], operation: String = "PutObject", query: [(String, String)] = []
        ) -> ServiceCaller.Call {
            var call = call(operation, .put, query: query)
            call.fields = fields
            call.fields[.contentMD5] = Data(Insecure.MD5.hash(data: body)).base64EncodedString()
            call.body = body
            call.timeout = S3Client.timeout(bytes: body.count)
            return call
        }
    }

    func target(_ bucket: String, _ key: String?, operation: String) throws(AWSError) -> Target {
        guard !bucket.isEmpty, bucket.utf8.allSatisfy({ $0.isASCIIAlphanumeric || "-._".utf8.contains($0) }) else {
            throw .configuration("InvalidBucketName", "\"\(bucket)\" is no name of a bucket.", operation: operation)
        }
        guard key?.isEmpty != true else {
            throw AWSError(
                kind: .refused, code: "InvalidKey", message: "The key is empty.", operation: operation,
                resource: "s3://\(bucket)/")
        }
        let inPath = caller.endpoint.isOverride || bucket.contains(".") || bucket.contains("_")
        let object = "/" + PercentEncoding.encode(key ?? "", keeping: "/")
        return Target(
            resource: "s3://\(bucket)/\(key ?? "")",
            authority: inPath ? nil : "\(bucket).\(caller.endpoint.authority)",
            path: inPath ? (key == nil ? "/\(bucket)" : "/\(bucket)\(object)") : object)
    }
}

/// What an object is stored with, beside its body.
public struct S3Attributes: Sendable {
    /// How S3 is asked to encrypt an object, where its bucket wants to be asked.
    public enum Encryption: Sendable, Hashable {
        /// With a key of S3's own.
        case aes256
        /// With a key of KMS, by its id or ARN; nil for the bucket's own, or AWS's.
        case kms(key: String?)
        /// In two layers, with a key of KMS.
        case dualLayerKMS
    }

    /// The media type.
    public var contentType: String?
    /// Names without `x-amz-meta-`, and values in printable ASCII.
    public var metadata: [String: String]
    /// A canned ACL, for example `bucket-owner-full-control`.
    public var acl: String?
    /// How it is to be encrypted; nil leaves that to the bucket.
    public var encryption: Encryption?

    /// Describes an object.
    public init(
        contentType: String? = nil, metadata: [String: String] = [:], acl: String? = nil, encryption: Encryption? = nil
    ) {
        self.contentType = contentType
        self.metadata = metadata
        self.acl = acl
        self.encryption = encryption
    }

    func fields(_ resource: String) throws(AWSError) -> HTTPFields {
        var fields: HTTPFields = [:]
        fields[.contentType] = contentType
        fields[.amzACL] = acl
        switch encryption {
        case nil: break
        case .aes256: fields[.amzEncryption] = "AES256"
        case .kms(let key):
            fields[.amzEncryption] = "aws:kms"
            fields[.amzEncryptionKey] = key
        case .dualLayerKMS: fields[.amzEncryption] = "aws:kms:dsse"
        }
        for (name, value) in metadata.sorted(by: { $0.key < $1.key }) {
            guard let field = HTTPField.Name("x-amz-meta-\(name)"),
                value.utf8.allSatisfy({ (0x20...0x7E).contains($0) })
            else {
                throw AWSError(
                    kind: .refused, code: "InvalidMetadata", message: "The metadata \(name) cannot stand in a header.",
                    operation: S3Client.putOperation, resource: resource)
            }
            fields[field] = value
        }
        return fields
    }
}

/// What became of storing an object.
public enum S3PutOutcome: Sendable, Hashable {
    /// It was stored.
    case created(etag: String?)
    /// There was an object with this key already, and it was left as it is.
    case alreadyExists
}

/// What is known about an object.
public struct S3ObjectInfo: Sendable, Hashable {
    /// The size of the body.
    public var bytes: Int
    /// The entity tag, with its quotation marks.
    public var etag: String?
    /// The media type.
    public var contentType: String?
    /// The metadata, names in lower case and without `x-amz-meta-`.
    public var metadata: [String: String]

    init(_ response: Response, bytes: Int) {
        let fields = response.head.headerFields
        self.bytes = bytes
        etag = fields[.eTag]
        contentType = fields[.contentType]
        metadata = [:]
        for field in fields where field.name.canonicalName.hasPrefix("x-amz-meta-") {
            metadata[String(field.name.canonicalName.dropFirst("x-amz-meta-".count))] = field.value
        }
    }
}

/// An object with its body.
public struct S3Object: Sendable, Hashable {
    /// What is known about it.
    public var info: S3ObjectInfo
    /// The body.
    public var body: [UInt8]
}

/// A page of a list of keys.
public struct S3Page: Sendable, Hashable {
    /// One object of a list.
    public struct Entry: Sendable, Hashable {
        /// The key.
        public var key: String
        /// The size of the body.
        public var bytes: Int
        /// The entity tag, with its quotation marks.
        public var etag: String?
        /// When it was stored, as S3 writes it: `2026-01-31T23:59:59.000Z`.
        public var lastModified: String?

        package init(key: String, bytes: Int, etag: String? = nil, lastModified: String? = nil) {
            self.key = key
            self.bytes = bytes
            self.etag = etag
            self.lastModified = lastModified
        }
    }

    /// The objects, in the order of their keys' bytes.
    public var objects: [Entry]
    /// Asks for the next page; nil on the last, and where the server tells none.
    public var continuation: String?
    /// Whether there are more keys.
    public var isTruncated: Bool

    init(_ root: XMLElement) {
        let isEncoded = root["EncodingType"] == "url"
        func key(_ text: String?) -> String? {
            isEncoded
                ? text.map { String(decoding: PercentEncoding.decode($0, plusIsSpace: true), as: UTF8.self) } : text
        }
        objects = root.children.filter { $0.name == "Contents" }.compactMap { entry in
            key(entry["Key"]).map {
                Entry(
                    key: $0, bytes: entry["Size"].flatMap(Int.init) ?? 0, etag: entry["ETag"],
                    lastModified: entry["LastModified"])
            }
        }
        isTruncated = root["IsTruncated"] == "true"
        continuation = isTruncated ? root["NextContinuationToken"] : nil
    }
}
