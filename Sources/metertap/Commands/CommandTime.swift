import ArgumentParser
import HTTP
import Meter
import MeterLine

/// A point in time as the command line takes it.
enum CommandTime {
    /// Reads RFC 3339, a date, or how long ago: `0m`, `15m`, `2h`, `7d`.
    ///
    /// - Returns: milliseconds since 1970; what is longer ago is 1970.
    static func parse(_ text: String, _ option: String) throws -> Int64 {
        if let last = text.last, let count = Int64(text.dropLast()), (0...1_000_000).contains(count),
            let unit = ["s": Int64(1_000), "m": 60_000, "h": 3_600_000, "d": 86_400_000][String(last)]
        {
            return max(0, UnixTime.now().milliseconds - count * unit)
        }
        let full = text.utf8.count == 10 ? text + "T00:00:00Z" : text
        guard let time = RecordLimits.timeInMillis(Timestamp.rfc3339(Array(full.utf8).span)) else {
            throw Failure(
                message: "\(option) is no time; write 2026-10-31, 2026-10-31T12:00:00Z, or 2h for two hours ago",
                code: ExitCode(64))
        }
        return time
    }

    /// The times of a month such as `2026-10`.
    static func month(_ text: String) throws -> Range<Int64> {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false).map { Int($0) }
        guard text.utf8.count == 7, parts.count == 2, let year = parts[0], let month = parts[1],
            (1...12).contains(month),
            let start = RecordLimits.timeInMillis(Timestamp.rfc3339(Array("\(text)-01T00:00:00Z".utf8).span))
        else { throw Failure(message: "--period is no month such as 2026-10", code: ExitCode(64)) }
        let next = month == 12 ? "\(year + 1)-01" : "\(year)-\(month < 9 ? "0" : "")\(month + 1)"
        let end = Timestamp.rfc3339(Array("\(next)-01T00:00:00Z".utf8).span) ?? start
        return start..<end
    }

    /// A time as people read it, to the minute, in UTC.
    static func text(_ milliseconds: Int64) -> String {
        let day = Timestamp.date(milliseconds)
        let minutes = (milliseconds / 60_000) % 1_440
        let (hour, minute) = (minutes / 60, minutes % 60)
        return minutes == 0 ? day : "\(day) \(hour < 10 ? "0" : "")\(hour):\(minute < 10 ? "0" : "")\(minute)"
    }
}
