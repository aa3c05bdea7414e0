/// What a function needs to know of a bucket: less than an aggregate, as a query has many of them.
struct Tally: Sendable {
    /// Sum, minimum, maximum or latest value.
    private var value: ExactDecimal
    /// Count, number of distinct users, or time of the latest value.
    private var number: Int

    /// No users yet.
    static let noUsers = Tally(value: .zero, number: 0)

    private init(value: ExactDecimal, number: Int) {
        self.value = value
        self.number = number
    }

    /// Nil when the aggregate has nothing that the function could tell.
    init?(of aggregate: Aggregate, for function: Function) {
        switch function {
        case .sum:
            guard !aggregate.isEmpty else { return nil }
            self.init(value: aggregate.sum, number: aggregate.count)
        case .count, .average:
            guard aggregate.count > 0 else { return nil }
            self.init(value: aggregate.sum, number: aggregate.count)
        case .unique:
            guard aggregate.count > 0 else { return nil }
            self = .noUsers
        case .min:
            guard let minimum = aggregate.minimum else { return nil }
            self.init(value: minimum, number: 0)
        case .max:
            guard let maximum = aggregate.maximum else { return nil }
            self.init(value: maximum, number: 0)
        case .latest:
            guard let latest = aggregate.latest else { return nil }
            self.init(value: latest.value, number: Int(latest.time))
        }
    }

    /// Adds what another one knows; of distinct users the caller keeps count.
    mutating func merge(_ other: Tally, for function: Function) throws(ArithmeticOverflow) {
        switch function {
        case .sum, .count, .average:
            value = try value.adding(other.value)
            number = try number.adding(other.number)
        case .min: value = Swift.min(value, other.value)
        case .max: value = Swift.max(value, other.value)
        case .latest:
            if (number, value) < (other.number, other.value) { self = other }
        case .unique: break
        }
    }

    /// Counts one more distinct user.
    mutating func addUser() {
        number += 1
    }

    /// The function's result.
    func figure(for function: Function) -> Figure {
        switch function {
        case .sum, .min, .max, .latest: Figure(value)
        case .count, .unique: Figure(ExactDecimal(number))
        case .average: Average(sum: value, count: number).map(Figure.init(average:)) ?? .zero
        }
    }
}
