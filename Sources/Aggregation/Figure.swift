/// A function's result for a bucket or for a group: an exact number, or an average.
struct Figure: Sendable {
    /// The result of a gap.
    static let zero = Figure(.zero)

    private let average: Average
    private let isAverage: Bool

    init(_ value: ExactDecimal) {
        average = Average(value)
        isAverage = false
    }

    init(average: Average) {
        self.average = average
        isAverage = true
    }

    var isZero: Bool { average.sum == .zero }

    /// The number as the API shows it.
    var text: String {
        if isZero { return "0" }
        return isAverage ? average.text : average.sum.text
    }

    func percentage(from previous: Figure) -> String {
        Average.percentage(from: previous.average, to: average)
    }
}

extension Figure: Comparable {
    static func == (left: Figure, right: Figure) -> Bool {
        left.average == right.average
    }

    static func < (left: Figure, right: Figure) -> Bool {
        left.average < right.average
    }
}
