import ArgumentParser
import Delivery
import Redrive

struct RedriveCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "redrive",
        abstract: "Deliver again what waits in a bucket: Lambda's failure records, rejects and failed requests.",
        discussion: """
            Reads what Lambda gave up, what was rejected, and what a reader of the bucket could not take; shows it first, \
            then asks; --yes does it without asking. Everything keeps its identity, so that nothing counts twice, however \
            often it is done. What is durable in the sink is moved below redriven/, and waits no longer. Where records go \
            is told as for the agent, by METERTAP_SINK and the settings beside it, or else by METERTAP_URL. Exit code 65 \
            says that something waits that cannot be delivered.

            Example:
              metertap redrive s3://metertap-failures --sink s3://meters/team
              metertap redrive s3://meters/team --sink s3://meters/team --yes
            """)

    @Argument(help: "What holds what waits: s3://bucket/prefix, or file:///directory.")
    var url: String

    @Option(help: "Where records go: s3://bucket/prefix, file:///directory or https://host/ingest (METERTAP_SINK).")
    var sink: String?

    @Option(help: "Where rejects go, when the sink is no bucket of one's own (METERTAP_REJECTS).")
    var rejects: String?

    @Option(help: "The tags that mark a record, separated by commas (METERTAP_TAGS).")
    var tags: String?

    @Flag(help: "Do it without asking.")
    var yes = false

    @Flag(help: "Leave what was delivered where it is.")
    var keep = false

    @Flag(help: "Delete what was delivered, in place of moving it below redriven/.")
    var delete = false

    @Flag(help: "Print one JSON object; without --yes the plan alone.")
    var json = false

    @OptionGroup var config: ConfigOptions

    func validate() throws {
        if keep, delete { throw ValidationError("--keep and --delete exclude each other") }
    }

    func run() async throws {
        do {
            if try await !RedriveWork(self).run() { throw ExitCode.badData }
        } catch let code as ExitCode {
            throw code
        } catch {
            throw Failure(error).exitCode()
        }
    }

    var ending: Redriver.Ending { keep ? .kept : delete ? .deleted : .moved }
}

/// One run of the command: look, show, ask, do.
private struct RedriveWork {
    private let command: RedriveCommand
    private let target: BackfillTarget
    private let location: Location

    init(_ command: RedriveCommand) throws {
        self.command = command
        location = try Location(command.url, setting: "URL")
        target = try BackfillTarget(
            [.sink: command.sink, .rejects: command.rejects, .tags: command.tags], command.config)
        guard target.sink != .standardOutput else {
            throw Failure(
                message: "--sink - keeps nothing; metertap extract reads Lambda's failure records to stdout",
                code: ExitCode(64))
        }
    }

    /// Whether nothing is left that cannot be delivered.
    func run() async throws -> Bool {
        let redriver = Redriver(
            bucket: try location.bucket(target.session, setting: "URL"), context: location.context,
            parts: try await DeliveryParts(target.settings, target.session, target.transport))
        let plan = try await plan(redriver)
        let report = RedriveReport(plan: plan)
        if !command.json { report.show() }
        let work = plan.items.filter { $0.state == .ready }
        guard !work.isEmpty, command.yes || !command.json else {
            if command.json { report.print(RedriveFigures(), finished: nil) }
            return plan.isDeliverable
        }
        guard command.yes || Question.ask("Deliver these again?") else {
            throw Failure(message: "nothing was done; --yes does it without asking", code: ExitCode(64))
        }
        let (figures, finished) = try await carryOut(work, redriver, report)
        if command.json {
            report.print(figures, finished: finished)
        } else {
            RedriveReport.show(figures, finished: finished, of: work.count, command.ending)
        }
        return plan.isDeliverable && figures.left == 0
    }

    private func plan(_ redriver: Redriver) async throws -> RedrivePlan {
        var progress = ProgressLine()
        defer { progress.clear() }
        return try await redriver.plan { count in progress.show("\(Display.count(count)) objects looked at") }
    }

    private func carryOut(
        _ work: [RedriveItem], _ redriver: Redriver, _ report: RedriveReport
    ) async throws -> (RedriveFigures, finished: Int) {
        var (figures, finished) = (RedriveFigures(), 0)
        var progress = ProgressLine()
        for (index, item) in work.enumerated() {
            do {
                let done = try await redriver.carryOut(item, ending: command.ending)
                figures.add(done.figures)
                if done.isFinished { finished += 1 }
            } catch {
                progress.clear()
                if command.json { report.print(figures, finished: finished) }
                let failure = Failure(error)
                throw Failure(
                    message:
                        "\(failure.message) \(index) of \(work.count) objects were done; what is not durable waits "
                        + "still: run the same command again to go on.", code: failure.code)
            }
            let left = Display.timeLeft(done: Int64(index + 1), of: Int64(work.count), progress.seconds)
            progress.show("\(Display.count(index + 1)) of \(Display.count(work.count)) objects\(left)")
        }
        progress.clear()
        return (figures, finished)
    }
}

extension Location {
    /// What stands before the keys that are read there.
    fileprivate var context: String {
        switch self {
        case .bucket(_, let prefix): prefix
        case .directory(let path): path
        case .ingest, .standardOutput: ""
        }
    }
}

extension RedrivePlan {
    /// Whether nothing waits that cannot be delivered.
    fileprivate var isDeliverable: Bool {
        items.allSatisfy { $0.state == .ready || $0.state == .unchanged }
    }
}
