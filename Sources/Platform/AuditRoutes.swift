import HTTPTypes
import Hummingbird
import Meter
import MeterLine
import Store

/// What audits have found.
package struct AuditRoutes: Sendable {
    /// The longest name of a log group that CloudWatch Logs takes is 512 letters.
    private static let maximumNameLength = 512
    private static let maximumTextLength = 2_000
    /// No more of a list is kept.
    private static let maximumListed = 100
    private static let counts = 0...Int(Int32.max)
    /// The classes, in the order in which they are told.
    package static let classes = [
        "received", "duplicate", "cancelled", "rejected", "resolved", "undefined", "pastRetention", "missing",
        "different",
    ]

    /// What `metertap audit --json` prints, as far as it is kept.
    private struct AuditInput: RequestBody {
        /// A report of a newer `metertap` may tell more; no answer depends on it.
        static let members = KnownMembers.anything

        var account: String
        var logGroup: String
        var from: Int64
        var to: Int64
        var found: Int
        var missing: Int
        var different: Int
        var extra: Int
        var repaired: Int
        var received: Int?
        var duplicate: Int?
        var cancelled: Int?
        var rejected: Int?
        var resolved: Int?
        var undefined: Int?
        var pastRetention: Int?
        var mentions: Int?
        var recordNotBehindTag: Int?
        var events: Int?
        var pattern: Bool?
        var matchedByContent: Int?
        var expired: Int?
        var gaps: [AuditDetail.Gap]?
        var reasons: [String]?
        var missingStreams: [String]?
        var timeline: [AuditDetail.Bucket]?
        var missingRecords: [AuditDetail.Missing]?

        /// Nil when it tells figures alone.
        var detail: AuditDetail? { events == nil || received == nil ? nil : everything }

        /// All that it tells beside the figures, also where that is too little to be kept.
        var everything: AuditDetail {
            let most = AuditRoutes.maximumListed
            return AuditDetail(
                events: events ?? 0, pattern: pattern ?? false,
                classes: [
                    "received": received ?? 0, "duplicate": duplicate ?? 0, "cancelled": cancelled ?? 0,
                    "rejected": rejected ?? 0, "resolved": resolved ?? 0, "undefined": undefined ?? 0,
                    "pastRetention": pastRetention ?? 0, "missing": missing, "different": different,
                ],
                matchedByContent: matchedByContent ?? 0, expired: expired ?? 0, gaps: Array((gaps ?? []).prefix(most)),
                reasons: Array((reasons ?? []).prefix(most)),
                missingStreams: Array((missingStreams ?? []).prefix(most)),
                timeline: Array((timeline ?? []).prefix(most)),
                missingRecords: Array((missingRecords ?? []).prefix(most)))
        }
    }

    let store: any Store
    let now: @Sendable () -> Int64

    var routes: [Route] {
        [
            Route(.get, "/audits", .read, parameters: ["limit"]) { request, _ in
                let limit = Int(try QueryReader(request).int("limit", in: 1...1_000) ?? 100)
                return try .json(encoding: try await store.audits(limit: limit))
            },
            Route(.get, "/audits/{id}", .read) { _, context in
                let id = Int64(context.parameters.get("id") ?? "")
                guard let id, let audit = try await store.audit(id) else {
                    throw APIError(.notFound, "there is no audit of this number")
                }
                return try .json(encoding: audit)
            },
            Route(.post, "/audits", .ingest, note),
        ]
    }

    private func note(_ request: Request, _ context: APIContext) async throws -> Response {
        let input = try await RequestBodies.decode(AuditInput.self, from: request)
        guard !input.logGroup.isEmpty, input.logGroup.unicodeScalars.count <= Self.maximumNameLength,
            input.account.unicodeScalars.count <= Self.maximumNameLength
        else {
            throw APIError(.badRequest, "logGroup is empty, or a name is longer than \(Self.maximumNameLength) letters")
        }
        for time in [input.from, input.to] where !RecordLimits.timesInMillis.contains(time) {
            throw APIError(.badRequest, "from and to are milliseconds of the years 1970 to 9999")
        }
        let detail = input.everything
        let figures = [
            input.found, input.missing, input.different, input.extra, input.repaired, input.mentions ?? 0,
            input.recordNotBehindTag ?? 0,
        ]
        for count in figures + Self.counts(detail)
        where !Self.counts.contains(count) {
            throw APIError(.badRequest, "a count is negative or above \(Self.counts.upperBound)")
        }
        for text in Self.texts(detail) where text.unicodeScalars.count > Self.maximumTextLength {
            throw APIError(.badRequest, "a text is longer than \(Self.maximumTextLength) letters")
        }
        for time in Self.times(detail) where !RecordLimits.timesInMillis.contains(time) {
            throw APIError(.badRequest, "times are milliseconds of the years 1970 to 9999")
        }
        let audit = StoredAudit(
            time: now(), who: context.who, account: input.account, logGroup: input.logGroup, from: input.from,
            to: input.to, found: input.found, missing: input.missing, different: input.different, extra: input.extra,
            repaired: input.repaired, mentions: input.mentions, recordNotBehindTag: input.recordNotBehindTag,
            detail: input.detail)
        return try .json(encoding: try await store.note(audit))
    }

    private static func counts(_ detail: AuditDetail) -> [Int] {
        [detail.events, detail.matchedByContent, detail.expired] + detail.classes.values
            + detail.gaps.map(\.missing) + detail.timeline.flatMap { [$0.found, $0.missing] }
            + detail.missingRecords.map(\.ordinal)
    }

    private static func texts(_ detail: AuditDetail) -> [String] {
        detail.reasons + detail.missingStreams
            + detail.missingRecords.flatMap {
                [$0.logStream, $0.eventId, $0.uniqueId, $0.meterApiName, $0.customerId, $0.meterValue]
            }
    }

    private static func times(_ detail: AuditDetail) -> [Int64] {
        detail.gaps.flatMap { [$0.from, $0.to] } + detail.timeline.map(\.from)
            + detail.missingRecords.map(\.timestamp)
    }
}
