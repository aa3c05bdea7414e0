/// Charts as SVG: lengths across are percentages, so that letters keep their size on every screen.
struct Chart {
    /// One bucket.
    struct Bar {
        /// What stands below it; empty for none.
        var label: String
        /// What it is, for those who point at it or hear it.
        var title: String
        /// The height: a position on the screen only, the exact figure is in the title.
        var value: Double
        /// The value of the period before, as a mark.
        var before: Double?
        /// Where the figure is opened.
        var link: String?
    }

    /// How the values are drawn.
    enum Style: String, CaseIterable {
        case bars
        case lines
    }

    /// At most so many bars can be reached by keyboard; with more of them the table is the way.
    private static let maximumLinks = 120
    private static let height = 180.0
    private static let top = 12.0

    let title: String
    let style: Style
    let bars: [Bar]

    /// The picture.
    var svg: String {
        let values = bars.map(\.value) + bars.compactMap(\.before)
        let scale = Scale(minimum: min(0, values.min() ?? 0), maximum: max(0, values.max() ?? 0))
        var svg =
            "<svg class=\"chart\" width=\"100%\" height=\"\(Int(Self.height + Self.top) + 28)\" role=\"group\" "
            + "aria-label=\"\(Show.escaped(title))\">"
        for tick in scale.ticks {
            let y = place(tick, scale)
            svg += "<line class=\"grid\" x1=\"0\" x2=\"100%\" y1=\"\(y)\" y2=\"\(y)\"/>"
            svg += "<text class=\"tick\" x=\"0\" y=\"\(y - 3)\">\(Scale.label(tick))</text>"
        }
        if style == .lines { svg += lines(scale) }
        for index in bars.indices { svg += bar(index, scale) }
        return svg + "</svg>"
    }

    private func place(_ value: Double, _ scale: Scale) -> Double {
        let share = (value - scale.bottom) / max(scale.top - scale.bottom, .leastNormalMagnitude)
        return ((Self.top + Self.height * (1 - share)) * 10).rounded() / 10
    }

    private func bar(_ index: Int, _ scale: Scale) -> String {
        let bar = bars[index]
        let width = 100 / Double(bars.count)
        let left = width * Double(index)
        let (y, zero) = (place(bar.value, scale), place(0, scale))
        let x = Self.percent(left + width * 0.1)
        let wide = Self.percent(width * 0.8)
        var mark = ""
        if let before = bar.before {
            let y = place(before, scale)
            let right = Self.percent(left + width * 0.9)
            mark = "<line class=\"before\" x1=\"\(x)\" x2=\"\(right)\" y1=\"\(y)\" y2=\"\(y)\"/>"
        }
        let tall = max(abs(zero - y), bar.value == 0 ? 0 : 1)
        let shape =
            style == .bars
            ? "<rect class=\"bar\" x=\"\(x)\" width=\"\(wide)\" y=\"\(min(y, zero))\" height=\"\(tall)\" rx=\"1\"/>"
            : "<circle class=\"point\" cx=\"\(Self.percent(left + width / 2))\" cy=\"\(y)\" r=\"3\"/>"
        // The whole height can be pointed at, however small the bar is.
        let area =
            "<rect class=\"area\" x=\"\(Self.percent(left))\" width=\"\(Self.percent(width))\" y=\"0\" "
            + "height=\"\(Self.height + Self.top)\"/>"
        var svg = "<g class=\"bucket\"><title>\(Show.escaped(bar.title))</title>\(area)\(shape)\(mark)</g>"
        if let link = bar.link, bars.count <= Self.maximumLinks {
            svg = "<a href=\"\(Show.escaped(link))\" aria-label=\"\(Show.escaped(bar.title))\">\(svg)</a>"
        }
        let every = max(1, (bars.count + 7) / 8)
        if index % every == 0, !bar.label.isEmpty {
            let rank = (index / every) % 2 == 0 ? "label" : "label second"
            svg +=
                "<text class=\"\(rank)\" x=\"\(Self.percent(left))\" y=\"\(Self.height + Self.top + 18)\">"
                + "\(Show.escaped(bar.label))</text>"
        }
        return svg
    }

