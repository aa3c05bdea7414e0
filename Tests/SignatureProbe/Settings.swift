import AWS
import FoundationEssentials
import HTTP
import HTTPTypes
import Synchronization

/// Reads an environment and files per line, and writes where each service would be called and with whose access key.
///
/// integration/test_endpoints.py compares both with botocore's.
enum ProbedSettings {
    private struct Line: Decodable {
        var environment: [String: String]
        var files: [String: String]
        var services: [String]
    }

    private struct Answer: Encodable {
        var hosts: [String: String] = [:]
        var key: String?
        var error: String?
    }

    /// Keeps the request, and answers none.
    private final class Recorder: HTTPTransport {
        let last = Mutex<Request?>(nil)

        func send(_ request: Request, timeout: Duration) async throws(TransportError) -> Response {
            last.withLock { $0 = request }
            throw TransportError(.invalidRequest, "It is only looked at.")
        }
    }

    static func answerAll() async throws {
        // Credentials are really asked for.
        let transport = try AsyncHTTPTransport(caBundle: nil)
        while let text = readLine() {
            let line = try JSONDecoder().decode(Line.self, from: Data(text.utf8))
            print(String(decoding: try JSONEncoder().encode(await answer(line, transport)), as: UTF8.self))
        }
    }

    private static func answer(_ line: Line, _ transport: AsyncHTTPTransport) async -> Answer {
        var answer = Answer()
        let settings: AWSSettings
        do throws(AWSError) {
            settings = try AWSSettings(environment: line.environment) { path in
                line.files[path].map { Array($0.utf8) }
            }
        } catch {
            answer.error = error.code
            return answer
        }
        let recorder = Recorder()
        do throws(AWSError) {
            let found = try await DefaultCredentials(settings: settings, transport: transport).credentials()
            answer.key = found.accessKeyID
        } catch {
            answer.error = error.code
        }
        let keys = Credentials(accessKeyID: "AKID", secretAccessKey: "s")
        let session = AWSSession(
            settings: settings, transport: recorder, credentials: FixedCredentials(keys),
            policy: RetryPolicy(maximumAttempts: 1))
        for service in line.services { answer.hosts[service] = await host(service, session, recorder) }
        return answer
    }

    /// Scheme, host and path of a call, and its region; or the code of an error.
    private static func host(_ service: String, _ session: AWSSession, _ recorder: Recorder) async -> String {
        recorder.last.withLock { $0 = nil }
        do throws(AWSError) { try await call(service, session) } catch {
            guard let request = recorder.last.withLock({ $0 }) else { return "error \(error.code)" }
            let scope = request.head.headerFields[.authorization]?.split(separator: "/") ?? []
            return "\(request.head.scheme ?? "")://\(request.head.authority ?? "") \(scope.count > 2 ? scope[2] : "")"
        }
        return "no call"
    }

    private static func call(_ service: String, _ session: AWSSession) async throws(AWSError) {
        switch service {
        case "s3": _ = try await S3Client(session).get(bucket: "bkt", key: "k")
        case "sts": _ = try await STSClient(session).callerIdentity()
        case "sqs": _ = try await SQSClient("meters", session: session).receive(wait: 0)
        case "secretsmanager": _ = try await SecretsManagerClient(session).secretValue("s")
        case "lambda": _ = try await LambdaClient(session).mappings(of: "arn")
        case "resourcegroupstaggingapi": _ = try await TaggingClient(session).logGroups(with: [])
        case "logs": _ = try await CloudWatchLogsClient(session).logGroups(prefix: "a")
        case "kinesis": _ = try await KinesisClient(session).stream("s")
        case "cloudwatch": _ = try await CloudWatchClient(session).metrics("n", "m", with: [:])
        default: _ = try await IAMClient(session).trustPolicy(ofRoleNamed: "r")
        }
    }
}
