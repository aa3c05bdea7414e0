import HTTPTypes
package import Hummingbird
package import Store

/// Server-sent events (WHATWG HTML, section 9.2): what is stored behind a number, and what comes after it.
package struct EventStream: Sendable {
    /// Writes one record as the data of an event; a line feed in it begins another line of data.
    package typealias Format = @Sendable (StoredEvent, inout [UInt8]) -> Void

    private static let pause = Duration.seconds(15)

    private let store: any Store
    private let hub: EventHub
    private let query: EventQuery
    private let format: Format

    /// Makes a stream of the records that fit a query, the oldest first.
    package init(store: any Store, hub: EventHub, query: EventQuery, format: @escaping Format) {
        self.store = store
        self.hub = hub
        self.query = query
        self.format = format
    }

    /// Begins behind the record that the browser saw last, or that the parameter `after` names, or now.
    ///
    /// - Parameters:
    ///   - atMostBehind: how many of the newest records are given of those that lie behind already.
    ///   - isAllowed: is asked again and again whether the stream may go on.
    package func response(
        to request: Request, atMostBehind: Int64 = .max, while isAllowed: @escaping @Sendable () -> Bool = { true }
    ) async throws -> Response {
        var query = query
        query.isAscending = true
        query.limit = 500
        let last = request.headers[.lastEventID].flatMap { Int64($0) }
        let asked = try QueryReader(request).int("after", in: 0...Int64.max)
        let newest = try await store.newestEvent()
        query.cursor = max(last ?? asked ?? newest, atMostBehind == .max ? 0 : newest - atMostBehind)
        let start = query
        return Response(
            status: .ok, headers: [.contentType: "text/event-stream", .cacheControl: "no-store"],
            body: ResponseBody { writer in
                try await write(from: start, while: isAllowed, to: &writer)
                try await writer.finish(nil)
            })
    }

    @concurrent private func write(
        from start: EventQuery, while isAllowed: @Sendable () -> Bool, to writer: inout any ResponseBodyWriter
    ) async throws {
        let signals = hub.signals()
        var query = start
        try await writer.write(ByteBuffer(string: ": metertap\n\n"))
        var iterator = Self.ticks(with: signals).makeAsyncIterator()
        repeat {
            guard isAllowed() else { return }
            // The position is taken first: what is stored meanwhile is seen the next time.
            let newest = try await store.newestEvent()
            var isAtEnd = false
            while !isAtEnd {
                guard isAllowed() else { return }
                let page = try await store.events(query)
                for event in page.events { try await writer.write(text(event)) }
                isAtEnd = page.cursor == nil
                query.cursor = page.cursor ?? max(page.events.last?.number ?? 0, query.cursor ?? 0, newest)
            }
            try await writer.write(ByteBuffer(string: ":\n\n"))
        } while await iterator.next() != nil
    }

    private func text(_ event: StoredEvent) -> ByteBuffer {
        var data: [UInt8] = []
        format(event, &data)
        var output = Array("id: \(event.number)\nevent: record\n".utf8)
        for line in data.split(separator: UInt8(ascii: "\n")) {
            output.append(contentsOf: "data: ".utf8)
            output.append(contentsOf: line)
            output.append(UInt8(ascii: "\n"))
        }
        output.append(UInt8(ascii: "\n"))
        return ByteBuffer(bytes: output)
    }

    /// A tick for each signal, and one now and then so that a lost connection is noticed.
    private static func ticks(with signals: AsyncStream<Void>) -> AsyncStream<Void> {
        AsyncStream(bufferingPolicy: .bufferingNewest(1)) { continuation in
            let forwarding = Task {
                for await _ in signals { continuation.yield() }
                continuation.finish()
            }
            let clock = Task {
                while !Task.isCancelled {
                    try? await Task.sleep(for: pause)
                    continuation.yield()
                }
            }
            continuation.onTermination = { _ in
                forwarding.cancel()
                clock.cancel()
            }
        }
    }
}

extension HTTPField.Name {
    /// The `Last-Event-ID` with which a browser resumes a stream.
    static let lastEventID = HTTPField.Name("Last-Event-ID") ?? .range
}
