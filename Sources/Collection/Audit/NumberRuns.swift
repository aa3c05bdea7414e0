/// Which numbers of one life of a producer's counter were seen, as runs of numbers without a hole.
struct NumberRuns {
    /// Numbers one behind the other, and the log event times at which they stand.
    struct Run: Equatable {
        var numbers: ClosedRange<Int64>
        /// The log event time of the lowest number, in milliseconds since 1970.
        var from: Int64
        /// The log event time of the highest number.
        var to: Int64
    }

    /// In order; between two of them at least one number is missing.
    private(set) var runs: [Run]
    /// How many numbers were seen, each once.
    private(set) var count = 1

    /// Begins with one number.
    init(_ number: Int64, at time: Int64) {
        runs = [Run(numbers: number...number, from: time, to: time)]
    }

    /// The lowest number.
    var lowest: Int64 { runs[0].numbers.lowerBound }
    /// The highest number.
    var highest: Int64 { runs[runs.count - 1].numbers.upperBound }
    /// The log event time of the highest number.
    var time: Int64 { runs[runs.count - 1].to }

    /// Whether a number was seen.
    func contains(_ number: Int64) -> Bool {
        let index = index(behind: number)
        return index > 0 && runs[index - 1].numbers.contains(number)
    }

    /// Adds a number that was not seen.
    mutating func insert(_ number: Int64, at time: Int64) {
        let index = index(behind: number)
        let joinsLeft = index > 0 && runs[index - 1].numbers.upperBound == number - 1
        let joinsRight = index < runs.count && runs[index].numbers.lowerBound - 1 == number
        count += 1
        switch (joinsLeft, joinsRight) {
        case (true, true):
            let right = runs.remove(at: index)
            runs[index - 1].numbers = runs[index - 1].numbers.lowerBound...right.numbers.upperBound
            runs[index - 1].to = right.to
        case (true, false):
            runs[index - 1].numbers = runs[index - 1].numbers.lowerBound...number
            runs[index - 1].to = time
        case (false, true):
            runs[index].numbers = number...runs[index].numbers.upperBound
            runs[index].from = time
        case (false, false):
            runs.insert(Run(numbers: number...number, from: time, to: time), at: index)
        }
    }

    /// Takes the first hole away, as though its numbers had been seen.
    ///
    /// - Returns: the runs on both sides of it; nil when there is none.
    mutating func closeFirstHole() -> (before: Run, behind: Run)? {
        guard runs.count > 1 else { return nil }
        let (before, behind) = (runs[0], runs.remove(at: 1))
        runs[0].numbers = before.numbers.lowerBound...behind.numbers.upperBound
        runs[0].to = behind.to
        return (before, behind)
    }

    /// The place of the first run that begins behind a number.
    private func index(behind number: Int64) -> Int {
        // Nearly always it is the next number of the last run.
        if number > runs[runs.count - 1].numbers.lowerBound { return runs.count }
        var (low, high) = (0, runs.count)
        while low < high {
            let middle = (low + high) / 2
            if runs[middle].numbers.lowerBound <= number { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
