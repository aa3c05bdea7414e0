import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import Synchronization

/// A channel of HTTP/1 with what keeps one client from holding up the others.
struct GuardedChannel: ServerChildChannel {
    typealias Value = HTTP1Channel.Value

    let base: HTTP1Channel
    let connections: Connections

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Value> {
        guard connections.open(channel) else {
            channel.close(promise: nil)
            return channel.eventLoop.makeFailedFuture(ChannelError.ioOnClosedChannel)
        }
        return base.setup(channel: channel, logger: logger).flatMapThrowing { value in
            let pipeline = channel.pipeline.syncOperations
            let decoder = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
            try pipeline.addHandler(RequestGuard(), position: .after(decoder))
            return value
        }
    }

    func handle(value: Value, logger: Logger) async {
        await base.handle(value: value, logger: logger)
    }
}

/// How many connections each address has.
final class Connections: Sendable {
    /// The most connections of one address.
    private static let maximum = 128

    private let byAddress = Mutex<[String: Int]>([:])
    private let isLimited: Bool

    /// - Parameter isLimited: false behind a proxy, from whose address all come.
    init(isLimited: Bool) { self.isLimited = isLimited }

    /// Counts a connection until it is closed; false when its address has too many.
    func open(_ channel: any Channel) -> Bool {
        guard isLimited, let address = channel.remoteAddress?.ipAddress else { return true }
        let isOpen = byAddress.withLock { counts in
            guard counts[address, default: 0] < Self.maximum else { return false }
            counts[address, default: 0] += 1
            return true
        }
        if isOpen {
            channel.closeFuture.whenComplete { [self] _ in
                byAddress.withLock { counts in
                    let left = counts[address, default: 1] - 1
                    counts[address] = left > 0 ? left : nil
                }
            }
        }
        return isOpen
    }
}

