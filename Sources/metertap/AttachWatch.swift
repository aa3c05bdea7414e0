import AWS
import Attachment
import UnixSignals

/// Attaches log groups as they appear, until a signal comes: whatever AWS refuses is told once, and tried again.
struct AttachWatch {
    private let rounds: Rounds

    /// - Parameter known: the log groups that are done.
    init(work: AttachWork, _ attacher: Attacher, known: [CloudWatchLogsClient.LogGroup]) {
        rounds = Rounds(work: work, attacher: attacher, known: Set(known.map(Rounds.identity)))
    }

    func run(every seconds: Int) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await rounds.run(every: seconds) }
            group.addTask {
                for await _ in await UnixSignalsSequence(trapping: .sigint, .sigterm) { return }
            }
            // A signal is how it ends well.
            try await group.next()
            group.cancelAll()
        }
    }

    private actor Rounds {
        /// After so many rounds at the most a log group that was refused is tried again.
        private static let longestPause = 32

        /// A log group that has no filter yet: AWS refused it, or it has no room.
        private struct Refused {
            var message: String
            var pause = 1
            var rounds = 1
        }

        private let work: AttachWork
        private var attacher: Attacher
        private var known: Set<String>
        private var refused: [String: Refused] = [:]
        /// Why the list of log groups cannot be had at present.
        private var problem: String?

        init(work: AttachWork, attacher: Attacher, known: Set<String>) {
            self.work = work
            self.attacher = attacher
            self.known = known
        }

        /// A log group that was deleted and made again is a new one.
        static func identity(_ group: CloudWatchLogsClient.LogGroup) -> String {
            "\(group.name) \(group.creationTime ?? 0)"
        }

        func run(every seconds: Int) async throws {
            Terminal.error("metertap: looking for new log groups every \(seconds) s")
            while true {
                try await Task.sleep(for: .seconds(seconds))
                do {
                    try await round()
                    if problem != nil { Terminal.error("metertap: log groups can be listed again.") }
                    problem = nil
                } catch {
                    try Task.checkCancellation()
                    let message = Failure((error as? AWSError)?.withoutRequestID ?? error).message
                    if message != problem {
                        Terminal.error("metertap: \(message) New log groups are not attached; each round tries again.")
                    }
                    problem = message
                }
            }
        }

        private func round() async throws {
            let groups = try await work.selectedGroups(allowsMissing: true)
            let there = Set(groups.map(Self.identity))
            refused = refused.filter { there.contains($0.key) }
            for group in groups where isDue(group) { try await attach(group) }
        }

        private func isDue(_ group: CloudWatchLogsClient.LogGroup) -> Bool {
            let identity = Self.identity(group)
            guard !known.contains(identity) else { return false }
            refused[identity]?.rounds -= 1
            return (refused[identity]?.rounds ?? 0) <= 0
        }

        private func attach(_ group: CloudWatchLogsClient.LogGroup) async throws {
            let identity = Self.identity(group)
            var attacher = attacher
            defer { self.attacher = attacher }
            for step in try await attacher.plan([group]).steps {
                let done = step.action.isWork ? try await attacher.carryOut(step) : step
                var shown = done
                if let refusal = done.refusal { shown.action = .leave(.refused(refusal.withoutRequestID)) }
                let line = AttachReport.line(shown)
                guard done.action.isLoss else {
                    Terminal.output(line)
                    refused[identity] = nil
                    known.insert(identity)
                    continue
                }
                if refused[identity]?.message != line { Terminal.output(line) }
                let pause = min((refused[identity]?.pause ?? 0) * 2 + 1, Self.longestPause)
                refused[identity] = Refused(message: line, pause: pause, rounds: pause)
            }
        }
    }
}
