import AWS
import Attachment
import Delivery
import FoundationEssentials

extension Examiner {
    package func examineFunctions(_ setUp: inout SetUp) async {
        var functions = functions(setUp)
        for index in functions.indices { await readConfiguration(&functions[index]) }
        functions = Self.agents(functions)
        for index in functions.indices { await examine(&functions[index], setUp) }
        for function in functions {
            setUp.functions[function.arn] = function
            guard case .success(let settings)? = function.settings else { continue }
            for tag in settings.tags where !setUp.tags.contains(tag) { setUp.tags.append(tag) }
        }
    }

    /// Those that read our streams, and those that filters call.
    private func functions(_ setUp: SetUp) -> [ExaminedFunction] {
        var functions: [String: ExaminedFunction] = [:]
        for mapping in setUp.streams.values.flatMap({ $0.mappings.value ?? [] }) {
            guard let arn = mapping.functionARN else { continue }
            functions[arn] = ExaminedFunction(arn: arn)
        }
        for destination in setUp.destinations.values {
            guard case .function = destination.kind else { continue }
            functions[destination.arn, default: ExaminedFunction(arn: destination.arn)].isCalledByLogs = true
        }
        return functions.values.sorted { $0.arn < $1.arn }
    }

    /// Leaves out what reads a stream for other ends.
    ///
    /// Where nothing looks like the agent, all are taken for it, so that
    /// one whose variables are gone is found.
    private static func agents(_ functions: [ExaminedFunction]) -> [ExaminedFunction] {
        let agents = functions.filter {
            $0.isCalledByLogs || $0.hasAgentVariables || $0.configuration.error != nil
        }
        return agents.isEmpty ? functions : agents
    }

    private func readConfiguration(_ examined: inout ExaminedFunction) async {
        guard let function = LambdaClient.Function(arn: examined.arn) else { return }
        let region = Self.region(examined.arn)
        examined.configuration = await .of { () throws(AWSError) in
            var configuration = try await LambdaClient(session, region: region).configuration(of: function)
            configuration.environment = Self.withoutSecrets(configuration.environment)
            return configuration
        }
    }

    /// The agent's own variables; of a key only that it is there.
    private static func withoutSecrets(_ environment: [String: String]) -> [String: String] {
        var ours = environment.filter { $0.key.hasPrefix("METERTAP_") }
        if ours["METERTAP_API_KEY"]?.isEmpty == false { ours["METERTAP_API_KEY"] = "(not shown)" }
        return ours
    }

    private static func region(_ arn: String) -> String? {
        let parts = arn.split(separator: ":", omittingEmptySubsequences: false)
        return parts.count > 3 ? String(parts[3]) : nil
    }

    private func examine(_ examined: inout ExaminedFunction, _ setUp: SetUp) async {
        guard let function = LambdaClient.Function(arn: examined.arn), !examined.configuration.isMissing else { return }
        let region = Self.region(examined.arn)
        let client: LambdaClient
        do { client = try LambdaClient(session, region: region) } catch { return }
        examined.reservedConcurrency = await .of { () throws(AWSError) in
            try await client.reservedConcurrency(of: function)
        }
        if examined.isCalledByLogs {
            examined.policy = await .of { () throws(AWSError) in try await client.policy(of: function) }
            examined.asynchronousCalls = await .of { () throws(AWSError) in
                try await client.asynchronousCalls(of: function)
            }
        }
        examined.figures = await .of { () throws(AWSError) in
            try await figures(of: function, CloudWatchClient(session, region: region), setUp.now)
        }
        examined.mostMemory = await mostMemory(examined, region, setUp.now)
        examined.refusals = await refusals(examined, setUp)
        if examined.hasAgentVariables, examined.reservedConcurrency.value != .some(.some(0)) {
            examined.probe = await .of { () throws(AWSError) in
                Self.probe(try await client.invoke(function, payload: Array(Self.question.utf8)))
            }
        }
    }

    // MARK: - Figures