    private func lines(_ scale: Scale) -> String {
        let width = 1_000 / Double(max(1, bars.count))
        func points(_ value: (Bar) -> Double?) -> String {
            bars.enumerated().compactMap { index, bar in
                value(bar).map { "\(((Double(index) + 0.5) * width * 10).rounded() / 10),\(place($0, scale))" }
            }.joined(separator: " ")
        }
        var svg =
            "<svg x=\"0\" y=\"0\" width=\"100%\" height=\"\(Self.height + Self.top)\" "
            + "viewBox=\"0 0 1000 \(Self.height + Self.top)\" preserveAspectRatio=\"none\" aria-hidden=\"true\">"
        svg += "<polyline class=\"line\" points=\"\(points(\.value))\"/>"
        let before = points(\.before)
        if !before.isEmpty { svg += "<polyline class=\"line before\" points=\"\(before)\"/>" }
        return svg + "</svg>"
    }

    private static func percent(_ value: Double) -> String { "\((value * 1_000).rounded() / 1_000)%" }

    /// A small row of bars without letters.
    static func spark(_ values: [Double], title: String) -> String {
        guard let most = values.max(), most > 0 else { return "" }
        let width = 100 / Double(values.count)
        var svg = "<svg class=\"spark\" width=\"120\" height=\"24\" role=\"img\" aria-label=\"\(Show.escaped(title))\">"
        for (index, value) in values.enumerated() where value > 0 {
            let height = max(1, (value / most * 240).rounded() / 10)
            let x = percent(width * Double(index))
            svg += "<rect x=\"\(x)\" width=\"\(percent(width * 0.85))\" y=\"\(24 - height)\" height=\"\(height)\"/>"
        }
        return svg + "</svg>"
    }

    /// A bar that tells a share.
    static func share(_ ratio: Double) -> String {
        let width = percent(min(1, max(0, ratio.isFinite ? ratio : 0)) * 100)
        return "<svg class=\"share\" width=\"100%\" height=\"6\" aria-hidden=\"true\">"
            + "<rect class=\"rail\" width=\"100%\" height=\"6\" rx=\"3\"/>"
            + "<rect class=\"fill\" width=\"\(width)\" height=\"6\" rx=\"3\"/></svg>"
    }
}

/// An axis with round numbers.
struct Scale {
    let bottom: Double
    let top: Double
    let ticks: [Double]

    init(minimum: Double, maximum: Double) {
        guard minimum.isFinite, maximum.isFinite, maximum > minimum else {
            (bottom, top, ticks) = (0, 1, [0])
            return
        }
        let step = Self.round((maximum - minimum) / 4)
        bottom = (minimum / step).rounded(.down) * step
        top = (maximum / step).rounded(.up) * step
        var ticks: [Double] = []
        var tick = bottom
        while tick <= top + step / 2, ticks.count < 12 {
            ticks.append(tick)
            tick += step
        }
        self.ticks = ticks
    }

    /// The next larger of 1, 2 and 5 times a power of ten.
    private static func round(_ step: Double) -> Double {
        var power = 1.0
        while power * 10 <= step { power *= 10 }
        while power > step { power /= 10 }
        return [1, 2, 5, 10].map { $0 * power }.first { $0 >= step } ?? step
    }

    /// A number on the axis, shortened: it is for orientation, figures stand elsewhere.
    static func label(_ value: Double) -> String {
        let size = abs(value)
        for (limit, unit) in [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")] where size >= limit {
            return size < limit * 1e3 ? short(value / limit) + unit : "\(value)"
        }
        return short(value)
    }

    private static func short(_ value: Double) -> String {
        let rounded = (value * 1_000).rounded() / 1_000
        if rounded == 0, value != 0 { return "\(value)" }
        return rounded == rounded.rounded() ? Int(exactly: rounded).map { "\($0)" } ?? "\(rounded)" : "\(rounded)"
    }
}
