import Collection
import MeterLine

/// What the numbers of producers tell, for people and for programs: what never reached CloudWatch Logs.
struct SequenceReport {
    private static let maximumSentences = 10

    let sequences: SequenceGaps
    let invalid: Int

    // MARK: - For programs

    func append(to output: inout [UInt8]) {
        let sources = sequences.sources
        var object = JSONObjectWriter(&output)
        object.member("sources", sources.count, &output)
        object.member("numbers", sources.reduce(0) { $0 + $1.numbers }, &output)
        object.member("missing", sequences.missing, &output)
        object.member("repeated", sources.reduce(0) { $0 + $1.repeated }, &output)
        object.member("restarts", sources.reduce(0) { $0 + $1.restarts }, &output)
        object.member("invalid", invalid, &output)
        object.member("unfollowed", sequences.unfollowed, &output)
        object.name("bySource", &output)
        appendJSONArray(sources.filter(\.isStrange), to: &output) { source, output in
            var object = JSONObjectWriter(&output)
            object.member("source", source.name, &output)
            object.member("numbers", source.numbers, &output)
            object.member("missing", source.missing, &output)
            object.member("repeated", source.repeated, &output)
            object.member("restarts", source.restarts, &output)
            object.end(&output)
        }
        object.name("gaps", &output)
        appendJSONArray(sequences.gaps, to: &output) { gap, output in
            var object = JSONObjectWriter(&output)
            object.member("source", gap.source, &output)
            object.member("from", gap.numbers.lowerBound, &output)
            object.member("to", gap.numbers.upperBound, &output)
            object.member("after", gap.after, &output)
            object.member("before", gap.before, &output)
            object.end(&output)
        }
        object.end(&output)
    }

    // MARK: - For people

    var sentences: [String] {
        var sentences = sequences.gaps.prefix(Self.maximumSentences).map(Self.sentence)
        let sources = sequences.sources
        let named = sequences.gaps.prefix(Self.maximumSentences).reduce(UInt64(0)) { $0 &+ $1.missing }
        if sequences.missing > named {
            let most = sources.prefix(3).map { "\($0.name) (\($0.missing))" }.joined(separator: ", ")
            sentences.append(
                "\(sequences.missing) numbers of producers never reached CloudWatch Logs in all; most are of \(most). "
                    + "--json lists the gaps.")
        }
        sentences += sources.filter { $0.repeated > 0 }.prefix(Self.maximumSentences).map { source in
            "Producer \(source.name) used \(Display.count(source.repeated)) numbers again: a line was written twice, or "
                + "two producers share the name, and then their gaps cannot be seen."
        }
        let restarts = sources.reduce(0) { $0 + $1.restarts }
        if restarts > 0 {
            sentences.append(
                "Counters of producers began again \(Display.count(restarts)) times; what was lost just then cannot be told."
            )
        }
        if invalid > 0 {
            sentences.append("\(Display.count(invalid)) records have a sequence that cannot be read.")
        }
        if sequences.unfollowed > 0 {
            sentences.append(
                "There are more than \(Display.count(SequenceGaps.maximumSources)) producers; of the others "
                    + "\(Display.count(sequences.unfollowed)) numbers were not looked at.")
        }
        return sentences
    }

    private static func sentence(_ gap: SequenceGaps.Gap) -> String {
        let numbers =
            gap.missing == 1
            ? "Number \(gap.numbers.lowerBound)" : "Numbers \(gap.numbers.lowerBound) to \(gap.numbers.upperBound)"
        return "\(numbers) of producer \(gap.source) never reached CloudWatch Logs, between "
            + "\(CommandTime.text(gap.after)) and \(CommandTime.text(gap.before)) UTC: look at the host, its log agent and "
            + "its limits. They are not billed, and nothing here can repair them."
    }
}

extension SequenceGaps.Source {
    /// Whether there is anything to say of it.
    fileprivate var isStrange: Bool { missing > 0 || repeated > 0 || restarts > 0 }
}
