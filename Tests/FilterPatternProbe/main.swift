import FilterPattern

// Reads pairs of lines from the standard input, a pattern and a message, and writes for each pair what we make of it:
// 1 for a match, 0 for none, e where the pattern is none. `\n` stands for a line break, `\\` for a backslash.
// integration/test_filter_patterns.py compares these with a second implementation.

func unescaped(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    var isEscaped = false
    for character in text.unicodeScalars {
        if isEscaped {
            result.append(character == "n" ? "\n" : character)
            isEscaped = false
        } else if character == "\\" {
            isEscaped = true
        } else {
            result.append(character)
        }
    }
    return String(result)
}

while let pattern = readLine(), let message = readLine() {
    do throws(FilterPatternError) {
        let pattern = try FilterPattern(unescaped(pattern))
        print(pattern.matches(unescaped(message)) ? "1" : "0")
    } catch {
        print("e")
    }
}
