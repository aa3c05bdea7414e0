import Hummingbird
import HummingbirdCore
import Logging
import NIOCore
import NIOHTTP1
import Synchronization

/// How long connections may wait, and how many there may be.
struct ConnectionLimits: Sendable {
    /// How long the head of a request may take from its first byte, and a body beyond what its bytes need.
    var half = TimeAmount.seconds(30)
    /// How long a connection may be open without a request.
    var idle = TimeAmount.seconds(120)
    /// The slowest body that is waited for, in bytes a second.
    var slowest = 8 << 10
    /// How many connections an address may have at once; nil where a proxy's address stands for everybody's.
    var perAddress: Int? = 128
}

/// How many connections each address has.
final class ConnectionCounts: Sendable {
    private let counts = Mutex<[String: Int]>([:])

    /// Counts a connection, which `close` must end.
    ///
    /// - Returns: how many there are now.
    func open(_ address: String) -> Int {
        counts.withLock { counts in
            counts[address, default: 0] += 1
            return counts[address, default: 0]
        }
    }

    /// Ends a connection.
    func close(_ address: String) {
        counts.withLock { counts in
            let rest = counts[address, default: 0] - 1
            counts[address] = rest > 0 ? rest : nil
        }
    }
}

/// Hummingbird's HTTP/1.1 with `ConnectionRules` behind the parser.
struct RuledHTTP1: ServerChildChannel {
    private let base: HTTP1Channel
    private let limits: ConnectionLimits
    private let counts = ConnectionCounts()

    /// A builder of a server that keeps these limits.
    static func builder(_ limits: ConnectionLimits) -> HTTPServerBuilder {
        HTTPServerBuilder { responder in RuledHTTP1(base: HTTP1Channel(responder: responder), limits: limits) }
    }

    private init(base: HTTP1Channel, limits: ConnectionLimits) {
        self.base = base
        self.limits = limits
    }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<HTTP1Channel.Value> {
        base.setup(channel: channel, logger: logger).flatMapThrowing { value in
            let pipeline = channel.pipeline.syncOperations
            let parser = try pipeline.handler(type: ByteToMessageHandler<HTTPRequestDecoder>.self)
            let address = channel.remoteAddress?.ipAddress ?? ""
            let count = counts.open(address)
            channel.closeFuture.whenComplete { _ in counts.close(address) }
            let rules = ConnectionRules(limits: limits, isRefused: limits.perAddress.map { count > $0 } ?? false)
            try pipeline.addHandler(FirstBytes(rules: rules), position: .before(parser))
            try pipeline.addHandler(rules, position: .after(parser))
            return value
        }
    }

    func handle(value: HTTP1Channel.Value, logger: Logger) async {
        await base.handle(value: value, logger: logger)
    }
}

/// Tells the rules of bytes that are not a whole head yet.
private final class FirstBytes: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private let rules: ConnectionRules

    init(rules: ConnectionRules) {
        self.rules = rules
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        rules.noteBytes()
        context.fireChannelRead(data)
    }
}

