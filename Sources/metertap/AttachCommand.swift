import AWS
import ArgumentParser
import Attachment
import FilterPattern
import FoundationEssentials
import HTTP
import MeterLine
import UnixSignals

struct AttachCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "attach",
        abstract: "Subscribe log groups: hand their lines with a tag on to the agent.",
        discussion: """
            Shows first what it would do, then asks; --yes does it without asking. Run it again as often as you like: what \
            is done is not done twice, and what was broken off is gone on with. A filter that is not ours, and the \
            agent's own log, are never touched. Exit code 65 says that a log group is left without a filter.

            Example:
              metertap attach --prefix /app/ --destination-arn arn:aws:kinesis:eu-central-1:123456789012:stream/metertap \
            --role-arn arn:aws:iam::123456789012:role/metertap-logs
              metertap attach --explain app.log
            """)

    @OptionGroup var target: AttachTarget

    @Option(help: "In which role CloudWatch Logs writes to a Kinesis stream.")
    var roleArn: String?

    @Option(help: "The tags that mark a record, separated by commas (METERTAP_TAGS).")
    var tags: String?

    @Option(help: "Go on, and look for new log groups every so many seconds, until SIGINT.")
    var watch: Int?

    @Option(help: "Show which lines of a file, of - or of this text a pattern hands on, and change nothing.")
    var explain: String?

    @Option(help: "With --explain: another filter pattern than the one made of the tags.")
    var pattern: String?

    func validate() throws {
        if let watch, !(1...86_400).contains(watch) { throw ValidationError("--watch must be 1 to 86400 seconds") }
        if pattern != nil, explain == nil { throw ValidationError("--pattern goes with --explain") }
        guard explain == nil else { return }
        if target.destinationArn == nil { throw ValidationError("--destination-arn is missing") }
        if target.accountPolicy {
            if watch != nil { throw ValidationError("--account-policy needs no --watch: new log groups are covered") }
        } else if target.logGroups.isEmpty {
            throw ValidationError(
                "name log groups with --log-group, --prefix or --tag; --prefix / takes all whose names begin with a slash"
            )
        }
    }

    func run() async throws {
        do {
            let isComplete =
                explain == nil
                ? try await AttachWork(self).run() : try Explanation(tags: tagList, pattern).show(explain)
            if !isComplete { throw ExitCode.badData }
        } catch let code as ExitCode {
            throw code
        } catch {
            throw Failure(error).exitCode()
        }
    }

    /// The tags, checked as the agent checks them.
    private var tagList: [String] {
        get throws {
            let list = tags ?? ProcessInfo.processInfo.environment["METERTAP_TAGS"]
            let tags = list.map(LineReader.tags(separatedByCommas:)) ?? LineReader.defaultTags
            _ = try LineReader(tags: tags)
            return tags
        }
    }

    func wish() throws -> Wish {
        let destination = try target.destination()
        switch destination.kind {
        case .stream where roleArn == nil:
            throw Failure(
                message: "--role-arn is missing: CloudWatch Logs writes to a stream in a role that lets it",
                code: ExitCode(64))
        case .function where roleArn != nil:
            throw Failure(
                message: "--role-arn is not for a Lambda function, which is called by a permission of its own",
                code: ExitCode(64))
        default: break
        }
        let wish = Wish(
            filterName: target.filterName, tags: try tagList, destination: destination, roleArn: roleArn)
        // Only too many tags can make it invalid.
        _ = try FilterPattern(wish.pattern)
        return wish
    }
}

struct DetachCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "detach",
        abstract: "Take away what metertap attach made, and nothing else.",
        discussion: """
            Takes the filters of this name and destination off the log groups that are selected, or off all of the region, \
            and then also the permission of a Lambda function. Shows first what it would do, then asks.

            Example:
              metertap detach --destination-arn arn:aws:kinesis:eu-central-1:123456789012:stream/metertap
            """)

    @OptionGroup var target: AttachTarget

    func validate() throws {
        if target.destinationArn == nil { throw ValidationError("--destination-arn is missing") }
    }

    func run() async throws {
        do {
            if try await !AttachWork(self).run() { throw ExitCode.badData }
        } catch let code as ExitCode {
            throw code
        } catch {
            throw Failure(error).exitCode()
        }
    }
}

/// Which log groups a command is about, and how fast it may look at them.
struct LogGroupChoice: ParsableArguments {
    @Option(help: "A log group's whole name; may be given several times.")
    var logGroup: [String] = []

    @Option(help: "The beginning of log groups' names; may be given several times.")
    var prefix: [String] = []

    @Option(help: "Only log groups with this tag, KEY or KEY=VALUE; given several times: with all of them.")
    var tag: [String] = []

    @Option(help: "How many calls of a kind to make in a second.")
    var rate = Attacher.defaultCallsPerSecond

    func validate() throws {
        guard (1...1_000).contains(rate) else { throw ValidationError("--rate must be 1 to 1000") }
    }

    var isEmpty: Bool { logGroup.isEmpty && prefix.isEmpty && tag.isEmpty }

    var selection: Selection {
        let filters = tag.map { tag in
            let parts = tag.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            return TaggingClient.Filter(key: parts[0], values: Array(parts.dropFirst()))
        }
        return Selection(names: logGroup, prefixes: prefix, tags: filters)
    }
}

/// What attaching and detaching are about.
struct AttachTarget: ParsableArguments {
    @OptionGroup var logGroups: LogGroupChoice

    @Option(help: "The Kinesis stream, Lambda function or destination of another account that log events go to.")
    var destinationArn: String?

    @Option(help: "The filters' name; with the destination it tells which are ours.")
    var filterName = Wish.defaultFilterName

    @Flag(help: "One policy for all log groups of the account and region, in place of a filter on each.")
    var accountPolicy = false

    @Flag(help: "Do it without asking.")
    var yes = false

    func validate() throws {
        if accountPolicy, !logGroups.isEmpty {
            throw ValidationError("--account-policy is for all log groups: leave out --log-group, --prefix and --tag")
        }
    }

    func destination() throws -> Destination {
        do { return try Destination(arn: destinationArn ?? "") } catch {
            throw Failure(message: error.description, code: ExitCode(64))
        }
    }
}
