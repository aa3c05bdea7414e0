import Store
import Testing

extension StorePromise {
    /// What is kept of the doctor's findings.
    static let diagnosing = [
        StorePromise("what the doctor found is kept, the newest of each account and region") { store in
            for (account, region) in [("1", "eu"), ("1", "us"), ("1", "eu"), ("2", "eu")] {
                _ = try await store.note(diagnosis(account, region, [("a", .note), ("b", .loss)]))
            }
            #expect(try await store.diagnoses(limit: 3).map(\.id) == [4, 3, 2])
            let latest = try await store.latestDiagnoses(limit: 10)
            #expect(latest.map(\.id) == [4, 3, 2])
            #expect(latest.allSatisfy { $0.findings == nil && $0.severity == .loss && $0.counts.note == 1 })
            let one = try #require(try await store.diagnosis(3))
            #expect(one.findings?.map(\.check) == ["b", "a"])
            #expect(one.account == "1" && one.region == "eu" && one.who == "doctor" && one.looked.logGroups == 1)
            #expect(try await store.diagnosis(5) == nil)
            // Nobody pays for a finding, so that it is no change.
            #expect(try await store.changes(limit: 10, before: nil).isEmpty)
        },
        StorePromise("old diagnoses of an account and region go, and those of others stay") { store in
            _ = try await store.note(diagnosis("1", "us", []))
            for _ in 0...StoredDiagnosis.mostOfAPlace { _ = try await store.note(diagnosis("1", "eu", [])) }
            let kept = try await store.diagnoses(limit: 1_000).compactMap(\.id)
            #expect(kept.count == StoredDiagnosis.mostOfAPlace + 1)
            #expect(kept.last == 1 && !kept.contains(2) && kept.contains(3))
            #expect(try await store.latestDiagnoses(limit: 10).allSatisfy { $0.severity == nil })
        },
        StorePromise("of many findings the worst are kept and all are counted") { store in
            let many = Array(repeating: ("many", StoredDiagnosis.Severity.risk), count: StoredDiagnosis.mostFindings)
            var noted = diagnosis("1", "eu", many + [("worst", .loss)])
            noted.findings?[0].evidence = ["seen"]
            _ = try await store.note(noted)
            let kept = try #require(try await store.diagnosis(1))
            #expect(kept.findings?.count == StoredDiagnosis.mostFindings && kept.findings?.first?.check == "worst")
            #expect(kept.findings?.first?.evidence == ["seen"])
            #expect(kept.counts.risk == StoredDiagnosis.mostFindings && kept.counts.loss == 1)
        },
    ]
}

private func diagnosis(
    _ account: String, _ region: String, _ findings: [(check: String, severity: StoredDiagnosis.Severity)]
) -> StoredDiagnosis {
    StoredDiagnosis(
        noted: start, who: "doctor", account: account, region: region, time: start - minute,
        looked: .init(logGroups: 1, streams: 1, functions: 1, checks: 50),
        findings: findings.map {
            .init(
                check: $0.check, severity: $0.severity, subject: "/app", finding: "It is so.", consequence: "It costs.",
                remedy: "Mend it.", evidence: [])
        })
}
