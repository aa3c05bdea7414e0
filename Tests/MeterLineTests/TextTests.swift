import Meter
import MeterLine
import Testing

@Suite("Times")
struct TimestampTests {
    @Test(
        "are read as RFC 3339 writes them",
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2026-01-02T03:04:05Z", 1_767_323_045_000),
            ("2026-01-02t03:04:05.6789z", 1_767_323_045_678), ("2026-01-02 03:04:05+05:30", 1_767_303_245_000),
            ("2024-02-29T23:59:60Z", 1_709_251_200_000), ("1969-12-31T23:59:59.999Z", -1),
            ("0000-01-01T00:00:00-00:00", -62_167_219_200_000), ("9999-12-31T23:59:59Z", 253_402_300_799_000),
        ])
    func rfc3339(text: String, expected: Int64) {
        #expect(rfc3339Time(text) == expected)
    }

    private func rfc3339Time(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        return Timestamp.rfc3339(bytes.span)
    }

    private func leadingTime(_ line: String) -> Int64? {
        let bytes = Array(line.utf8)
        return Timestamp.leading(bytes.span)
    }

    @Test(
        "of no calendar are refused",
        arguments: [
            "2023-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-04-31T00:00:00Z", "2026-01-02T24:00:00Z",
            "2026-01-02T03:04:05", "2026-01-02T03:04:05.Z", "2026-01-02T03:04:05+5:30", "2026-01-02", "",
            "2026-01-02T03:04:05Zx", "2026-01-02T03:04:61Z", "+026-01-02T03:04:05Z",
        ])
    func refused(text: String) {
        #expect(rfc3339Time(text) == nil)
    }

    @Test(
        "give dates, also before 1970 and at leap days",
        arguments: [
            (Int64(0), "1970-01-01"), (-1, "1969-12-31"), (1_709_164_800_000, "2024-02-29"),
            (951_782_400_000, "2000-02-29"),
            (4_107_542_399_999, "2100-02-28"), (4_107_542_400_000, "2100-03-01"),
        ])
    func dates(time: Int64, expected: String) {
        #expect(Timestamp.date(time) == expected)
    }

    @Test(
        "lead a line",
        arguments: [
            ("2026-01-02T03:04:05Z INFO x", Int64?(1_767_323_045_000)), ("[2026-01-02T03:04:05Z] x", 1_767_323_045_000),
            ("1767323045 x", 1_767_323_045_000), ("1767323045123 x", 1_767_323_045_123), ("17673230451 x", nil),
            ("x", nil),
            ("", nil), ("[", nil),
        ])
    func leading(line: String, expected: Int64?) {
        #expect(leadingTime(line) == expected)
    }
}

@Suite("Base64")
struct Base64Tests {
    /// RFC 4648, section 10.
    @Test(
        "gives the vectors of its specification",
        arguments: [
            ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
            ("foobar", "Zm9vYmFy"),
        ])
    func vectors(text: String, encoded: String) {
        #expect(Base64.encode(Array(text.utf8)) == encoded)
        #expect(decode(encoded) == Array(text.utf8))
        let unpadded = encoded.filter { $0 != "=" }
        #expect(decode(unpadded) == Array(text.utf8))
    }

    private func decode(_ text: String) -> [UInt8]? {
        let bytes = Array(text.utf8)
        return Base64.decode(bytes.span)
    }

    @Test("gives back every byte")
    func allBytes() {
        let bytes = (0...255).map { UInt8($0) }
        #expect(decode(Base64.encode(bytes)) == bytes)
    }

    @Test("refuses other text", arguments: ["A", "AAAAA", "AA A", "AA-_", "A===", "=", "AA=A", "\u{e9}AAA"])
    func refused(text: String) {
        #expect(decode(text) == nil)
    }
}

@Suite("NDJSON")
struct NDJSONTests {
    private func lines(_ message: String, provenance: Bool) throws -> String {
        var accounting = Accounting()
        var output: [UInt8] = []
        let bytes = Array(message.utf8)
        for finding in try LineReader().read(bytes.span, of: Reading.origin, accounting: &accounting) {
            switch finding {
            case .record(let found): NDJSON.append(found, provenance: provenance, to: &output)
            case .reject(let reject): NDJSON.append(reject, to: &output)
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    private let message = """
        amberflo_meter: {"dimensions":{"z":true,"a":"x\\"\\u0001\\n/é"},"uniqueId":"u","meterApiName":"m",\
        "customerId":7,"meterValue":"1.50","meterTimeInMillis":"1767323045000"}
        """

    @Test("has its keys in order and escapes what must be, nothing more")
    func record() throws {
        #expect(
            try lines(message, provenance: false)
                == #"{"uniqueId":"u","meterApiName":"m","meterValue":1.5,"meterTimeInMillis":1767323045000,"#
                + #""customerId":"7","dimensions":{"a":"x\"\u0001\n/é","z":"true"}}"# + "\n")
    }

    @Test("tells where a record comes from, and that its time is its log event's")
    func provenance() throws {
        let line = try lines(
            "amberflo_meter: {\"uniqueId\":\"u\",\"meterApiName\":\"m\",\"customerId\":\"c\",\"meterValue\":1}",
            provenance: true)
        #expect(
            line.contains(
                #""source":{"account":"123456789012","logGroup":"/app/api","logStream":"i-0123","eventId":"3846987","#
                    + #""timestamp":1767323045000,"ordinal":0,"timeDerived":true}}"#))
    }

    @Test("keeps a reject's line, and its bytes when they are no text")
    func reject() throws {
        let line = try lines("amberflo_meter: \"x", provenance: false)
        #expect(line.contains(#""reason":"malformedJSON""#))
        #expect(line.contains(#""message":"amberflo_meter: \"x"}"#))
        var output: [UInt8] = []
        NDJSON.append(
            Reject(
                reason: .undecodable, detail: "d", tag: nil, ordinal: 0,
                source: .kinesis(stream: "arn", shard: "shardId-0", sequenceNumber: "49"), timestamp: nil,
                content: [0x1f, 0x8b, 0xff]), to: &output)
        #expect(
            String(decoding: output, as: UTF8.self)
                == #"{"reason":"undecodable","detail":"d","tag":null,"ordinal":0,"source":{"stream":"arn","#
                + #""shard":"shardId-0","sequenceNumber":"49"},"timestamp":null,"message":"","data":"H4v/"}"# + "\n")
    }
}
