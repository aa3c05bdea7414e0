import FoundationEssentials
import HTTP
import HTTPTypes

/// Simple Queue Service: messages taken from a queue.
///
/// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/
public struct SQSClient: Sendable {
    /// A message of a queue.
    public struct Message: Sendable, Decodable {
        /// The text.
        public var body: String
        /// What deletes it.
        public var receiptHandle: String

        enum CodingKeys: String, CodingKey {
            case body = "Body"
            case receiptHandle = "ReceiptHandle"
        }
    }

    /// What the calls send; nil is left out.
    private struct Input: Encodable {
        var queue: String
        var maximum: Int?
        var wait: Int?
        var receiptHandle: String?

        enum CodingKeys: String, CodingKey {
            case queue = "QueueUrl"
            case maximum = "MaxNumberOfMessages"
            case wait = "WaitTimeSeconds"
            case receiptHandle = "ReceiptHandle"
        }
    }

    private let caller: ServiceCaller
    private let queueURL: String

    /// Makes a client for one queue.
    ///
    /// - Parameter queueURL: for example `https://sqs.eu-central-1.amazonaws.com/123456789012/meters`; its region is called.
    /// - Throws: `AWSError` when no region is known.
    public init(_ queueURL: String, session: AWSSession) throws(AWSError) {
        self.queueURL = queueURL
        let host = queueURL.split(separator: "/", omittingEmptySubsequences: true).dropFirst().first ?? ""
        let labels = host.split(separator: ".")
        let region: String? =
            switch labels.first {
            case "sqs" where labels.count > 2, "sqs-fips" where labels.count > 2: String(labels[1])
            // The form of old queues.
            case let first? where labels.dropFirst().first == "queue" && RegionName.isValid(String(first)):
                String(first)
            default: nil
            }
        caller = try ServiceCaller(.sqs, region: region, session: session)
    }

    /// Waits for messages, at most ten; none when the time is over.
    ///
    /// A message comes again if it is not deleted.
    /// - Parameter wait: how long to wait, from 0 to 20 seconds.
    public func receive(wait: Int) async throws(AWSError) -> [Message] {
        struct Output: Decodable {
            var messages: [Message]?

            enum CodingKeys: String, CodingKey { case messages = "Messages" }
        }
        let body = try await call("ReceiveMessage", Input(queue: queueURL, maximum: 10, wait: wait))
        guard let output = try? JSONDecoder().decode(Output.self, from: Data(body)) else {
            throw .malformed("SQS ReceiveMessage", queueURL, what: "is no list of messages")
        }
        return output.messages ?? []
    }

    /// Deletes a message, once it is dealt with.
    public func delete(_ message: Message) async throws(AWSError) {
        _ = try await call("DeleteMessage", Input(queue: queueURL, receiptHandle: message.receiptHandle))
    }

    private func call(_ operation: String, _ input: Input) async throws(AWSError) -> [UInt8] {
        try await caller.sendJSON(operation, input, target: "AmazonSQS", version: "1.0", resource: queueURL)
    }
}
