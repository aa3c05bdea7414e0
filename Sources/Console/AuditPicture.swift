import Store

/// An audit's range as a picture: what was found by time, what of it is missing, and where nothing arrived at all.
struct AuditPicture {
    private static let height = 140.0
    private static let rail = 12.0

    let audit: StoredAudit
    let detail: AuditDetail

    /// The picture; each bar says its figures to those who point at it or hear it.
    var svg: String {
        let buckets = detail.timeline
        guard let first = buckets.first?.from, audit.to > first else { return "" }
        let most = max(1, buckets.map(\.found).max() ?? 1)
        var svg =
            "<svg class=\"chart timeline\" width=\"100%\" height=\"\(Int(Self.height + Self.rail) + 36)\" role=\"group\" "
            + "aria-label=\"What was found by time, and what of it is missing\">"
        for (index, bucket) in buckets.enumerated() {
            let next = index + 1 < buckets.count ? buckets[index + 1].from : max(audit.to, bucket.from + 1)
            svg += bar(bucket, to: next, most: most)
        }
        let top = Self.height + 6
        svg += "<rect class=\"rail\" x=\"0\" width=\"100%\" y=\"\(top)\" height=\"\(Self.rail)\" rx=\"3\"/>"
        for gap in detail.gaps { svg += mark(gap, top: top) }
        return svg + labels(buckets) + "</svg>"
    }

    private func bar(_ bucket: AuditDetail.Bucket, to end: Int64, most: Int) -> String {
        let (left, right) = (place(bucket.from), place(end))
        let width = "\(Self.percent((right - left) * 0.86))"
        let x = Self.percent(left + (right - left) * 0.07)
        let missing = min(bucket.missing, bucket.found)
        // What is there is seen, however little it is.
        func tall(_ count: Int) -> Double { count == 0 ? 0 : max(2, Double(count) / Double(most) * Self.height) }
        let (good, bad) = (tall(bucket.found - missing), tall(missing))
        let title =
            "\(Time.bucket(bucket.from, "minute")) UTC: \(Show.count(bucket.found)) found"
            + (missing > 0 ? ", \(Show.count(missing)) missing" : "")
        var svg = "<g class=\"bucket\"><title>\(Show.escaped(title))</title>"
        svg +=
            "<rect class=\"area\" x=\"\(Self.percent(left))\" width=\"\(Self.percent(right - left))\" y=\"0\" "
            + "height=\"\(Self.height)\"/>"
        if good > 0 {
            svg +=
                "<rect class=\"bar\" x=\"\(x)\" width=\"\(width)\" y=\"\(Self.round(Self.height - good))\" height=\"\(Self.round(good))\"/>"
        }
        if bad > 0 {
            svg +=
                "<rect class=\"lost\" x=\"\(x)\" width=\"\(width)\" y=\"\(Self.round(max(0, Self.height - good - bad)))\" height=\"\(Self.round(bad))\"/>"
        }
        return svg + "</g>"
    }

    private func mark(_ gap: AuditDetail.Gap, top: Double) -> String {
        let (left, right) = (place(gap.from), place(gap.to))
        let title =
            "Nothing received \(Time.bucket(gap.from, "minute")) to \(Time.bucket(gap.to, "minute")) UTC: "
            + "\(Show.count(gap.missing)) missing"
        // A gap of minutes in a month is still seen.
        return "<rect class=\"gap\" x=\"\(Self.percent(left))\" width=\"\(Self.percent(max(0.4, right - left)))\" "
            + "y=\"\(top)\" height=\"\(Self.rail)\" rx=\"2\"><title>\(Show.escaped(title))</title></rect>"
    }

    private func labels(_ buckets: [AuditDetail.Bucket]) -> String {
        let y = Int(Self.height + Self.rail) + 24
        let every = max(1, (buckets.count + 5) / 6)
        let isWithinDays = audit.to - audit.from <= 2 * 86_400_000
        var svg = ""
        for (index, bucket) in buckets.enumerated() where index % every == 0 && place(bucket.from) < 92 {
            let whole = Time.bucket(bucket.from, "minute")
            let text =
                isWithinDays ? String(index == 0 ? whole.dropFirst(5) : whole.dropFirst(11)) : String(whole.prefix(10))
            let rank = (index / every) % 2 == 0 ? "label" : "label second"
            svg +=
                "<text class=\"\(rank)\" x=\"\(Self.percent(place(bucket.from)))\" y=\"\(y)\">\(Show.escaped(text))</text>"
        }
        return svg
    }

    /// Where a time stands, in percent of the width.
    private func place(_ time: Int64) -> Double {
        let first = detail.timeline.first?.from ?? audit.from
        let share = Double(time - first) / Double(max(1, audit.to - first))
        return min(1, max(0, share)) * 100
    }

    private static func percent(_ value: Double) -> String { "\((value * 1_000).rounded() / 1_000)%" }
    private static func round(_ value: Double) -> Double { (value * 10).rounded() / 10 }
}
