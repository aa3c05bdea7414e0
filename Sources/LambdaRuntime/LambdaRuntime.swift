public import HTTP
import HTTPTypes

/// The loop of a custom Lambda runtime: fetches an invocation, hands it to the function, sends the answer back.
///
/// https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
///
/// ```swift
/// let runtime = LambdaRuntime(api: environment["AWS_LAMBDA_RUNTIME_API"] ?? "", transport: try AsyncHTTPTransport())
/// try await runtime.run { invocation in
///     Array("null".utf8)
/// }
/// ```
public struct LambdaRuntime: Sendable {
    /// How many times in a row `/next` may fail before the runtime gives up.
    static let maximumFailures = 5

    private let api: String
    private let transport: any HTTPTransport
    private let http: HTTPClient
    private let clocks: Clocks
    private let log: @Sendable (String) -> Void

    /// Makes a runtime.
    ///
    /// - Parameters:
    ///   - api: host and port, the value of `AWS_LAMBDA_RUNTIME_API`.
    ///   - log: takes a line about an answer that could not be sent; the standard error unless a test wants it.
    public init(
        api: String, transport: any HTTPTransport, clocks: Clocks = .system,
        log: @escaping @Sendable (String) -> Void = StandardError.write
    ) {
        self.api = api
        self.transport = transport
        self.http = HTTPClient(
            transport: transport, policy: RetryPolicy(maximumAttempts: 3, baseDelay: .milliseconds(50)), clocks: clocks)
        self.clocks = clocks
        self.log = log
    }

    /// Serves invocations, one after the other, until the task is cancelled.
    ///
    /// An error that `handler` throws is reported as the invocation's, with its description; the loop goes on. So it
    /// does when an answer cannot be sent: Lambda then ends the invocation by itself.
    ///
    /// - Parameter handler: makes the answer, as JSON.
    /// - Throws: `LambdaRuntimeError` when `/next` has failed five times in a row. The process should end then.
    public func run(
        _ handler: (Invocation) async throws -> [UInt8]
    ) async throws(LambdaRuntimeError) {
        var failures = 0
        while !Task.isCancelled {
            let invocation: Invocation
            do throws(LambdaRuntimeError) {
                invocation = try await next()
                failures = 0
            } catch {
                failures += 1
                if Task.isCancelled { return }
                guard failures < Self.maximumFailures else { throw error }
                log("\(error)")
                do { try await clocks.sleep(.milliseconds(50) * (1 << failures)) } catch { return }
                continue
            }
            do {
                let answer = try await handler(invocation)
                await post("invocation/\(invocation.requestID)/response", answer)
            } catch {
                await post("invocation/\(invocation.requestID)/error", error: error)
            }
        }
    }

    /// Reports that the function could not start, for example because a setting is missing.
    ///
    /// The process should end then.
    public func reportInitError(_ error: any Error) async {
        await post("init/error", error: error)
    }

    private func next() async throws(LambdaRuntimeError) -> Invocation {
        let response: Response
        do throws(TransportError) {
            // Lambda freezes the process in here until there is work; ten years stand for no timeout.
            response = try await transport.send(request(.get, "invocation/next"), timeout: .seconds(315_360_000))
        } catch {
            throw LambdaRuntimeError("The Lambda runtime API gave no invocation: \(error.description)")
        }
        let fields = response.head.headerFields
        guard response.status == 200 else {
            throw LambdaRuntimeError(
                "The Lambda runtime API answered with status \(response.status) for an invocation.")
        }
        guard let requestID = fields[.requestID], !requestID.isEmpty,
            let deadline = fields[.deadline].flatMap({ Int64($0) })
        else {
            throw LambdaRuntimeError("The Lambda runtime API gave an invocation without id or deadline.")
        }
        let left = clocks.wall().duration(to: UnixTime(milliseconds: deadline))
        return Invocation(
            requestID: requestID, deadline: clocks.now().advanced(by: left), payload: response.body)
    }

    private func post(_ path: String, error: any Error) async {
        let type = "\(Swift.type(of: error))"
        let body =
            "{\"errorMessage\":\(Self.json("\(error)")),\"errorType\":\(Self.json(type)),\"stackTrace\":[]}"
        await post(path, Array(body.utf8), [.functionErrorType: "Function.\(type)"])
    }

    private func post(_ path: String, _ body: [UInt8], _ fields: HTTPFields = [:]) async {
        let problem: String
        do throws(HTTPClient.Failure) {
            let response = try await http.send(attemptTimeout: .seconds(10)) {
                var request = request(.post, path)
                request.head.headerFields = fields
                request.head.headerFields[.contentType] = "application/json"
                request.body = body
                return request
            }
            if (200..<300).contains(response.status) { return }
            problem = "status \(response.status)"
        } catch {
            problem = error.description
        }
        log("The Lambda runtime API did not take \(path): \(problem)")
    }

    private func request(_ method: HTTPRequest.Method, _ path: String) -> Request {
        Request(head: HTTPRequest(method: method, scheme: "http", authority: api, path: "/2018-06-01/runtime/\(path)"))
    }

    /// A text as a JSON string (RFC 8259 section 7).
    private static func json(_ text: String) -> String {
        var json = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": json += "\\\""
            case "\\": json += "\\\\"
            case "\u{0}"..."\u{1F}":
                let digits = String(scalar.value, radix: 16)
                json += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: json.unicodeScalars.append(scalar)
            }
        }
        return json + "\""
    }
}

/// Why the runtime cannot go on.
public struct LambdaRuntimeError: Error, Sendable, CustomStringConvertible {
    /// A sentence for people.
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}

extension HTTPField.Name {
    fileprivate static let requestID = known("Lambda-Runtime-Aws-Request-Id")
    fileprivate static let deadline = known("Lambda-Runtime-Deadline-Ms")
    fileprivate static let functionErrorType = known("Lambda-Runtime-Function-Error-Type")

    private static func known(_ name: String) -> HTTPField.Name {
        guard let name = HTTPField.Name(name) else { preconditionFailure("\(name) is no field name") }
        return name
    }
}
