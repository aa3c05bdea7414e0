import NIOCore
import NIOPosix
import NIOSSL
import Synchronization

/// A server on 127.0.0.1 that sees the bytes of each request and answers with the bytes that a test gives.
final class ScriptedServer: Sendable {
    /// What a connection does after it has read a whole request.
    enum Answer {
        /// Sends the text and keeps the connection.
        case send(String)
        /// Sends the text and closes the connection.
        case sendAndClose(String)
        /// Never answers.
        case nothing
    }

    let port: Int
    private let channel: any Channel
    private let requests: Requests

    /// The requests so far, head and body as they came.
    var received: [String] { requests.all.withLock { $0 } }

    private init(channel: any Channel, requests: Requests) {
        self.channel = channel
        self.port = channel.localAddress?.port ?? 0
        self.requests = requests
    }

    /// Runs a server for as long as `body` runs.
    ///
    /// - Parameter answer: gets the request and its number, from 0.
    static func run<Result>(
        tls: NIOSSLContext? = nil, answer: @escaping @Sendable (String, Int) -> Answer,
        body: (ScriptedServer) async throws -> Result
    ) async throws -> Result {
        let requests = Requests()
        let channel = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    if let tls { try channel.pipeline.syncOperations.addHandler(NIOSSLServerHandler(context: tls)) }
                    try channel.pipeline.syncOperations.addHandler(Handler(requests: requests, answer: answer))
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        let server = ScriptedServer(channel: channel, requests: requests)
        do {
            let result = try await body(server)
            try await channel.close()
            return result
        } catch {
            try await channel.close()
            throw error
        }
    }

    private final class Requests: Sendable {
        let all = Mutex<[String]>([])
    }

    private final class Handler: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        typealias OutboundOut = ByteBuffer

        private let requests: Requests
        private let answer: @Sendable (String, Int) -> Answer
        private var text = ""

        init(requests: Requests, answer: @escaping @Sendable (String, Int) -> Answer) {
            self.requests = requests
            self.answer = answer
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let bytes = unwrapInboundIn(data)
            if text.isEmpty, bytes.readableBytesView.first == 0x16 {
                // A TLS handshake at a server that has none: no request, and no answer that makes sense.
                return context.close(promise: nil)
            }
            text += String(buffer: bytes)
            guard let head = text.range(ofFirst: "\r\n\r\n") else { return }
            let length = text[..<head.lowerBound].split(separator: "\r\n")
                .first { $0.lowercased().hasPrefix("content-length:") }
                .flatMap { Int($0.dropFirst("content-length:".count).filter { $0 != " " }) }
            guard text[head.upperBound...].utf8.count >= length ?? 0 else { return }
            let request = text
            text = ""
            let number = requests.all.withLock { requests in
                requests.append(request)
                return requests.count - 1
            }
            switch answer(request, number) {
            case .send(let text):
                context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)), promise: nil)
            case .sendAndClose(let text):
                let channel = context.channel
                context.writeAndFlush(wrapOutboundOut(ByteBuffer(string: text)))
                    .whenComplete { _ in channel.close(promise: nil) }
            case .nothing:
                break
            }
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }
}

extension String {
    fileprivate func range(ofFirst part: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].utf8.starts(with: part.utf8) {
                return start..<utf8.index(start, offsetBy: part.utf8.count)
            }
            start = utf8.index(after: start)
        }
        return nil
    }
}

func answer(_ body: String, status: String = "200 OK", fields: String = "") -> String {
    "HTTP/1.1 \(status)\r\nContent-Length: \(body.utf8.count)\r\n\(fields)\r\n\(body)"
}