/// What a connection owes its client (RFC 9110 and 9112), and for how long.
///
/// An upgrade is ignored: the request is answered, and the connection ends with the answer, since the parser reads
/// nothing behind such a request. `HEAD` is answered without a body, `Expect: 100-continue` before the body, HTTP/1.0
/// in its own way.
private final class ConnectionRules: ChannelDuplexHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias InboundOut = HTTPServerRequestPart
    typealias OutboundIn = HTTPServerResponsePart
    typealias OutboundOut = HTTPServerResponsePart

    /// A request that is not answered to its end.
    private struct Exchange {
        /// Whether it came by HTTP/1.0.
        let isOld: Bool
        let isHead: Bool
        var isLast: Bool
        var expectsContinue: Bool
        var isReceived = false
        var isAnswering = false
    }

    /// What the connection waits for.
    private enum Wait {
        case request
        case head
        case body(received: Int)
        case nothing
    }

    private let limits: ConnectionLimits
    private let isRefused: Bool
    private var exchanges: [Exchange] = []
    /// Whether no further request is taken.
    private var isEnding = false
    /// Whether no further answer is written.
    private var isEnded = false
    private var wait = Wait.request
    private var since = NIODeadline.now()
    private var timer: RepeatedTask?

    init(limits: ConnectionLimits, isRefused: Bool) {
        self.limits = limits
        self.isRefused = isRefused
    }

    // MARK: - Deadlines

    func channelActive(context: ChannelHandlerContext) {
        context.fireChannelActive()
        guard !isRefused else { return end(.serviceUnavailable, context) }
        since = .now()
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        timer = context.eventLoop.scheduleRepeatedTask(initialDelay: .seconds(1), delay: .seconds(1)) { _ in
            let (rules, context) = bound.value
            rules.checkTime(context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        isEnded = true
        timer?.cancel()
        timer = nil
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        timer?.cancel()
        timer = nil
    }

    private func begin(_ next: Wait) {
        wait = next
        since = .now()
    }

    /// Bytes came that may begin a head.
    func noteBytes() {
        if case .request = wait { begin(.head) }
    }

    private func checkTime(_ context: ChannelHandlerContext) {
        // What waits behind another request's answer is not late.
        if exchanges.count > 1 { since = .now() }
        let waited = NIODeadline.now() - since
        switch wait {
        case .request where waited > limits.idle:
            isEnded = true
            context.close(promise: nil)
        case .head where waited > limits.half && exchanges.isEmpty: end(.requestTimeout, context)
        case .body(let received) where waited > limits.half + .seconds(Int64(received / limits.slowest)):
            end(.requestTimeout, context)
        default: break
        }
    }

    /// Answers with a status where no answer began, and closes.
    private func end(_ status: HTTPResponseStatus, _ context: ChannelHandlerContext) {
        guard !isEnded else { return }
        isEnding = true
        let isAnswering = exchanges.first?.isAnswering ?? false
        isEnded = true
        // Whoever reads the body must not take what came of it for the whole.
        context.fireErrorCaught(HTTPParserError.invalidEOFState)
        if !isAnswering && exchanges.count < 2 {
            let headers: HTTPHeaders = ["connection": "close", "content-length": "0"]
            context.write(
                wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: status, headers: headers))),
                promise: nil)
            context.write(wrapOutboundOut(.end(nil)), promise: nil)
        }
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer())))).whenComplete { _ in
            bound.value.close(promise: nil)
        }
    }

    // MARK: - Requests

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard !isEnded else { return }
        switch unwrapInboundIn(data) {
        case .head(let head):
            guard !isEnding else { return }
            receive(head, context)
        case .body(let bytes):
            guard let last = exchanges.indices.last, !exchanges[last].isReceived else { return }
            exchanges[last].expectsContinue = false
            if case .body(let received) = wait { wait = .body(received: received + bytes.readableBytes) }
            context.fireChannelRead(data)
        case .end:
            guard let last = exchanges.indices.last, !exchanges[last].isReceived else { return }
            exchanges[last].isReceived = true
            exchanges[last].expectsContinue = false
            begin(.nothing)
            context.fireChannelRead(data)
        }
    }

    private func receive(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        let hosts = head.headers["host"]
        let expects = head.headers["expect"]
        var exchange = Exchange(
            isOld: head.version.minor == 0, isHead: head.method == .HEAD,
            isLast: !head.isKeepAlive || head.method == .CONNECT || head.headers.contains(name: "upgrade"),
            expectsContinue: false)
        // RFC 9112, 3.2: one host in HTTP/1.1, at most one before.
        guard hosts.count == 1 || (hosts.isEmpty && exchange.isOld) else {
            return end(.badRequest, context)
        }
        if !exchange.isOld, !expects.isEmpty {
            guard expects.count == 1, expects[0].lowercased() == "100-continue" else {
                return end(.expectationFailed, context)
            }
            exchange.expectsContinue = true
        }
        if exchange.isLast { isEnding = true }
        exchanges.append(exchange)
        begin(.body(received: 0))
        if exchanges.count == 1 { continueIfExpected(context) }
        context.fireChannelRead(wrapInboundOut(.head(head)))
    }

    private func continueIfExpected(_ context: ChannelHandlerContext) {
        guard exchanges.first?.expectsContinue == true else { return }
        exchanges[0].expectsContinue = false
        context.writeAndFlush(
            wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .continue))), promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // Whatever follows the last request is nobody's.
        guard !isEnding || exchanges.last?.isReceived == false else { return }
        isEnding = true
        if let last = exchanges.indices.last { exchanges[last].isLast = true }
        if error is HTTPParserError, exchanges.isEmpty { return end(.badRequest, context) }
        context.fireErrorCaught(error)
    }

    // MARK: - Answers

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !isEnded, let exchange = exchanges.first else {
            // An answer to what could not be parsed is Hummingbird's own, and has no request.
            if isEnded { promise?.fail(ChannelError.ioOnClosedChannel) } else { context.write(data, promise: promise) }
            return
        }
        switch unwrapOutboundIn(data) {
        case .head(var head):
            exchanges[0].isAnswering = true
            let hasLength = head.headers.contains(name: "content-length")
            let isUnframed = !hasLength && (exchange.isHead || exchange.isOld)
            if isUnframed || !exchange.isReceived { exchanges[0].isLast = true }
            head.version = exchange.isOld ? .http1_0 : .http1_1
            if exchanges[0].isLast {
                isEnding = true
                head.headers.replaceOrAdd(name: "connection", value: "close")
            } else if exchange.isOld {
                head.headers.replaceOrAdd(name: "connection", value: "keep-alive")
            }
            context.write(wrapOutboundOut(.head(head)), promise: promise)
            // A stream has no end that could be waited for.
            if exchange.isHead && isUnframed { finish(context, promise: nil) }
        case .body:
            if exchange.isHead { promise?.succeed() } else { context.write(data, promise: promise) }
        case .end:
            // Without a body the encoder must not write a last chunk.
            if !exchange.isHead { context.write(data, promise: promise) }
            finish(context, promise: exchange.isHead ? promise : nil)
        }
    }

    private func finish(_ context: ChannelHandlerContext, promise: EventLoopPromise<Void>?) {
        let exchange = exchanges.removeFirst()
        if exchange.isLast {
            isEnded = true
            let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
            context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(ByteBuffer())))).whenComplete { _ in
                promise?.succeed()
                Self.close(bound.value, isReceived: exchange.isReceived)
            }
            return
        }
        context.flush()
        promise?.succeed()
        if exchanges.isEmpty {
            begin(.request)
        } else {
            continueIfExpected(context)
        }
    }

    /// Closes; what still comes is read for a while, since a reset could destroy the answer on its way.
    private static func close(_ context: ChannelHandlerContext, isReceived: Bool) {
        guard !isReceived else { return context.close(promise: nil) }
        context.close(mode: .output, promise: nil)
        let bound = NIOLoopBound(context, eventLoop: context.eventLoop)
        context.eventLoop.scheduleTask(in: .seconds(2)) { bound.value.close(promise: nil) }
    }
}
