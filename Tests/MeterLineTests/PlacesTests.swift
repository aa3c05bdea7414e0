import MeterLine
import Testing

@Suite("What a page shows of a line")
struct PlacesTests {
    private func marked(_ line: String) throws -> [String] {
        let bytes = Array(line.utf8)
        return try LineReader().places(in: bytes.span).map { place in
            let tag = String(decoding: bytes[place.tag], as: UTF8.self)
            let value = String(decoding: bytes[place.tag.upperBound..<place.end], as: UTF8.self)
            return "\(place.kind) \(tag)\(value)"
        }
    }

    @Test("names each tag, its value, and what cannot be read")
    func places() throws {
        let line =
            #"reading amberflo_meter config amberflo_meter: {"a":1} amberflo_meter=7 xamberflo_meter amberflo_meter: {"#
        #expect(
            try marked(line) == [
                "mention amberflo_meter", #"value amberflo_meter: {"a":1}"#, "value amberflo_meter=7",
                "unreadable amberflo_meter",
            ])
    }

    @Test("goes behind the value of a tag within a string of JSON")
    func escaped() throws {
        let line = #"{"message":"meter_record_for_cw {\"a\":\"}\"} and more"}"#
        #expect(try marked(line) == [#"value meter_record_for_cw {\"a\":\"}\"}"#])
    }

    @Test(
        "marks the fault of a reject, where there is a place for it",
        arguments: [
            ("invalidValue", #"{"meterApiName":"A","meterValue":"many"}"#, #""many""#),
            ("invalidValue", #"{"values":{"A":"x"},"meter_value":null}"#, #"{"A":"x"}"#),
            ("invalidTime", #"{"a":{"time":1},"time": "soon" }"#, #""soon""#),
            ("invalidCustomer", #"{"customerId":[1]}"#, "[1]"),
            ("missingCustomer", #"{"meterValue":1}"#, nil),
            ("malformedJSON", #"{"a":1,}"#, "}"),
            ("malformedJSON", #"{"a":"#, nil),
            ("notARecord", "7", "7"),
            ("noSuchReason", "{}", nil),
        ])
    func fault(reason: String, line: String, expected: String?) {
        let bytes = Array(line.utf8)
        let range = RejectedLine.fault(reason, in: bytes)
        #expect(range.map { String(decoding: bytes[$0], as: UTF8.self) } == expected)
    }
}
