import Store

/// The way of records from their sources to usage, with the figures of the accounting on its arrows.
struct PipelinePicture {
    /// Something that records come from or go to.
    private struct Box {
        var title: String
        var count: Int
        var style: String
    }

    private static let maximumSources = 4

    let pipeline: Pipeline

    private var sources: [Box] {
        let sorted = pipeline.sources.sorted { $0.received > $1.received }
        var boxes = sorted.prefix(Self.maximumSources).map { source in
            Box(title: Show.text(Self.short(SourceName.text(source.intake))), count: source.received, style: "source")
        }
        let rest = sorted.dropFirst(Self.maximumSources)
        if !rest.isEmpty {
            boxes.append(
                Box(title: "\(rest.count) more", count: rest.reduce(0) { $0 + $1.received }, style: "source"))
        }
        return boxes.isEmpty ? [Box(title: "nothing yet", count: 0, style: "source")] : boxes
    }

    private static func short(_ text: String) -> String {
        text.count <= 24 ? text : "\(text.prefix(8))…\(text.suffix(15))"
    }

    private var classes: [Box] {
        [
            Box(title: "counted", count: pipeline.counted, style: "good"),
            Box(title: "duplicate", count: pipeline.duplicate, style: "plain"),
            Box(title: "cancelled", count: pipeline.cancelled, style: "plain"),
            Box(title: "undefined", count: pipeline.undefined, style: pipeline.undefined > 0 ? "warn" : "plain"),
            Box(title: "rejected", count: pipeline.rejected, style: pipeline.rejected > 0 ? "bad" : "plain"),
        ]
    }

    /// The sentence that the picture says.
    private var sentence: String {
        "Received \(Show.count(pipeline.received)): "
            + classes.map { "\($0.title) \(Show.count($0.count))" }.joined(separator: ", ")
    }

    /// For wide screens, from left to right.
    var wide: String {
        let (sources, classes) = (sources, classes)
        let height = 48.0 * Double(max(sources.count, classes.count)) + 8
        func middle(_ index: Int, of count: Int) -> Double { height / Double(count) * (Double(index) + 0.5) }
        var svg = Self.open("pipeline wide", width: 1_000, height: height, sentence)
        for (index, source) in sources.enumerated() {
            let y = middle(index, of: sources.count)
            let figure = (300.0, (y * 1.3 + height / 2 * 0.7) / 2)
            svg += Self.arrow(from: (210, y), to: (390, height / 2), source, at: figure)
            svg += Self.box(source, x: 0, y: y - 18, width: 210)
        }
        for (index, box) in classes.enumerated() {
            let y = middle(index, of: classes.count)
            let figure = (622.0, (y * 1.3 + height / 2 * 0.7) / 2)
            svg += Self.arrow(from: (530, height / 2), to: (700, y), box, at: figure)
            svg += Self.box(box, x: 700, y: y - 18, width: 120)
        }
        let y = middle(0, of: classes.count)
        svg += Self.arrow(from: (820, y), to: (890, y), classes[0], at: nil)
        svg += Self.box(Box(title: "usage", count: 0, style: "good"), x: 890, y: y - 18, width: 110)
        svg += Self.received(pipeline.received, x: 390, y: height / 2 - 26, width: 140)
        return svg + "</svg>"
    }

    /// For narrow screens, from top to bottom.
    var narrow: String {
        let (sources, classes) = (sources, classes)
        let middle = Double(sources.count) * 44 + 40
        let height = middle + 70 + Double(classes.count) * 44
        var svg = Self.open("pipeline narrow", width: 340, height: height, sentence)
        for (index, source) in sources.enumerated() {
            let y = Double(index) * 44
            svg += Self.arrow(from: (220, y + 18), to: (170, middle), source, at: (270, y + 20))
            svg += Self.box(source, x: 0, y: y, width: 220)
        }
        for (index, box) in classes.enumerated() {
            let y = middle + 70 + Double(index) * 44
            svg += Self.arrow(from: (40, middle + 52), to: (80, y + 18), box, at: (250, y + 20))
            svg += Self.box(box, x: 80, y: y, width: 120)
        }
        svg += Self.received(pipeline.received, x: 20, y: middle, width: 300)
        return svg + "</svg>"
    }

    private static func open(_ style: String, width: Double, height: Double, _ sentence: String) -> String {
        "<svg class=\"\(style)\" viewBox=\"-2 -2 \(width + 4) \(height + 4)\" role=\"img\" "
            + "aria-label=\"\(Show.escaped(sentence))\">"
    }

    private static func box(_ box: Box, x: Double, y: Double, width: Double) -> String {
        "<g class=\"box \(box.style)\"><rect x=\"\(x)\" y=\"\(y)\" width=\"\(width)\" height=\"36\" rx=\"6\"/>"
            // A picture of its own cuts off what is too long.
            + "<svg x=\"\(x)\" y=\"\(y)\" width=\"\(width - 8)\" height=\"36\">"
            + "<text x=\"12\" y=\"23\">\(Show.escaped(box.title))</text></svg></g>"
    }

    private static func received(_ count: Int, x: Double, y: Double, width: Double) -> String {
        "<g class=\"box hub\"><rect x=\"\(x)\" y=\"\(y)\" width=\"\(width)\" height=\"52\" rx=\"6\"/>"
            + "<text x=\"\(x + width / 2)\" y=\"\(y + 21)\" text-anchor=\"middle\">received</text>"
            + "<text class=\"figure\" x=\"\(x + width / 2)\" y=\"\(y + 40)\" text-anchor=\"middle\">"
            + "\(Show.count(count))</text></g>"
    }

    /// An arrow with its figure; one that nothing came along is pale.
    private static func arrow(
        from: (x: Double, y: Double), to: (x: Double, y: Double), _ box: Box, at figure: (x: Double, y: Double)?
    ) -> String {
        let bend = (from.x + to.x) / 2
        let style = box.count == 0 ? "flow none" : "flow \(box.style)"
        var svg =
            "<path class=\"\(style)\" d=\"M\(from.x) \(from.y) C\(bend) \(from.y) \(bend) \(to.y) \(to.x) \(to.y)\"/>"
        if let figure {
            svg +=
                "<text class=\"figure\" x=\"\(figure.x)\" y=\"\(figure.y + 4)\" text-anchor=\"middle\">"
                + "\(Show.count(box.count))</text>"
        }
        return svg
    }
}

/// The ways in as people know them.
enum SourceName {
    static func text(_ intake: IntakeName) -> String {
        switch intake.kind {
        case .api: "API, key \(intake.name)"
        case .bucket: intake.name
        case .retry: "Edited rejects"
        }
    }
}
