import Aggregation
import BigInt
import Meter
import Testing

/// A fraction of big integers: what the exact numbers are checked against.
private struct Fraction {
    var numerator: BigInt
    var denominator: BigInt

    /// The text with 34 significant digits, rounded half to even, found digit by digit.
    var rounded: String {
        guard numerator != 0 else { return "0" }
        let isNegative = (numerator < 0) != (denominator < 0)
        var (above, below) = (BigInt(numerator.magnitude), BigInt(denominator.magnitude))
        var exponent = 0
        while above >= below * BigInt(10).power(34) {
            below *= 10
            exponent += 1
        }
        while above < below * BigInt(10).power(33) {
            above *= 10
            exponent -= 1
        }
        var (digits, rest) = above.quotientAndRemainder(dividingBy: below)
        if rest * 2 > below || (rest * 2 == below && digits % 2 == 1) { digits += 1 }
        return plain(digits, exponent: exponent, isNegative: isNegative)
    }
}

/// `digits` × 10^`exponent` in plain notation.
private func plain(_ digits: BigInt, exponent: Int, isNegative: Bool) -> String {
    var text = String(digits)
    if exponent >= 0 {
        text += String(repeating: "0", count: exponent)
    } else {
        text = String(repeating: "0", count: max(0, 1 - exponent - text.count)) + text
        let point = text.index(text.endIndex, offsetBy: exponent)
        text.insert(".", at: point)
        while text.hasSuffix("0") { text.removeLast() }
        if text.hasSuffix(".") { text.removeLast() }
    }
    return (isNegative && text != "0" ? "-" : "") + text
}

/// A random number of units of 10^-30, of any size that is allowed, in both forms.
private func randomNumber(
    _ generator: inout some RandomNumberGenerator, digits: Int = 66
) throws -> (exact: ExactDecimal, units: BigInt) {
    let length = Int.random(in: 1...digits, using: &generator)
    var units = BigInt((0..<length).map { _ in "\(Int.random(in: 0...9, using: &generator))" }.joined()) ?? 0
    if Bool.random(using: &generator) { units = -units }
    let text = plain(BigInt(units.magnitude), exponent: -30, isNegative: units < 0)
    return (ExactDecimal(try #require(Quantity(text))), units)
}

@Suite struct ArithmeticTests {
    private static let runs = 3_000

    @Test func textsAreExact() throws {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<Self.runs {
            let (exact, units) = try randomNumber(&generator)
            #expect(exact.text == plain(BigInt(units.magnitude), exponent: -30, isNegative: units < 0))
        }
    }

    @Test func sumsAreExact() throws {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<Self.runs {
            let (left, right) = (try randomNumber(&generator), try randomNumber(&generator))
            let sum = left.units + right.units
            #expect(
                try left.exact.adding(right.exact).text
                    == plain(BigInt(sum.magnitude), exponent: -30, isNegative: sum < 0))
            #expect((left.exact < right.exact) == (left.units < right.units))
        }
    }

    @Test func averagesAreRoundedOnce() throws {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<Self.runs {
            let (exact, units) = try randomNumber(&generator)
            let count = Int.random(in: 1...(1 << Int.random(in: 1...60, using: &generator)), using: &generator)
            let fraction = Fraction(numerator: units, denominator: BigInt(count) * BigInt(10).power(30))
            #expect(try #require(Average(sum: exact, count: count)).text == fraction.rounded, "\(exact) over \(count)")
        }
    }

    @Test func percentagesAreRoundedOnce() throws {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<Self.runs {
            let (old, new) = (try randomNumber(&generator), try randomNumber(&generator))
            guard old.units != 0 else { continue }
            let fraction = Fraction(numerator: (new.units - old.units) * 100, denominator: old.units)
            #expect(
                Average.percentage(from: Average(old.exact), to: Average(new.exact)) == fraction.rounded,
                "from \(old.exact) to \(new.exact)")
        }
    }

    @Test func averagesAreComparedAsFractions() throws {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<Self.runs {
            let (left, right) = (try randomNumber(&generator), try randomNumber(&generator))
            let counts = (Int.random(in: 1...1_000, using: &generator), Int.random(in: 1...1_000, using: &generator))
            let averages = (
                try #require(Average(sum: left.exact, count: counts.0)),
                try #require(Average(sum: right.exact, count: counts.1))
            )
            let (first, second) = (left.units * BigInt(counts.1), right.units * BigInt(counts.0))
            #expect((averages.0 < averages.1) == (first < second))
            #expect((averages.0 == averages.1) == (first == second))
        }
    }

    @Test(arguments: [("0", "0", "0"), ("0", "-3", "100"), ("3", "0", "-100"), ("4", "5", "25"), ("-4", "-5", "25")])
    func percentageOfPlainNumbers(old: String, new: String, percentage: String) throws {
        let (old, new) = (ExactDecimal(try #require(Quantity(old))), ExactDecimal(try #require(Quantity(new))))
        #expect(Average.percentage(from: Average(old), to: Average(new)) == percentage)
    }

    @Test func tenTimesATenthIsOne() throws {
        let tenth = ExactDecimal(try #require(Quantity("0.1")))
        let sum = try (0..<10).reduce(ExactDecimal.zero) { sum, _ in try sum.adding(tenth) }
        #expect(sum == ExactDecimal(1))
        #expect(sum.text == "1")
    }

    @Test func overflowIsAnError() throws {
        let greatest = ExactDecimal(try #require(Quantity(String(repeating: "9", count: 36))))
        var sum = greatest
        // Doubling reaches 10^46 after 34 times.
        for _ in 0..<33 { sum = try sum.adding(sum) }
        #expect(throws: ArithmeticOverflow.self) { try sum.adding(sum) }
    }
}
