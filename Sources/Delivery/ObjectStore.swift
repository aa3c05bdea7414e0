public import AWS

/// A place that keeps objects under keys: a bucket or a directory.
///
/// The same key always comes with the same lines, so a store may keep an object that it has already.
public protocol ObjectStore: Sendable {
    /// Stores a part durably before it returns.
    ///
    /// - Throws: `DeliveryError` when it is not known to be durable.
    func put(_ part: Part, deadline: ContinuousClock.Instant?) async throws(DeliveryError)

    /// Asks whether the place would take parts of a kind, and stores none.
    ///
    /// - Throws: `DeliveryError` when it would not.
    func check(_ kind: Part.Kind, deadline: ContinuousClock.Instant?) async throws(DeliveryError)

    /// The place, for people.
    var name: String { get }
}

extension Part.Kind {
    /// The key, behind a bucket's prefix, for which a check asks; no part has it.
    var checkedKey: String { "\(rawValue)/metertap-check" }
}

/// A bucket on S3, or on a server that speaks its protocol.
public struct BucketStore: ObjectStore {
    private let client: S3Client
    private let bucket: String
    private let prefix: String
    private let acl: String?
    private let encryption: S3Attributes.Encryption?

    /// Names a bucket.
    ///
    /// - Parameters:
    ///   - prefix: what each key begins with; empty, or with a slash at its end.
    ///   - acl: the canned ACL of each object, for a bucket of another account.
    ///   - encryption: how each object is to be encrypted, for a bucket that wants to be asked.
    public init(
        client: S3Client, bucket: String, prefix: String, acl: String? = nil,
        encryption: S3Attributes.Encryption? = nil
    ) {
        self.client = client
        self.bucket = bucket
        self.prefix = prefix
        self.acl = acl
        self.encryption = encryption
    }

    /// The bucket's URL.
    public var name: String { "s3://\(bucket)/\(prefix)" }

    /// Stores the object unless it is there already: then it holds these lines.
    public func put(_ part: Part, deadline: ContinuousClock.Instant?) async throws(DeliveryError) {
        do throws(AWSError) {
            _ = try await client.put(
                part.body, bucket: bucket, key: prefix + part.key, attributes(part.metadata), ifNoneMatch: true,
                deadline: deadline)
        } catch {
            throw DeliveryError(error)
        }
    }

    /// Asks for a key that no part has.
    public func check(_ kind: Part.Kind, deadline: ContinuousClock.Instant?) async throws(DeliveryError) {
        do throws(AWSError) {
            try await client.checkPut(
                bucket: bucket, key: prefix + kind.checkedKey, attributes(Part.metadata(lines: 0, bytes: 0)),
                ifNoneMatch: true, deadline: deadline)
        } catch {
            throw DeliveryError(error)
        }
    }

    private func attributes(_ metadata: [String: String]) -> S3Attributes {
        S3Attributes(contentType: "application/x-ndjson", metadata: metadata, acl: acl, encryption: encryption)
    }
}
