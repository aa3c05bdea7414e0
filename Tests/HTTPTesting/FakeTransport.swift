package import HTTP
package import HTTPTypes
import Synchronization

/// A transport that a test answers for, and that keeps what it was asked.
package final class FakeTransport: HTTPTransport {
    private let answer: @Sendable (Request, Int) async throws(TransportError) -> Response
    private let sent = Mutex<[(request: Request, timeout: Duration)]>([])

    /// Makes a transport that asks `answer`, with the request's number from 0.
    package init(_ answer: @escaping @Sendable (Request, Int) async throws(TransportError) -> Response) {
        self.answer = answer
    }

    /// Makes a transport that gives one answer after the other.
    package convenience init(_ answers: [Result<Response, TransportError>]) {
        self.init { (_, number) throws(TransportError) in
            guard number < answers.count else {
                throw TransportError(.invalidRequest, "The test gave no further answer.")
            }
            return try answers[number].get()
        }
    }

    /// Makes a transport that gives one response after the other.
    package convenience init(_ responses: Response...) {
        self.init(responses.map { .success($0) })
    }

    /// The requests so far.
    package var requests: [Request] { sent.withLock { $0.map(\.request) } }
    /// The timeouts that they came with.
    package var timeouts: [Duration] { sent.withLock { $0.map(\.timeout) } }

    package func send(_ request: Request, timeout: Duration) async throws(TransportError) -> Response {
        let number = sent.withLock { sent in
            sent.append((request, timeout))
            return sent.count - 1
        }
        return try await answer(request, number)
    }
}

extension Response {
    /// An answer in short.
    package init(_ status: Int, fields: HTTPFields = [:], _ body: String = "") {
        self.init(head: HTTPResponse(status: .init(code: status), headerFields: fields), body: Array(body.utf8))
    }
}

extension Request {
    /// The body as text.
    package var text: String { String(decoding: body, as: UTF8.self) }

    /// Method and URL.
    package var line: String {
        "\(head.method) \(head.scheme ?? "")://\(head.authority ?? "")\(head.path ?? "")"
    }

    /// The value of a header field by its name.
    package func field(_ name: String) -> String? {
        HTTPField.Name(name).flatMap { head.headerFields[$0] }
    }
}
