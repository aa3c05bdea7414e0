import AWS
import Delivery

/// The agent as a Lambda function.
enum FunctionChecks {
    /// The least that the template takes.
    private static let leastTimeout = 10
    private static let nearLimit = 0.9

    static func run(_ setUp: SetUp) -> [Finding] {
        let functions = setUp.functions.values.sorted { $0.arn < $1.arn }
        var findings = unreadable(functions)
        for function in functions {
            findings += active(function)
            findings += mayBeCalled(function, setUp)
            findings += concurrency(function)
            findings += errors(function)
            findings += timeout(function)
            findings += memory(function)
            findings += settings(function)
            findings += role(function)
        }
        return findings
    }

    private static func unreadable(_ functions: [ExaminedFunction]) -> [Finding] {
        func failures<Value>(
            _ reading: KeyPath<ExaminedFunction, Reading<Value>>
        ) -> [(subject: String, error: AWSError)] {
            functions.compactMap { function in function[keyPath: reading].error.map { (function.arn, $0) } }
        }
        let configurations = functions.filter { !$0.configuration.isMissing }
            .compactMap { function in function.configuration.error.map { (subject: function.arn, error: $0) } }
        let roles = functions.filter { !$0.refusals.isMissing }
            .compactMap { function in function.refusals.error.map { (subject: function.arn, error: $0) } }
        let questions: [(Check, [(subject: String, error: AWSError)], what: String)] = [
            (.functionActive, configurations, "how the agent is set up"),
            (.functionConcurrency, failures(\.reservedConcurrency), "whether the agent may run"),
            (.functionMayBeCalled, failures(\.policy), "who may call the agent"),
            (.functionErrors, failures(\.figures), "whether the agent fails"),
            (.functionMemory, failures(\.mostMemory), "how much memory the agent takes"),
            (.functionRole, roles, "what the agent's role may do"),
        ]
        return questions.flatMap { Finding.unreadable($0, $1, what: $2) }
    }

    // MARK: - Whether it can run

    // https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html
    private static func active(_ function: ExaminedFunction) -> [Finding] {
        if function.configuration.isMissing {
            return [
                Finding(
                    .functionActive, .loss, function.arn, "There is no such function.",
                    consequence: "Nothing is delivered: the meters are on no bill.",
                    remedy:
                        "Deploy the agent again, attach the log groups to it with `metertap attach`, and bring back "
                        + "what is missing with `metertap audit --repair`.",
                    evidence: function.configuration.error.map { ["\($0)"] } ?? [])
            ]
        }
        guard let configuration = function.configuration.value else { return [] }
        var findings: [Finding] = []
        if let state = configuration.state, ["Failed", "Inactive"].contains(state) {
            findings.append(
                Finding(
                    .functionActive, state == "Failed" ? .loss : .risk, function.arn, "The function is \(state).",
                    consequence: "Invocations fail until Lambda has made it active again: meters are late, and what "
                        + "becomes too old is given up.",
                    remedy: "See the reason; a key or a network that is gone has to come back. Deploying the function "
                        + "again makes it active.",
                    evidence: ["State \(state): \(configuration.stateReason ?? "no reason given")"]))
        }
        if configuration.lastUpdate == "Failed" {
            findings.append(
                Finding(
                    .functionActive, .risk, function.arn, "The last change of the function failed.",
                    consequence: "The old code and settings run: what the change was to mend, tags for example, still "
                        + "loses meters.", remedy: "Make the change again, and see the reason.",
                    evidence: ["LastUpdateStatus Failed: \(configuration.lastUpdateReason ?? "no reason given")"]))
        }
        return findings
    }

