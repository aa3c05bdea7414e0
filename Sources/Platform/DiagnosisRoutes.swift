import HTTPTypes
import Hummingbird
import Meter
import MeterLine
import Store

/// What the doctor has found.
struct DiagnosisRoutes: Sendable {
    /// A set-up with hundreds of log groups, each of which has something, is larger than other bodies.
    private static let maximumBytes = 4 << 20
    private static let maximumFindings = 5_000
    /// Of accounts, regions and the names of checks.
    private static let maximumNameLength = 512
    private static let maximumTextLength = 4_000
    private static let counts = 0...Int(Int32.max)

    /// What `metertap doctor --json` prints; the worst severity and the counts follow from the findings.
    private struct DiagnosisInput: RequestBody {
        /// A report of a newer `metertap` may tell more; no answer depends on it.
        static let members = KnownMembers.anything

        var account: String
        var region: String
        var time: Int64
        var looked: StoredDiagnosis.Looked
        var findings: [StoredDiagnosis.Finding]

        var names: [String] { [account, region] + findings.map(\.check) }
        var texts: [String] {
            findings.flatMap { [$0.subject, $0.finding, $0.consequence, $0.remedy] + $0.evidence }
        }
    }

    let store: any Store
    let now: @Sendable () -> Int64

    var routes: [Route] {
        [
            Route(.get, "/diagnoses", .read, parameters: ["limit"]) { request, _ in
                let limit = Int(try QueryReader(request).int("limit", in: 1...1_000) ?? 100)
                return try .json(encoding: try await store.diagnoses(limit: limit))
            },
            Route(.get, "/diagnoses/{id}", .read) { _, context in
                let id = Int64(context.parameters.get("id") ?? "")
                guard let id, let diagnosis = try await store.diagnosis(id) else {
                    throw APIError(.notFound, "there is no diagnosis of this number")
                }
                return try .json(encoding: diagnosis)
            },
            Route(.post, "/diagnoses", .ingest, note),
        ]
    }

    private func note(_ request: Request, _ context: APIContext) async throws -> Response {
        let input = try await RequestBodies.decode(DiagnosisInput.self, from: request, maximum: Self.maximumBytes)
        try Self.check(input)
        let diagnosis = StoredDiagnosis(
            noted: now(), who: context.who, account: input.account, region: input.region, time: input.time,
            looked: input.looked, findings: input.findings)
        return try .json(encoding: try await store.note(diagnosis))
    }

    private static func check(_ input: DiagnosisInput) throws(APIError) {
        guard RecordLimits.timesInMillis.contains(input.time) else {
            throw APIError(.badRequest, "time is milliseconds of the years 1970 to 9999")
        }
        let looked = input.looked
        for count in [looked.logGroups, looked.streams, looked.functions, looked.checks] where !counts.contains(count) {
            throw APIError(.badRequest, "a count is negative or above \(counts.upperBound)")
        }
        guard input.findings.count <= maximumFindings else {
            throw APIError(.badRequest, "there are more than \(maximumFindings) findings; send the worst")
        }
        for name in input.names where name.unicodeScalars.count > maximumNameLength {
            throw APIError(.badRequest, "a name is longer than \(maximumNameLength) letters")
        }
        for text in input.texts where text.unicodeScalars.count > maximumTextLength {
            throw APIError(.badRequest, "a text is longer than \(maximumTextLength) letters")
        }
    }
}
