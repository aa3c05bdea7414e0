import AWS
import FoundationEssentials

/// What S3 tells of new objects, through a queue.
///
/// The form of the messages: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html
struct BucketNotifications: Sendable {
    /// A message and the objects that it names.
    struct Notice: Sendable {
        fileprivate let message: SQSClient.Message
        let objects: [BucketObject]
    }

    private struct Body: Decodable {
        var records: [Record]?
        var event: String?

        enum CodingKeys: String, CodingKey {
            case records = "Records"
            case event = "Event"
        }
    }

    private struct Record: Decodable {
        struct S3: Decodable {
            struct Bucket: Decodable { var name: String }
            struct Object: Decodable {
                var key: String
                var eTag: String?
            }

            var bucket: Bucket
            var object: Object
        }

        var eventName: String
        var s3: S3
    }

    /// How long one call waits for a message, in seconds.
    private static let wait = 5

    let queue: SQSClient
    let bucket: String
    let prefix: String

    /// Waits a little for what is new.
    ///
    /// - Returns: what can be read; a message that is no notification stays in the queue, for its redrive policy.
    func next() async throws -> [Notice] {
        try await queue.receive(wait: Self.wait).compactMap { message in
            guard let objects = Self.objects(message.body, bucket: bucket, prefix: prefix) else { return nil }
            return Notice(message: message, objects: objects)
        }
    }

    /// Says that a notice's objects are stored.
    func finish(_ notice: Notice) async throws {
        try await queue.delete(notice.message)
    }

    /// The objects of this bucket and prefix that a message names; nil when it is no notification.
    static func objects(_ text: String, bucket: String, prefix: String) -> [BucketObject]? {
        guard let body = try? JSONDecoder().decode(Body.self, from: Data(text.utf8)) else { return nil }
        // S3 says so when notifications are set up.
        if body.event == "s3:TestEvent" { return [] }
        return body.records?.compactMap { record in
            guard record.eventName.hasPrefix("ObjectCreated") || record.eventName.hasPrefix("s3:ObjectCreated"),
                // Keys are encoded as a form's values are.
                let key = String(
                    validating: PercentEncoding.decode(record.s3.object.key, plusIsSpace: true), as: UTF8.self),
                record.s3.bucket.name == bucket, key.hasPrefix(prefix), let etag = record.s3.object.eTag
            else { return nil }
            return BucketObject(key: String(key.dropFirst(prefix.count)), etag: etag)
        }
    }
}
