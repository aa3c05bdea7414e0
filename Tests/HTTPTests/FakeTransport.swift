import HTTP
import HTTPTypes
import Synchronization

/// A transport that gives the answers of a list and keeps what it was asked.
final class FakeTransport: HTTPTransport {
    private let answers: Mutex<[Result<Response, TransportError>]>
    private let sent = Mutex<[(request: Request, timeout: Duration)]>([])

    init(_ answers: [Result<Response, TransportError>]) {
        self.answers = Mutex(answers)
    }

    var requests: [Request] { sent.withLock { $0.map(\.request) } }
    var timeouts: [Duration] { sent.withLock { $0.map(\.timeout) } }

    func send(_ request: Request, timeout: Duration) async throws(TransportError) -> Response {
        sent.withLock { $0.append((request, timeout)) }
        let answer = answers.withLock { $0.isEmpty ? nil : $0.removeFirst() }
        guard let answer else { throw TransportError(.invalidRequest, "The test gave no further answer.") }
        return try answer.get()
    }
}

/// Clocks that stand still but for `sleep`, which moves them on at once.
final class FakeTime: Sendable {
    let start = ContinuousClock.now
    private let slept = Mutex<[Duration]>([])

    var sleeps: [Duration] { slept.withLock { $0 } }

    var clocks: Clocks {
        Clocks(
            now: { [self] in start.advanced(by: sleeps.reduce(.zero, +)) },
            wall: { UnixTime(seconds: 1_440_938_160) },
            sleep: { [self] duration in slept.withLock { $0.append(duration) } })
    }
}

extension Response {
    init(_ status: Int, fields: HTTPFields = [:], _ body: String = "") {
        self.init(head: HTTPResponse(status: .init(code: status), headerFields: fields), body: Array(body.utf8))
    }
}
