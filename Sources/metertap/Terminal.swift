import SystemPackage

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Text for people on stderr; results go to stdout.
enum Terminal {
    /// Whether a person sees stderr.
    static var isInteractive: Bool { isatty(STDERR_FILENO) == 1 }

    /// Whether a person sees stdout.
    static var isOutputInteractive: Bool { isatty(STDOUT_FILENO) == 1 }

    /// Writes a line of results at once, also to a pipe.
    static func output(_ line: String) {
        _ = try? FileDescriptor.standardOutput.writeAll("\(line)\n".utf8)
    }

    /// Prints a line.
    static func error(_ line: String) {
        _ = try? FileDescriptor.standardError.writeAll("\(line)\n".utf8)
    }
}

/// One line on a terminal that is written anew while work goes on; nothing where no terminal is.
struct ProgressLine {
    private let isShown = Terminal.isInteractive
    private var last: ContinuousClock.Instant?
    private let start = ContinuousClock.now

    /// Shows a text at most five times a second.
    mutating func show(_ text: @autoclosure () -> String) {
        guard isShown else { return }
        let now = ContinuousClock.now
        if let last, now - last < .milliseconds(200) { return }
        last = now
        write("\r\u{1b}[K\(text())")
    }

    /// Takes the line away.
    mutating func clear() {
        guard isShown, last != nil else { return }
        write("\r\u{1b}[K")
        last = nil
    }

    /// Seconds since the work began.
    var seconds: Double {
        let elapsed = ContinuousClock.now - start
        return Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
    }

    private func write(_ text: String) {
        _ = try? FileDescriptor.standardError.writeAll(text.utf8)
    }
}

/// Numbers as people read them.
enum Display {
    /// Bytes with a unit, for example `3.2 MB`.
    static func bytes(_ count: Int) -> String {
        var value = Double(count)
        for unit in ["B", "kB", "MB", "GB"] {
            if value < 1_000 { return unit == "B" ? "\(count) B" : "\(oneDecimal(value)) \(unit)" }
            value /= 1_000
        }
        return "\(oneDecimal(value)) TB"
    }

    /// A count with its thousands apart, for example `1,204`.
    static func count(_ number: Int) -> String {
        let digits = String(number)
        var text = ""
        for (index, digit) in digits.enumerated() {
            if index > 0, (digits.count - index) % 3 == 0, digit != "-" { text += "," }
            text.append(digit)
        }
        return text
    }

    /// How long work goes on that has taken so many seconds, for example `  about 40 s left`; empty when nobody can tell.
    static func timeLeft(done: Int64, of total: Int64, _ seconds: Double) -> String {
        guard done > 0, done < total else { return "" }
        let left = Int(seconds * Double(total - done) / Double(done))
        return left < 120 ? "  about \(left) s left" : "  about \(left / 60) min left"
    }

    private static func oneDecimal(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}
