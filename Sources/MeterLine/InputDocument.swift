/// What a JSON document in an input file is, told by the names of its members.
package enum InputDocument: Sendable, Equatable {
    /// An envelope of CloudWatch Logs.
    case envelope
    /// A whole Lambda event.
    case event
    /// What Lambda writes to an on-failure destination, with the event in it.
    case failureRecord
    /// A failure record that names the records it is about but does not hold them.
    case failureMetadata
    /// Log events as `aws logs filter-log-events` prints them.
    case logEvents
    /// Anything else, for example a log line that is a JSON object.
    case unknown

    /// Looks at the object at the beginning of a text, or at the first one of an array, as far as the text goes.
    package static func kind(of text: Span<UInt8>) -> InputDocument {
        var kind = InputDocument.unknown
        var shapes: [String: UInt8] = [:]
        var position = 0
        JSON.skipWhitespace(text, &position)
        if position < text.count, text[position] == UInt8(ascii: "[") {
            position += 1
            JSON.skipWhitespace(text, &position)
        }
        // A fault only ends the look: the text may be the beginning of a long document.
        try? LooseJSON.members(text, &position) { name, bytes, position throws(LooseJSON.Fault) in
            shapes[JSON.text(name, in: bytes)] = try LooseJSON.byte(bytes, position)
            kind = self.kind(shapes)
            if LooseJSON.isName(name, "events", in: bytes), isLogEvents(bytes, at: position) { kind = .logEvents }
            // An event may be long, and nothing behind its records makes it anything else.
            if kind == .event || kind == .logEvents { throw LooseJSON.Fault(position: position) }
            try LooseJSON.skip(bytes, &position)
        }
        return kind
    }

    /// Whether an array begins with a log event, by its id and its message.
    private static func isLogEvents(_ text: Span<UInt8>, at start: Int) -> Bool {
        var position = start
        var names: Set<String> = []
        try? LooseJSON.elements(text, &position) { text, position throws(LooseJSON.Fault) in
            try LooseJSON.members(text, &position) { name, text, position throws(LooseJSON.Fault) in
                names.insert(JSON.text(name, in: text))
                try LooseJSON.skip(text, &position)
            }
            throw LooseJSON.Fault(position: position)
        }
        return names.isSuperset(of: ["eventId", "message"])
    }

    /// - Parameter shapes: the names of members, with the first byte of each one's value.
    private static func kind(_ shapes: [String: UInt8]) -> InputDocument {
        let (object, array) = (UInt8(ascii: "{"), UInt8(ascii: "["))
        if shapes["Records"] == array || shapes["awslogs"] == object { return .event }
        if shapes["deliveryStreamArn"] != nil, shapes["records"] == array { return .event }
        if shapes["requestPayload"] == object { return .failureRecord }
        if shapes["responseContext"] == object || shapes["KinesisBatchInfo"] == object {
            return shapes["payload"] != nil ? .failureRecord : .failureMetadata
        }
        return shapes["logEvents"] == array ? .envelope : .unknown
    }

    /// Where the elements of the array at the beginning of a text stand; nil when there is none.
    package static func elements(of text: Span<UInt8>) -> [Range<Int>]? {
        var ranges: [Range<Int>] = []
        var position = 0
        JSON.skipWhitespace(text, &position)
        do throws(LooseJSON.Fault) {
            try LooseJSON.elements(text, &position) { bytes, position throws(LooseJSON.Fault) in
                let start = position
                try LooseJSON.skip(bytes, &position)
                ranges.append(start..<position)
            }
        } catch {
            return nil
        }
        return ranges
    }

    /// The event within a failure record: `requestPayload` of an asynchronous invocation, or the escaped text in
    /// `payload` that the mapping of a stream writes to S3.
    ///
    /// Source: AWS Lambda Developer Guide, "Retaining discarded batch records" and "Capturing records of asynchronous
    /// invocations".
    package static func event(inFailureRecord text: Span<UInt8>) -> [UInt8]? {
        var event: [UInt8]?
        var position = 0
        JSON.skipWhitespace(text, &position)
        try? LooseJSON.members(text, &position) { name, bytes, position throws(LooseJSON.Fault) in
            let start = position
            if LooseJSON.isName(name, "payload", in: bytes), try LooseJSON.byte(bytes, position) == UInt8(ascii: "\"") {
                event = LooseJSON.decoded(try LooseJSON.string(bytes, &position).range, in: bytes)
                return
            }
            try LooseJSON.skip(bytes, &position)
            if LooseJSON.isName(name, "requestPayload", in: bytes) || LooseJSON.isName(name, "payload", in: bytes) {
                event = MeterLine.bytes(of: bytes.extracting(start..<position))
            }
        }
        return event
    }
}