    // https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    private func figures(
        of function: LambdaClient.Function, _ client: CloudWatchClient, _ now: Int64
    ) async throws(AWSError) -> ExaminedFunction.Figures {
        func metric(_ metric: String, _ statistic: String = "Sum") -> CloudWatchClient.Metric {
            .init("AWS/Lambda", metric, ["FunctionName": function.name], statistic)
        }
        let (invocations, errors) = (metric("Invocations"), metric("Errors"))
        let (throttles, dropped) = (metric("Throttles"), metric("AsyncEventsDropped"))
        let (longest, age) = (metric("Duration", "Maximum"), metric("IteratorAge", "Maximum"))
        let day = try await client.values(
            of: [invocations, errors, throttles, dropped, longest], in: Spans.day(before: now), period: Spans.hour)
        let recent = try await client.values(
            of: [invocations, errors, age], in: Spans.hour(before: now), period: Spans.minute)
        func sum(_ values: [Double]?) -> Double { (values ?? []).reduce(0, +) }
        return ExaminedFunction.Figures(
            invocations: sum(day[invocations]), errors: sum(day[errors]), throttles: sum(day[throttles]),
            longest: (day[longest] ?? []).max() ?? 0, dropped: sum(day[dropped]),
            recentInvocations: sum(recent[invocations]), recentErrors: sum(recent[errors]),
            recentAges: Array((recent[age] ?? []).suffix(15)))
    }

    // MARK: - Memory

    /// How many pages of the function's log are looked at.
    private static let pagesOfLog = 3
    private static let memoryUsed = "Max Memory Used: "

    /// Reads the reports that Lambda writes into the function's log; there is no metric of it.
    private func mostMemory(_ examined: ExaminedFunction, _ region: String?, _ now: Int64) async -> Reading<Int?> {
        guard let configuration = examined.configuration.value else { return .notAsked }
        var query = CloudWatchLogsClient.EventQuery(
            logGroup: configuration.logGroup ?? "/aws/lambda/\(examined.name)", times: Spans.hour(before: now),
            pattern: "\"\(Self.memoryUsed)\"")
        let reading = await Reading<Int?>.of { () throws(AWSError) in
            let client = try CloudWatchLogsClient(session, region: region)
            var most: Int?
            for _ in 0..<Self.pagesOfLog {
                let page = String(decoding: try await client.filterLogEvents(query), as: UTF8.self)
                for used in Self.memoryUsed(in: page) { most = max(most ?? 0, used) }
                query.token = Self.token(page)
                if query.token == nil { break }
            }
            return most
        }
        // A function that never ran has no log group.
        return reading.isMissing ? .read(nil) : reading
    }

    static func memoryUsed(in page: String) -> [Int] {
        page.split(separator: memoryUsed).dropFirst().compactMap { Int($0.prefix { $0.isNumber }) }
    }

    private static func token(_ page: String) -> String? {
        struct Page: Decodable {
            var nextToken: String?
        }
        return (try? JSONDecoder().decode(Page.self, from: Data(page.utf8)))?.nextToken
    }

    // MARK: - What its role may not do

    private func refusals(_ examined: ExaminedFunction, _ setUp: SetUp) async -> Reading<[ExaminedFunction.Refusal]> {
        guard let role = examined.configuration.value?.role else { return .notAsked }
        let needs = Self.needs(examined, setUp)
        return await .of { () throws(AWSError) in
            let client = try IAMClient(session)
            var refusals: [ExaminedFunction.Refusal] = []
            for need in needs {
                let decisions = try await client.simulate(
                    roleARN: role, actions: need.actions, resource: need.resource)
                refusals += decisions.filter { !$0.isAllowed }.map { .init(action: $0.action, resource: need.resource) }
            }
            return refusals
        }
    }

    /// What Lambda does in the role of a function, by resource.
    ///
    /// https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-create.html and
    /// https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
    static func needs(_ examined: ExaminedFunction, _ setUp: SetUp) -> [(resource: String, actions: [String])] {
        var needs: [(resource: String, actions: [String])] = []
        var destinations = Set([examined.asynchronousCalls.value?.failureDestination].compactMap(\.self))
        for stream in setUp.streams.values {
            let mappings = (stream.mappings.value ?? []).filter { $0.functionARN == examined.arn }
            guard !mappings.isEmpty else { continue }
            let calls = ["DescribeStream", "DescribeStreamSummary", "GetRecords", "GetShardIterator", "ListShards"]
            needs.append((stream.arn, calls.map { "kinesis:\($0)" }))
            destinations.formUnion(mappings.compactMap(\.failureDestination))
        }
        for destination in destinations.sorted() {
            switch destination.split(separator: ":").dropFirst(2).first {
            case "s3":
                needs.append((destination, ["s3:ListBucket"]))
                needs.append(("\(destination)/aws/lambda/metertap-check", ["s3:PutObject"]))
            case "sqs": needs.append((destination, ["sqs:SendMessage"]))
            case "sns": needs.append((destination, ["sns:Publish"]))
            default: break
            }
        }
        let parts = examined.arn.split(separator: ":").map(String.init)
        if parts.count > 4 {
            let log = examined.configuration.value?.logGroup ?? "/aws/lambda/\(examined.name)"
            let arn = "arn:\(parts[1]):logs:\(parts[3]):\(parts[4]):log-group:\(log):log-stream:metertap-check"
            needs.append((arn, ["logs:CreateLogStream", "logs:PutLogEvents"]))
        }
        return needs
    }

    // MARK: - The probe

    static let question = #"{"metertap":"check"}"#
    /// What agents say of the question that are older than it.
    private static let oldAnswer = "neither Records nor awslogs"
    private static let lettersOfError = 300

    static func probe(_ answer: LambdaClient.Answer) -> ExaminedFunction.Probe {
        if answer.functionError != nil {
            struct Failure: Decodable {
                var errorType: String?
                var errorMessage: String?
            }
            let failure = try? JSONDecoder().decode(Failure.self, from: Data(answer.payload))
            let message = failure?.errorMessage ?? "it gave no reason"
            if message.contains(oldAnswer) { return .isOlder }
            return .failed("\(failure?.errorType ?? "Error"): \(message.prefix(lettersOfError))")
        }
        guard let answer = try? JSONDecoder().decode(ExaminedFunction.ProbeAnswer.self, from: Data(answer.payload))
        else { return .failed("Its answer is none of the agent") }
        return .answered(answer)
    }
}
