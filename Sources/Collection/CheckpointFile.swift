import FoundationEssentials
import SystemPackage

/// Which parts of a range are settled, kept in a file so that a run which was broken off can go on.
public struct CheckpointFile: Sendable {
    /// Why the file cannot be used, for people.
    public struct Problem: Error, Sendable, CustomStringConvertible {
        /// What is wrong and what to do.
        public var description: String
        /// Whether the file belongs to other work, rather than being unreadable.
        public var isOther: Bool
    }

    private struct Content: Codable {
        var work: [String]
        var settled: [[Int64]]
    }

    /// The file's path.
    public let path: String
    /// Whether there was a file, so that this run goes on with an earlier one.
    public let isResumed: Bool
    private let work: [String]
    private(set) var settled = SettledRanges()

    /// Reads the file, if there is one.
    ///
    /// - Parameter work: what the file must be about, for example the log group and the sink.
    /// - Throws: `Problem` when it is about something else, or cannot be read.
    public init(path: String, work: [String]) throws(Problem) {
        self.path = path
        self.work = work
        isResumed = FileManager.default.fileExists(atPath: path)
        guard isResumed else { return }
        guard let data = FileManager.default.contents(atPath: path),
            let content = try? JSONDecoder().decode(Content.self, from: data),
            content.settled.allSatisfy({ $0.count == 2 && $0[0] <= $0[1] })
        else {
            throw Problem(
                description: "\(path) is no checkpoint that can be read; delete it to begin anew", isOther: false)
        }
        guard content.work.map({ Array($0.utf8) }) == work.map({ Array($0.utf8) }) else {
            throw Problem(
                description: "\(path) is the checkpoint of other work (\(content.work.joined(separator: ", "))); name "
                    + "another file", isOther: true)
        }
        for range in content.settled { settled.insert(range[0]..<range[1]) }
    }

    /// Notes that a part is settled; that is on the disk when this returns.
    ///
    /// - Throws: `Problem`.
    mutating func settle(_ range: Range<Int64>) throws(Problem) {
        settled.insert(range)
        let content = Content(work: work, settled: settled.ranges.map { [$0.lowerBound, $0.upperBound] })
        do {
            try DurableFile.write(Array(try JSONEncoder().encode(content)), to: FilePath(path))
        } catch {
            throw Problem(description: "the checkpoint \(path) cannot be written: \(error)", isOther: false)
        }
    }

    /// Takes the file away, when everything is done: to run again means to read everything again.
    public func remove() {
        try? FileManager.default.removeItem(atPath: path)
    }
}
