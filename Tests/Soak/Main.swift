import MeterLine
import Sample

#if canImport(Glibc)
    import Glibc
#else
    import Darwin
#endif

/// Throws random mutations of real lines, envelopes and events at the readers, in release, and checks what must always
/// hold.
///
/// `soak RUNS [SEED] CORPUS…`: prints its seed, ends with 1 at the first finding that must not be.
@main
enum Soak {
    static func main() throws {
        let arguments = CommandLine.arguments
        guard arguments.count >= 3, let runs = Int(arguments[1]) else {
            print("usage: metertap-soak RUNS CORPUS [SEED]")
            exit(64)
        }
        let seed = arguments.count > 3 ? UInt64(arguments[3]) ?? 0 : UInt64.random(in: 0...UInt64(UInt32.max))
        print("soak: \(runs) runs, seed \(seed)")
        let corpus = try Corpus(path: arguments[2])
        var mutator = Mutator(corpus: corpus, seed: seed)
        let shapes = Shapes()
        var counts = Counts()
        for run in 0..<runs {
            let input = mutator.next()
            do {
                switch run % 10 {
                case 0: try Checks.envelope(input, &mutator, &counts)
                case 1: try Checks.event(input, &mutator, &counts)
                case 2: try Checks.pieces(input, &mutator, &counts)
                case 3: try Checks.quickly(input, &mutator, &counts)
                case 4, 5, 6: try Checks.quickly(shapes.message(&mutator), &mutator, &counts)
                case 7: try Checks.page([input, shapes.message(&mutator)], &mutator, &counts)
                case 8: try Checks.stored(shapes.message(&mutator), &mutator, &counts)
                default: try Checks.neighbours(input, &counts)
                }
            } catch {
                print("soak: run \(run) of seed \(seed): \(error)\ninput in hexadecimal: \(hexadecimal(input))")
                exit(1)
            }
        }
        print(
            "soak: \(runs) runs passed: \(counts.records) records and \(counts.rejects) rejects out of mutated input, "
                + "\(counts.decoded) mutated envelopes and events still readable, \(counts.quick) messages "
                + "and \(counts.stored) stored lines read quickly"
        )
        // Fewer than one in thirty would say that the quick way is no longer tried.
        try require(counts.quick * 30 >= runs || runs < 1_000, "only \(counts.quick) messages are read quickly")
        try require(counts.stored * 50 >= runs || runs < 1_000, "only \(counts.stored) stored lines are read quickly")
    }
}

/// What the runs met, to show that they do not all end at the first byte.
struct Counts {
    var records = 0
    var rejects = 0
    var decoded = 0
    /// Messages that are read the quick way.
    var quick = 0
    /// Lines of a bucket that are read the quick way.
    var stored = 0
    /// Of what was read to make other input.
    var ignored = Accounting()

    mutating func add(_ accounting: Accounting) {
        records += accounting.records
        rejects += accounting.rejected
    }
}

/// Something that must always hold did not.
struct Broken: Error, CustomStringConvertible {
    var description: String

    init(_ description: String) {
        self.description = description
    }
}

func require(_ condition: Bool, _ what: @autoclosure () -> String) throws(Broken) {
    if !condition { throw Broken(what()) }
}
