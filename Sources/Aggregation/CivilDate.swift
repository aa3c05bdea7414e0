/// Months and days of the proleptic Gregorian calendar as days since 1970-01-01.
///
/// The arithmetic is Howard Hinnant's, "chrono-Compatible Low-Level Date Algorithms".
enum CivilDate {
    /// The first day of the month that has a day.
    static func firstOfMonth(day: Int64) -> Int64 {
        let (year, month) = yearAndMonth(of: day)
        return firstDay(year: year, month: month)
    }

    /// The first day of the month after the one that has a day.
    static func firstOfNextMonth(day: Int64) -> Int64 {
        let (year, month) = yearAndMonth(of: day)
        return month == 12 ? firstDay(year: year + 1, month: 1) : firstDay(year: year, month: month + 1)
    }

    private static func yearAndMonth(of day: Int64) -> (year: Int64, month: Int64) {
        // A year begins in March here, so that a leap day is its last day; 719,468 days lie between 0000-03-01 and 1970.
        let shifted = day + 719_468
        let era = shifted.dividedDown(by: 146_097)
        let dayOfEra = shifted - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1_460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let monthFromMarch = (5 * dayOfYear + 2) / 153
        let month = monthFromMarch < 10 ? monthFromMarch + 3 : monthFromMarch - 9
        return (yearOfEra + era * 400 + (month <= 2 ? 1 : 0), month)
    }

    private static func firstDay(year: Int64, month: Int64) -> Int64 {
        let shiftedYear = month <= 2 ? year - 1 : year
        let era = shiftedYear.dividedDown(by: 400)
        let yearOfEra = shiftedYear - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }
}

extension Int64 {
    /// The quotient rounded towards negative infinity, for a positive divisor.
    func dividedDown(by divisor: Int64) -> Int64 {
        let (quotient, remainder) = quotientAndRemainder(dividingBy: divisor)
        return remainder < 0 ? quotient - 1 : quotient
    }
}
