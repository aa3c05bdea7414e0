import Crypto
import Delivery
import HTTP
import HTTPTypes
import Logging
import MeterLine
import ServiceLifecycle
import Store

/// Calls a webhook when something that usually reports has stopped, and when it reports again.
///
/// A call that fails is made again, so that it may come twice; after a restart what is silent is told once more.
struct SilenceAlerts: Service {
    /// Something that reports.
    private struct Subject: Hashable {
        var kind: String
        var name: String
    }

    /// How often the figures are looked at.
    private static let pause = Duration.seconds(20)
    private static let timeout = Duration.seconds(10)

    let store: any Store
    let address: IngestAddress
    let secret: String
    let client: HTTPClient
    let silence: SilenceWatch
    let logger: Logger
    let now: @Sendable () -> Int64

    func run() async throws {
        var told: Set<Subject> = []
        while !Task.isShuttingDownGracefully, !Task.isCancelled {
            do {
                let silent = try await silentSubjects()
                for (subject, last) in silent where !told.contains(subject) {
                    try await tell(subject, isSilent: true, last: last)
                    told.insert(subject)
                }
                for subject in told where silent[subject] == nil {
                    try await tell(subject, isSilent: false, last: now())
                    told.remove(subject)
                }
            } catch {
                logger.error("an alert could not be sent and is tried again", metadata: ["error": "\(error)"])
            }
            try? await cancelWhenGracefulShutdown { try await Task.sleep(for: Self.pause) }
        }
    }

    /// What is silent, and when it last reported.
    private func silentSubjects() async throws -> [Subject: Int64] {
        let pipeline = try await store.pipeline()
        let silent = silence.silent(in: pipeline, now: now())
        var subjects: [Subject: Int64] = [:]
        for source in pipeline.sources where silent.sources.contains(source.intake) {
            subjects[Subject(kind: "source", name: source.intake.name)] = source.activity?.last
        }
        for meter in silent.meters { subjects[Subject(kind: "meter", name: meter.meterApiName)] = meter.activity.last }
        return subjects
    }

    private func tell(_ subject: Subject, isSilent: Bool, last: Int64) async throws {
        var body: [UInt8] = []
        var object = JSONObjectWriter(&body)
        object.member("alert", "silence", &body)
        object.member("state", isSilent ? "silent" : "reporting", &body)
        object.member("kind", subject.kind, &body)
        object.member("name", subject.name, &body)
        object.member("lastReceivedTimeInMillis", last, &body)
        object.end(&body)
        let sent = body
        let response = try await client.send(attemptTimeout: Self.timeout) { request(sent) }
        guard (200..<300).contains(response.status) else {
            throw APIError(.badGateway, "the webhook answered \(response.status)")
        }
    }

    private func request(_ body: [UInt8]) -> HTTP.Request {
        var head = HTTPRequest(
            method: .post, scheme: address.scheme, authority: address.authority, path: address.path)
        head.headerFields[.contentType] = "application/json"
        if let name = HTTPField.Name("X-Metertap-Signature") {
            head.headerFields[name] = Self.signature(of: body, secret: secret, seconds: now() / 1_000)
        }
        return HTTP.Request(head: head, body: body)
    }

    /// `t=SECONDS,v1=HEX`: the time, and HMAC-SHA256 of the time, a point and the body.
    static func signature(of body: [UInt8], secret: String, seconds: Int64) -> String {
        var code = HMAC<SHA256>(key: SymmetricKey(data: Array(secret.utf8)))
        code.update(data: Array("\(seconds).".utf8))
        code.update(data: body)
        return "t=\(seconds),v1=\(hexadecimal(Array(code.finalize())))"
    }
}
