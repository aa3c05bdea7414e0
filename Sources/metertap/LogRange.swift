import AWS
import ArgumentParser
import Collection
import Delivery
import FilterPattern
import HTTP
import Meter
import MeterLine

/// The range of a log group that a command is about.
struct LogRange: ParsableArguments {
    @Option(help: "The log group's name.")
    var logGroup: String

    @Option(help: "The first log event time: RFC 3339, a date, or 15m, 2h, 7d ago.")
    var from: String

    @Option(help: "The end of the range, which is not in it: as --from; 0m is now.")
    var to: String

    @Option(help: "The tags that mark a record, separated by commas (METERTAP_TAGS).")
    var tags: String?

    /// The range in milliseconds since 1970.
    func times() throws -> Range<Int64> { try Self.times(from, to) }

    /// The range from one time to another; without one of them it has no such end.
    static func times(_ from: String?, _ to: String?) throws -> Range<Int64> {
        let from = try from.map { try CommandTime.parse($0, "--from") } ?? 0
        let to = try to.map { try CommandTime.parse($0, "--to") } ?? RecordLimits.timesInMillis.upperBound
        guard from >= 0, from < to else {
            throw Failure(message: "--to is not after --from, so that the range holds nothing", code: ExitCode(64))
        }
        return from..<to
    }

    /// Finds the log group in the account and region that the environment names.
    func find(_ client: CloudWatchLogsClient) async throws -> CloudWatchLogsClient.LogGroup {
        try await Self.find(logGroup, client)
    }

    /// - Parameter canBeRead: whether its log events must be readable, and not its name alone.
    static func find(
        _ logGroup: String, _ client: CloudWatchLogsClient, canBeRead: Bool = true
    ) async throws -> CloudWatchLogsClient.LogGroup {
        let group = try await client.logGroup(named: logGroup)
        guard !group.account.isEmpty else {
            throw Failure(message: "CloudWatch Logs does not tell the account of \(logGroup)", code: .unavailable)
        }
        guard group.isReadable || !canBeRead else {
            throw Failure(
                message: "\(logGroup) is of the class \(group.logGroupClass ?? ""), whose log events cannot be read by "
                    + "FilterLogEvents; export it, and run metertap backfill --export", code: .configuration)
        }
        return group
    }
}

/// The session for long readings.
enum LogSession {
    /// - Parameter attempts: more than elsewhere, since throttling is what a long reading meets all the time.
    static func make(_ transport: any HTTPTransport, _ settings: AWSSettings, attempts: Int = 9) -> AWSSession {
        AWSSession(settings: settings, transport: transport, policy: RetryPolicy(maximumAttempts: attempts))
    }
}

extension Failure {
    /// What became of a reading or a delivery, as people and scripts need it.
    init(_ error: any Error) {
        switch error {
        case let error as Failure: self = error
        case let error as AWSError:
            let isDenied = error.status == 403 || error.code.hasPrefix("AccessDenied")
            // What AWS refuses is a name or a value of ours, and no better the next time.
            let code: ExitCode = isDenied ? .noPermission : error.kind == .transient ? .unavailable : .configuration
            self.init(message: error.description, code: code)
        case let error as DeliveryError:
            self.init(
                message: error.description, code: error.kind == .configuration ? .configuration : .unavailable)
        case let error as SettingError: self.init(message: error.description, code: .configuration)
        case let error as FilterPatternError: self.init(message: error.description, code: ExitCode(64))
        case let error as InvalidTag: self.init(message: error.description, code: ExitCode(64))
        case let error as TransportError: self.init(message: error.description, code: .configuration)
        case let error as CheckpointFile.Problem:
            self.init(message: error.description, code: error.isOther ? .configuration : .inputOutput)
        case let error as CollectorState.Problem: self.init(message: error.description, code: .inputOutput)
        default: self.init(message: "\(error)", code: .inputOutput)
        }
    }
}