    /// In direct mode.
    private static func mayBeCalled(_ function: ExaminedFunction, _ setUp: SetUp) -> [Finding] {
        guard function.isCalledByLogs, let policy = function.policy.value else { return [] }
        let isOfAccount = (setUp.policies.value ?? []).contains { $0.document?.destinationArn == function.arn }
        let groups = (setUp.logGroups.value ?? []).filter { group in
            isOfAccount || (group.filters.value ?? []).contains { $0.destinationArn == function.arn }
        }
        let says = policy.flatMap(LogsPolicy.init)
        let refused = groups.map(\.group).filter { says?.onInvoking(for: $0) != .allowed }
        guard let first = refused.first else { return [] }
        let (account, region) = (first.account, first.region)
        return [
            Finding(
                .functionMayBeCalled, .loss, Finding.told(refused.map(\.name)),
                "CloudWatch Logs may not call the agent \(function.name) for it.",
                consequence: "It drops the log events: the meters in them are on no bill.",
                remedy:
                    "`aws lambda add-permission --function-name \(function.name) --statement-id metertap-logs --action "
                    + "lambda:InvokeFunction --principal logs.amazonaws.com --source-account \(account) --source-arn "
                    + "'arn:\(ARN.partition(of: first.arn)):logs:\(region):\(account):log-group:*'`, then `metertap audit --repair`.",
                evidence: [policy == nil ? "GetPolicy: there is none" : "GetPolicy: no statement for these log groups"])
        ]
    }

    private static func concurrency(_ function: ExaminedFunction) -> [Finding] {
        if case .some(.some(0)) = function.reservedConcurrency.value {
            return [
                Finding(
                    .functionConcurrency, .loss, function.arn, "No invocation of the agent may run.",
                    consequence: "Nothing is billed until this is changed, and what becomes too old is given up.",
                    remedy: "`aws lambda delete-function-concurrency --function-name \(function.name)`.",
                    evidence: ["GetFunctionConcurrency: ReservedConcurrentExecutions 0"])
            ]
        }
        guard let throttles = function.figures.value?.throttles, throttles > 0 else { return [] }
        return [
            Finding(
                .functionConcurrency, function.isCalledByLogs ? .risk : .note, function.arn,
                "Calls of the agent were refused \(StreamChecks.whole(throttles)) times in the last day, since too many "
                    + "ran already.",
                consequence: function.isCalledByLogs
                    ? "Lambda tries again for up to six hours and then gives the event up: the meters in it are on no bill."
                    : "Meters come later to the bill.",
                remedy:
                    "Reserve more for the agent, `aws lambda put-function-concurrency`, or ask for a higher limit of "
                    + "the account.", evidence: ["AWS/Lambda Throttles of a day: \(StreamChecks.whole(throttles))"])
        ]
    }

    private static func errors(_ function: ExaminedFunction) -> [Finding] {
        guard let figures = function.figures.value, figures.errors > 0 else { return [] }
        let allFail = figures.recentErrors > 0 && figures.recentErrors >= figures.recentInvocations
        return [
            Finding(
                .functionErrors, allFail ? .loss : .risk, function.arn,
                allFail
                    ? "Every invocation of the last hour failed."
                    : "\(StreamChecks.whole(figures.errors)) of \(StreamChecks.whole(figures.invocations)) invocations of "
                        + "the last day failed.",
                consequence: "What an invocation was to deliver comes again until it is too old, and is then given up: "
                    + "the meters in it are late, or on no bill.",
                remedy:
                    "Its log says why: `aws logs tail \(log(function)) --since 1h`; docs/operations.md explains the "
                    + "errors.",
                evidence: [
                    "AWS/Lambda Errors of a day: \(StreamChecks.whole(figures.errors)), of the last hour: "
                        + "\(StreamChecks.whole(figures.recentErrors)) in "
                        + "\(StreamChecks.whole(figures.recentInvocations)) invocations"
                ])
        ]
    }

    // MARK: - Its limits

    private static func timeout(_ function: ExaminedFunction) -> [Finding] {
        guard let timeout = function.configuration.value?.timeout else { return [] }
        let longest = function.figures.value?.longest ?? 0
        let isShort = timeout < leastTimeout
        guard isShort || longest >= nearLimit * Double(timeout) * 1_000 else { return [] }
        return [
            Finding(
                .functionTimeout, .risk, function.arn,
                isShort
                    ? "An invocation may take \(timeout) seconds only."
                    : "The longest invocation of the last day took \(StreamChecks.whole(longest)) ms of \(timeout) s.",
                consequence:
                    "An invocation that is ended delivers nothing that it had not finished: it comes again and "
                    + "again until it is too old, and the meters in it are late, or on no bill.",
                remedy: "`aws lambda update-function-configuration --function-name \(function.name) --timeout "
                    + "\(max(60, min(900, timeout * 2)))`, or a smaller batch of the mapping.",
                evidence: [
                    "Timeout \(timeout)",
                    "AWS/Lambda Duration, the longest of a day: \(StreamChecks.whole(longest)) ms",
                ])
        ]
    }

