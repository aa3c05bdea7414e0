import AWS
import Attachment
import Doctor
import Testing

typealias Filter = CloudWatchLogsClient.SubscriptionFilter
typealias Group = CloudWatchLogsClient.LogGroup
typealias Policy = CloudWatchLogsClient.SubscriptionPolicy

let account = "123456789012"
let stream = "arn:aws:kinesis:eu-central-1:123456789012:stream/metertap"
let logsRole = "arn:aws:iam::123456789012:role/metertap-logs"
let rightPattern = "%amberflo_meter|meter_record_for_cw|meter_record_for_stream%"
let termsPattern = "?amberflo_meter ?meter_record_for_cw ?meter_record_for_stream"

/// The log groups' side of a set-up in which everything is right.
enum LogSetUps {
    static let trust = """
        {"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"logs.amazonaws.com"},\
        "Action":"sts:AssumeRole",\
        "Condition":{"StringLike":{"aws:SourceArn":"arn:aws:logs:eu-central-1:123456789012:*"}}}]}
        """

    static func filter(
        _ name: String = "metertap", pattern: String = rightPattern, to destination: String = stream,
        transformed: Bool? = nil, criteria: String? = nil, fields: [String]? = nil
    ) -> Filter {
        Filter(
            filterName: name, filterPattern: pattern, destinationArn: destination, roleArn: logsRole,
            applyOnTransformedLogs: transformed, fieldSelectionCriteria: criteria, emitSystemFields: fields)
    }

    /// A log group with our filter, and records in its log events.
    static func group(_ name: String = "/app/shop", filters: [Filter] = [filter()]) -> ExaminedLogGroup {
        var group = ExaminedLogGroup(
            Group(
                name: name, arn: "arn:aws:logs:eu-central-1:\(account):log-group:\(name):*", logGroupClass: "STANDARD"))
        group.filters = .read(filters)
        var written = WrittenEvents()
        (written.events, written.records, written.receives) = (3, 3, true)
        group.written = .read(written)
        return group
    }

    static func right(_ groups: [ExaminedLogGroup] = [group()]) throws -> SetUp {
        var setUp = SetUp(now: 1_790_000_000_000, tags: [])
        setUp.caller = .read(.init(account: account, arn: "arn:aws:iam::123456789012:user/u", secondsAhead: 0))
        setUp.logGroups = .read(groups)
        setUp.policies = .read([])
        setUp.destinations = [stream: try Destination(arn: stream)]
        var role = ExaminedRole(arn: logsRole)
        role.trust = .read(trust)
        role.decisions = [stream: .read([.init(action: "kinesis:PutRecord", isAllowed: true, decision: "allowed")])]
        setUp.roles = [logsRole: role]
        return setUp
    }

    /// A right set-up whose one log group was changed.
    static func with(_ change: (inout ExaminedLogGroup) -> Void) throws -> SetUp {
        var group = group()
        change(&group)
        return try right([group])
    }

    /// A right set-up in which what was written was changed.
    static func written(_ change: (inout WrittenEvents) -> Void) throws -> SetUp {
        try with { group in
            var written = group.written.value ?? WrittenEvents()
            change(&written)
            group.written = .read(written)
        }
    }

    static func denied(_ operation: String) -> AWSError {
        AWSError(
            kind: .configuration, code: "AccessDeniedException", message: "You may not.", status: 400,
            operation: operation)
    }
}

extension SetUp {
    /// What the checks of the log groups' side find.
    var found: [Finding] {
        let found = Diagnosis(self).findings.filter { Self.checks.contains($0.check) }
        for finding in found {
            #expect((finding.finding + finding.consequence).contains("bill"), "\(finding) speaks of no bill")
            #expect(!finding.remedy.isEmpty && !finding.evidence.isEmpty)
        }
        return found
    }

    private static let checks: Set<Check> = [
        .credentials, .clock, .logGroupExists, .logGroupClass, .logGroupReceives, .logRetention, .dataProtection,
        .ownLog, .filterPresent, .filterPattern, .filterScope, .filterDestination, .filterRole, .filterLimit,
        .filterTwice, .filterTerms, .filterMatch, .nearMisses, .tagsWritten, .recordsValid, .recordTime, .silence,
        .centralized, .identityTime,
    ]
}
