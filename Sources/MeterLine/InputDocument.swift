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
    /// Anything else, for example a log line that is a JSON object.
    case unknown

    /// Looks at the members of the object at the beginning of a text, as far as the text goes.
    package static func kind(of text: Span<UInt8>) -> InputDocument {
        var kind = InputDocument.unknown
        var names: Set<String> = []
        var position = 0
        JSON.skipWhitespace(text, &position)
        // A fault only ends the look: the text may be the beginning of a long document.
        try? LooseJSON.members(text, &position) { name, bytes, position throws(LooseJSON.Fault) in
            names.insert(JSON.text(name, in: bytes))
            kind = self.kind(names)
            try LooseJSON.skip(bytes, &position)
        }
        return kind
    }

    private static func kind(_ names: Set<String>) -> InputDocument {
        if names.contains("Records") || names.contains("awslogs") { return .event }
        if names.contains("requestPayload") { return .failureRecord }
        if names.contains("responseContext") || names.contains("KinesisBatchInfo") {
            return names.contains("payload") ? .failureRecord : .failureMetadata
        }
        if names.contains("logEvents") || (names.contains("messageType") && names.contains("owner")) {
            return .envelope
        }
        return .unknown
    }

    /// The end of the first JSON document in a text; nil when the text ends before it.
    package static func end(in text: Span<UInt8>) -> Int? {
        var position = 0
        JSON.skipWhitespace(text, &position)
        guard (try? LooseJSON.skip(text, &position)) != nil else { return nil }
        return position
    }

    /// The event within a failure record: `requestPayload` of an asynchronous invocation, or the escaped text in
    /// `payload` that the mapping of a stream writes to S3. Source: AWS Lambda Developer Guide, "Retaining discarded
    /// batch records" and "Capturing records of asynchronous invocations".
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
