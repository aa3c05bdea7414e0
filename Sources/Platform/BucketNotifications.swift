import AWS
import Delivery
import FoundationEssentials

/// What S3 tells of new objects, through a queue: itself, by a topic of SNS, or by EventBridge.
///
/// The form of the messages: https://docs.aws.amazon.com/AmazonS3/latest/userguide/notification-content-structure.html,
/// https://docs.aws.amazon.com/sns/latest/dg/sns-sqs-as-subscriber.html,
/// https://docs.aws.amazon.com/AmazonS3/latest/userguide/ev-events.html
struct BucketNotifications: Sendable {
    /// A message and the objects that it names.
    struct Notice: Sendable {
        fileprivate let message: SQSClient.Message
        let objects: [BucketObject]
    }

    private struct Body: Decodable {
        var records: [Record]?
        var event: String?
        /// What SNS wraps: the same text as S3 would send itself.
        var message: String?
        var source: String?
        var detailType: String?
        var detail: Detail?

        enum CodingKeys: String, CodingKey {
            case records = "Records"
            case event = "Event"
            case message = "Message"
            case source, detail
            case detailType = "detail-type"
        }
    }

    private struct Bucket: Decodable { var name: String }

    private struct Record: Decodable {
        struct S3: Decodable {
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

    /// What EventBridge tells of one object.
    private struct Detail: Decodable {
        struct Object: Decodable {
            var key: String
            var etag: String?
        }

        var bucket: Bucket
        var object: Object
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
        named(text)?.compactMap { name, key, etag in
            guard let key, let etag, name == bucket, key.utf8.starts(with: prefix.utf8) else { return nil }
            return BucketObject(key: String(Substring(key.utf8.dropFirst(prefix.utf8.count))), etag: etag)
        }
    }

    private static func named(
        _ text: String, isWrapped: Bool = false
    ) -> [(bucket: String, key: String?, etag: String?)]? {
        guard let body = try? JSONDecoder().decode(Body.self, from: Data(text.utf8)) else { return nil }
        if let message = body.message, !isWrapped { return named(message, isWrapped: true) }
        // S3 says so when notifications are set up.
        if body.event == "s3:TestEvent" { return [] }
        if body.source == "aws.s3", let detail = body.detail {
            return body.detailType == "Object Created"
                ? [(detail.bucket.name, detail.object.key, detail.object.etag)] : []
        }
        return body.records?.filter {
            $0.eventName.hasPrefix("ObjectCreated") || $0.eventName.hasPrefix("s3:ObjectCreated")
        }.map { record in
            // Only here keys are encoded, as a form's values are.
            let key = String(
                validating: PercentEncoding.decode(record.s3.object.key, plusIsSpace: true), as: UTF8.self)
            return (record.s3.bucket.name, key, record.s3.object.eTag)
        }
    }
}