    private static func memory(_ function: ExaminedFunction) -> [Finding] {
        guard let memory = function.configuration.value?.memory,
            case .some(.some(let most)) = function.mostMemory.value,
            Double(most) >= nearLimit * Double(memory)
        else { return [] }
        return [
            Finding(
                .functionMemory, .risk, function.arn, "An invocation of the last hour took \(most) MB of \(memory) MB.",
                consequence:
                    "One that takes more is ended and delivers nothing: it comes again until it is too old, and "
                    + "the meters in it are late, or on no bill.",
                remedy: "`aws lambda update-function-configuration --function-name \(function.name) --memory-size "
                    + "\(max(512, memory * 2))`.", evidence: ["Max Memory Used: \(most) MB, Memory Size: \(memory) MB"])
        ]
    }

    // MARK: - What it is told, and what it may do

    private static func settings(_ function: ExaminedFunction) -> [Finding] {
        let problem: String
        if let error = function.configuration.value?.environmentError {
            problem = "The variables cannot be read: \(error)"
        } else if case .failure(let error)? = function.settings {
            problem = "\(error)"
        } else {
            return []
        }
        let isOther =
            function.hasAgentVariables
            ? ""
            : " It has none of the agent's variables: if it is another program, "
                + "then no agent reads what the filters hand on."
        return [
            Finding(
                .functionSettings, .loss, function.arn, "The agent cannot start with its settings.\(isOther)",
                consequence:
                    "Every invocation fails: nothing is billed until this is mended, and what becomes too old is "
                    + "given up.",
                remedy:
                    "Set the variables as docs/deploy-by-hand.md lists them: `aws lambda update-function-configuration "
                    + "--function-name \(function.name) --environment …`.", evidence: [problem])
        ]
    }

    private static func role(_ function: ExaminedFunction) -> [Finding] {
        if function.refusals.isMissing {
            return [
                Finding(
                    .functionRole, .loss, function.configuration.value?.role ?? function.arn,
                    "The role of the agent is not there.",
                    consequence:
                        "Every invocation fails: nothing is billed until this is mended, and what becomes too old "
                        + "is given up.", remedy: "Deploy the agent again, by the template or by hand.",
                    evidence: function.refusals.error.map { ["\($0)"] } ?? [])
            ]
        }
        let refusals = function.refusals.value ?? []
        let kinds: [(prefix: String, severity: Finding.Severity, consequence: String)] = [
            ("kinesis:", .loss, "Lambda cannot read the stream: nothing is billed until this is mended."),
            (
                "logs:", .risk,
                "The agent has no log: alarms on rejects and silence see nothing, and a fault has no trace."
            ),
            ("", .risk, "What Lambda gives up cannot be kept: the meters in it are on no bill."),
        ]
        var rest = refusals
        var findings: [Finding] = []
        for kind in kinds {
            let ours = rest.filter { $0.action.hasPrefix(kind.prefix) }
            rest.removeAll { $0.action.hasPrefix(kind.prefix) }
            guard !ours.isEmpty else { continue }
            let actions = ours.map(\.action).joined(separator: ", ")
            findings.append(
                Finding(
                    .functionRole, kind.severity, function.configuration.value?.role ?? function.arn,
                    "The role of the agent does not allow \(actions).", consequence: kind.consequence,
                    remedy: "Allow it in the role's policy, as docs/deploy-by-hand.md has it, unless the policy of the "
                        + "other side does.",
                    evidence: ours.map { "SimulatePrincipalPolicy: \($0.action) on \($0.resource)" }))
        }
        return findings
    }

    private static func log(_ function: ExaminedFunction) -> String {
        function.configuration.value?.logGroup ?? "/aws/lambda/\(function.name)"
    }
}
