import Doctor
import Testing

@Suite struct CallerChecksTests {
    private func setUp(secondsAhead: Int64) -> SetUp {
        var setUp = SetUp(now: 0, tags: [])
        setUp.caller = .read(
            .init(account: "123456789012", arn: "arn:aws:iam::123456789012:user/u", secondsAhead: secondsAhead))
        return setUp
    }

    @Test func aClockThatIsRightIsNoFinding() {
        #expect(Diagnosis(setUp(secondsAhead: 60)).findings.isEmpty)
    }

    @Test(arguments: [-61, 61]) func aClockThatIsWrongIsToldWithItsDirection(secondsAhead: Int64) throws {
        let finding = try #require(Diagnosis(setUp(secondsAhead: secondsAhead)).findings.first)
        #expect(finding.check == .clock)
        #expect(finding.severity == .risk)
        #expect(finding.finding.contains(secondsAhead > 0 ? "61 s behind" : "61 s ahead of"))
    }
}
