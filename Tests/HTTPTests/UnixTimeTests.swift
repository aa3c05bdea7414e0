import HTTP
import Testing

@Suite struct UnixTimeTests {
    @Test(
        arguments: [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0), ("Sun, 06 Nov 1994 08:49:37 GMT", 784_111_777),
            ("Tue, 29 Feb 2000 23:59:59 GMT", 951_868_799), ("Wed, 31 Dec 1969 23:59:59 GMT", -1),
        ] as [(String, Int64)])
    func `HTTP dates are read`(text: String, seconds: Int64) {
        #expect(UnixTime(httpDate: text) == UnixTime(seconds: seconds))
    }

    @Test(arguments: [
        "", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:37 CET", "Thu, 29 Feb 2001 00:00:00 GMT",
        "Sun, 06 Nov 1994 25:00:00 GMT", "Sun, 06 Nov 1994 00:00 GMT",
    ])
    func `other dates are not`(text: String) {
        #expect(UnixTime(httpDate: text) == nil)
    }

    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0), ("2015-08-30T12:36:00Z", 1_440_938_160),
            ("2015-08-30T12:36:00.123Z", 1_440_938_160),
        ] as [(String, Int64)])
    func `ISO 8601 in UTC is read`(text: String, seconds: Int64) {
        #expect(UnixTime(iso8601: text) == UnixTime(seconds: seconds))
    }

    @Test(arguments: ["", "2015-08-30", "2015-08-30T12:36:00+01:00", "2015-02-29T00:00:00Z", "2015-08-30 12:36:00Z"])
    func `other forms of ISO 8601 are not`(text: String) {
        #expect(UnixTime(iso8601: text) == nil)
    }

    @Test(
        arguments: [
            (0, "19700101T000000Z"), (1_440_938_160, "20150830T123600Z"), (951_782_400, "20000229T000000Z"),
            (-1, "19691231T235959Z"), (4_107_542_399, "21000228T235959Z"), (4_107_542_400, "21000301T000000Z"),
        ] as [(Int64, String)])
    func `the basic form is written`(seconds: Int64, text: String) {
        #expect(UnixTime(seconds: seconds).basicISO8601 == text)
    }

    @Test func `every day of 400 years is written and read back`() {
        var time = UnixTime(seconds: -11_676_096_000)
        for _ in 0..<146_097 {
            let text = time.basicISO8601
            let date = "\(text.prefix(4))-\(text.dropFirst(4).prefix(2))-\(text.dropFirst(6).prefix(2))T00:00:00Z"
            guard UnixTime(iso8601: date) == time else {
                Issue.record("\(text) is not read back")
                return
            }
            time = time.advanced(by: .seconds(86_400))
        }
    }
}
