/// Reads the events of a page of log events that are written as nearly all are, each byte once.
///
/// What it reads is what `LogEventPage` reads by all the rules; of everything unusual it keeps its hands off.
struct QuickPage: ~Copyable {
    private let messages: MessageReader
    private var streams: StreamNames
    private var tags = NextTag()
    private var record = QuickRecord()

    /// Begins a page of one log group.
    init(_ messages: MessageReader, account: String, logGroup: String) {
        self.messages = messages
        streams = StreamNames(account: account, logGroup: logGroup)
    }

    /// Reads the event at a position if it holds no tag or can be read the quick way.
    ///
    /// - Returns: where the event ends; nil when it must be read by all the rules, and then nothing was handed on.
    mutating func read(
        _ page: Span<UInt8>, at start: Int, accounting: inout Accounting, to taker: inout some FindingTaker
    ) -> Int? {
        ByteText.with(page) { text in
            guard let event = EventMembers(text, at: start, in: .page), !event.hasUnicodeEscapes else { return nil }
            let message = QuickReader.Message(range: event.message, isEscaped: true, timestamp: event.timestamp)
            switch messages.quickReader.read(message, of: text, &tags, messages.lineReader.scanner, into: &record) {
            case .untagged: accounting.events += 1
            case .record:
                accounting.countQuickRecord()
                let origin = QuickEvent(
                    text: text, idText: text, id: event.id, timestamp: event.timestamp,
                    ingestionTime: event.ingestionTime)
                taker.take(record, of: origin, streams.names(of: event.stream, in: text))
            case .givenUp: return nil
            }
            return event.end
        }
    }
}

/// What the events of each log stream of a page have in common: events of several streams come in turns.
private struct StreamNames {
    private let account: String
    private let logGroup: String
    /// By the bytes of the stream's name: Swift calls canonically equivalent names equal.
    private var known: [[UInt8]: EventNames] = [:]
    private var last: EventNames
    private var lastRange = 0..<0

    init(account: String, logGroup: String) {
        self.account = account
        self.logGroup = logGroup
        last = EventNames(account: account, logGroup: logGroup, logStream: "")
    }

    /// The names of the stream that a range of the page names.
    mutating func names(of stream: Range<Int>, in text: ByteText) -> EventNames {
        if text.isEqual(stream, lastRange) { return last }
        lastRange = stream
        let name = text.bytes(stream)
        if let names = known[name] {
            last = names
        } else {
            last = EventNames(account: account, logGroup: logGroup, logStream: String(decoding: name, as: UTF8.self))
            known[name] = last
        }
        return last
    }
}

extension ByteText {
    /// Whether the bytes of two ranges are the same.
    func isEqual(_ left: Range<Int>, _ right: Range<Int>) -> Bool {
        guard left.count == right.count else { return false }
        var offset = 0
        while offset + 8 <= left.count {
            if word(at: left.lowerBound + offset) != word(at: right.lowerBound + offset) { return false }
            offset += 8
        }
        while offset < left.count {
            if self[left.lowerBound + offset] != self[right.lowerBound + offset] { return false }
            offset += 1
        }
        return true
    }
}
