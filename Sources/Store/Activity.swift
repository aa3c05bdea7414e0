import GRDB

/// When something last reported, and how long it was silent at the most: what is needed to see that it stopped.
public struct Activity: Sendable {
    /// When it last reported, in milliseconds since 1970.
    public var last: Int64
    /// How often it reported.
    public var reports: Int
    /// Its longest silence between two reports of this week and the week before, in milliseconds.
    public var longestSilence: Int64

    private static let week: Int64 = 7 * 86_400_000

    /// Notes a report in a row that has the columns for it.
    static func report(
        at time: Int64, table: String, id: (column: String, value: Int64), _ db: Database
    ) throws {
        try db.cachedStatement(
            sql: """
                UPDATE \(table) SET
                    gapBefore = CASE WHEN week = ?1 THEN gapBefore WHEN week = ?1 - 1 THEN gap ELSE 0 END,
                    gap = max(CASE WHEN week = ?1 THEN gap ELSE 0 END, ?2 - coalesce(last, ?2)),
                    week = ?1, last = max(coalesce(last, 0), ?2), reports = reports + 1
                WHERE \(id.column) = ?3
                """
        ).execute(arguments: [time / week, time, id.value])
    }

    init?(last: Int64?, reports: Int, longestSilence: Int64) {
        guard let last else { return nil }
        self.last = last
        self.reports = reports
        self.longestSilence = longestSilence
    }
}