/// The rules of HTTP/1 that the framework leaves to its user, and the deadlines of a request.
///
/// - `Upgrade` is ignored (RFC 9110, 7.8); since the decoder reads nothing behind such a request, the connection is closed
///   after its answer.
/// - `HEAD` is answered as `GET`, without a body (RFC 9110, 9.3.2).
/// - `Expect: 100-continue` is answered before the body, and anything else that is expected with 417 (RFC 9110, 10.1.1).
/// - A request of HTTP/1.1 names one host: else it is 400 (RFC 9112, 3.2).
/// - A connection of HTTP/1.0 is closed after the answer unless the client asked to keep it (RFC 9112, 9.3).
/// - Framing that cannot be read is 400, wherever in a request it stands (RFC 9112, 2.2), and ends the connection.
/// - A head must be there 30 seconds after the connection is made or the answer before it was given, and a body 30 seconds
///   after its head and a second more for every 16 KiB of it that came; else the connection is closed.
final class RequestGuard: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// A request whose answer was not given yet.
    private struct Exchange {
        var isHead: Bool
        var isOldVersion: Bool
        var closes: Bool
        var isAnswered = false
        /// Whether the answer is written without its body.
        var isBodiless = false
    }

    private static let patience = TimeAmount.seconds(30)
    private static let bytesASecond = 16 << 10

    private var exchanges: [Exchange] = []
    /// Whether a head was read whose end was not.
    private var isReadingBody = false
    private var received = 0
    /// When what is waited for must be there.
    private var deadline: NIODeadline?
    private var isScheduled = false
    /// Whether nothing more is read, and nothing more is written.
    private var hasEnded = false

    // MARK: - Requests

    func handlerAdded(context: ChannelHandlerContext) { wait(context) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !hasEnded, exchanges.last?.closes != true || isReadingBody else { return }
        switch unwrapInboundIn(data) {
        case .head(let head):
            if let refusal = Self.refusal(of: head) {
                hasEnded = true
                refuse(context, refusal.status, refusal.message)
            } else {
                context.fireChannelRead(wrapInboundOut(.head(begin(head, context))))
            }
        case .body(let bytes):
            received += bytes.readableBytes
            context.fireChannelRead(data)
        case .end:
            isReadingBody = false
            deadline = nil
            context.fireChannelRead(data)
        }
    }

    /// Why a request is not taken, whatever it asks for; nil when it is.
    private static func refusal(of head: HTTPRequestHead) -> (status: HTTPResponseStatus, message: String)? {
        if head.version == .http1_1, head.headers["host"].count != 1 {
            return (.badRequest, "a request names its host once, in the field Host")
        }
        let expected = head.headers["expect"]
        if !expected.allSatisfy({ $0.lowercased() == "100-continue" }) {
            return (.expectationFailed, "nothing but 100-continue can be expected")
        }
        return nil
    }

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) -> HTTPRequestHead {
        var head = head
        let isUpgrade = head.headers.contains(name: "upgrade")
        let isOldVersion = head.version == .http1_0 || head.version.major == 0
        if head.headers.first(name: "expect")?.lowercased() == "100-continue", !isOldVersion, exchanges.isEmpty {
            let answer = HTTPResponseHead(version: .http1_1, status: .continue)
            context.writeAndFlush(wrapOutboundOut(.head(answer)), promise: nil)
        }
        exchanges.append(
            Exchange(
                isHead: head.method == .HEAD, isOldVersion: isOldVersion, closes: isUpgrade || !head.isKeepAlive))
        if isUpgrade {
            head.headers.remove(name: "upgrade")
            head.headers.remove(name: "http2-settings")
            head.headers.replaceOrAdd(name: "connection", value: "close")
        }
        if head.method == .HEAD { head.method = .GET }
        isReadingBody = true
        received = 0
        wait(context)
        return head
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        guard error is HTTPParserError, !hasEnded else { return context.fireErrorCaught(error) }
        hasEnded = true
        refuse(context, .badRequest, "the request can't be read: its head or the framing of its body is malformed")
        context.fireErrorCaught(error)
    }

    /// Answers the request that is being read, and ends the connection.
    private func refuse(_ context: ChannelHandlerContext, _ status: HTTPResponseStatus, _ message: String) {
        // An answer that was begun cannot be taken back, and those before it come first.
        guard exchanges.count < 2, exchanges.first?.isAnswered != true else { return context.close(promise: nil) }
        let body = #"{"errorMessage":"\#(message)"}"#
        var head = HTTPResponseHead(version: .http1_1, status: status)
        head.headers = ["content-type": "application/json", "content-length": "\(body.utf8.count)", "connection": "close"]
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: body)))), promise: nil)
        end(context, promise: nil)
    }

    // MARK: - Answers

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !hasEnded, var exchange = exchanges.first else {
            promise?.succeed()
            return
        }
        switch unwrapOutboundIn(data) {
        case .head(var head):
            exchange.isAnswered = true
            if exchange.isOldVersion { head.version = .http1_0 }
            let hasLength = head.headers.contains(name: "content-length")
            if exchange.isHead || exchange.isOldVersion { exchange.closes = exchange.closes || !hasLength }
            exchange.isBodiless = exchange.isHead
            if exchange.closes {
                head.headers.replaceOrAdd(name: "connection", value: "close")
            } else if exchange.isOldVersion {
                head.headers.replaceOrAdd(name: "connection", value: "keep-alive")
            }
            exchanges[0] = exchange
            context.write(wrapOutboundOut(.head(head)), promise: promise)
            // Of an answer without a stated length the end would be a part of the body.
            if exchange.isHead, !hasLength {
                hasEnded = true
                context.flush()
                context.close(promise: nil)
            }
        case .body:
            if exchange.isBodiless { promise?.succeed() } else { context.write(data, promise: promise) }
        case .end:
            exchanges.removeFirst()
            if exchange.closes {
                hasEnded = true
                end(context, promise: promise)
            } else {
                context.write(data, promise: promise)
                if exchanges.isEmpty, !isReadingBody { wait(context) }
            }
        }
    }

    private func end(_ context: ChannelHandlerContext, promise: EventLoopPromise<Void>?) {
        let written = promise ?? context.eventLoop.makePromise()
        let channel = context.channel
        written.futureResult.whenComplete { _ in channel.close(promise: nil) }
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: written)
    }

    // MARK: - Deadlines

    /// Begins to wait for a head, or for the rest of a body.
    private func wait(_ context: ChannelHandlerContext) {
        let end = NIODeadline.now() + Self.patience
        deadline = end
        schedule(context, at: end)
    }

    private func schedule(_ context: ChannelHandlerContext, at time: NIODeadline) {
        guard !isScheduled else { return }
        isScheduled = true
        context.eventLoop.assumeIsolated().scheduleTask(deadline: time) { [self] in
            isScheduled = false
            check(context)
        }
    }

    private func check(_ context: ChannelHandlerContext) {
        guard context.channel.isActive, let deadline else { return }
        let end = isReadingBody ? deadline + .seconds(Int64(received / Self.bytesASecond)) : deadline
        if end > NIODeadline.now() {
            schedule(context, at: end)
        } else if isReadingBody {
            hasEnded = true
            refuse(context, .requestTimeout, "the body of the request did not come in time")
        } else {
            context.close(promise: nil)
        }
    }
}
