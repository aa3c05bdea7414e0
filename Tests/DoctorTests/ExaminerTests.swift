import AWS
import Attachment
import Doctor
import HTTP
import HTTPTesting
import HTTPTypes
import Synchronization
import Testing

/// Answers for AWS from a table of log groups; it imitates what emulators do not have: refusals, pages without an event,
/// and a clock that is off.
private final class FakeAWS: Sendable {
    struct Setting: Sendable {
        var groups: [String] = ["/app/shop"]
        /// The filters of log groups, as JSON; for the others ours.
        var filters: [String: String] = [:]
        var policies = "[]"
        /// The account's destinations, as JSON.
        var destinations = ""
        /// Pages of log events by log group, each with the token of the next.
        var pages: [String: [String]] = [:]
        /// The same where no pattern is given.
        var unmarked: [String: [String]] = [:]
        /// The same where the pattern is that of the filter; nil for what is found by tags.
        var filtered: [String: [String]]?
        /// Operations that are refused.
        var refused: Set<String> = []
        /// The agent's variables, as JSON.
        var environment = #"{"METERTAP_SINK":"s3://meters/"}"#
        /// What time it is for AWS, when it is 12:36:00 for us.
        var date = "Sun, 30 Aug 2015 12:36:00 GMT"
    }

    let time = FakeTime()
    private let setting: Setting
    private let asked = Mutex<[String]>([])

    init(_ change: (inout Setting) -> Void = { _ in }) {
        var setting = Setting()
        change(&setting)
        self.setting = setting
    }

    static let filter =
        #"{"filterName":"metertap","filterPattern":"\#(rightPattern)","destinationArn":"\#(stream)","roleArn":"\#(logsRole)"}"#

    static func event(_ id: Int, _ message: String) -> String {
        let escaped = message.replacing("\"", with: "\\\"")
        return #"{"eventId":"\#(id)","logStreamName":"s","timestamp":1440938100000,"message":"\#(escaped)"}"#
    }

    /// Which operations were called, in their order.
    var operations: [String] { asked.withLock { $0 } }

    func examine(_ selection: Selection = Selection(), tags: [String] = []) async throws -> SetUp {
        let transport = FakeTransport { [self] request, _ in answer(request) }
        let session = AWSSession(
            settings: try AWSSettings(environment: ["AWS_REGION": "eu-central-1"]) { _ in nil }, transport: transport,
            credentials: FixedCredentials(Credentials(accessKeyID: "AKIDEXAMPLE", secretAccessKey: "secret")),
            clocks: time.clocks)
        return await Examiner(.init(selection: selection, tags: tags), session: session, clocks: time.clocks).examine()
    }

    private func answer(_ request: Request) -> Response {
        let body = String(decoding: request.body, as: UTF8.self)
        let target = request.field("x-amz-target")
        let operation = operation(target, body, request.head.path ?? "")
        let isOwnLog = operation == "FilterLogEvents" && body.contains("lambda")
        asked.withLock { $0.append(isOwnLog ? "FilterLogEvents of the agent's log" : operation) }
        if setting.refused.contains(operation) {
            return Response(400, #"{"__type":"AccessDeniedException","message":"You may not."}"#)
        }
        switch operation {
        case "GetCallerIdentity":
            return Response(
                200, fields: [.date: setting.date],
                """
                <GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::\(account):user/u</Arn>\
                <UserId>u</UserId><Account>\(account)</Account></GetCallerIdentityResult></GetCallerIdentityResponse>
                """)
        case "DescribeLogGroups":
            let prefix = value("logGroupNamePrefix", in: body) ?? ""
            let groups = setting.groups.filter { $0.hasPrefix(prefix) }.map {
                #"{"logGroupName":"\#($0)","arn":"arn:aws:logs:eu-central-1:\#(account):log-group:\#($0):*"}"#
            }
            return Response(200, #"{"logGroups":[\#(groups.joined(separator: ","))]}"#)
        case "DescribeAccountPolicies": return Response(200, #"{"accountPolicies":\#(setting.policies)}"#)
        case "DescribeDestinations": return Response(200, #"{"destinations":[\#(setting.destinations)]}"#)
        case "DescribeSubscriptionFilters":
            let group = value("logGroupName", in: body) ?? ""
            let filters = setting.filters[group] ?? (group.hasPrefix("/aws/lambda/") ? "" : Self.filter)
            return Response(200, #"{"subscriptionFilters":[\#(filters)]}"#)
        case "FilterLogEvents": return Response(200, page(body))
        case "ListEventSourceMappings":
            return Response(
                200,
                #"{"EventSourceMappings":[{"FunctionArn":"arn:aws:lambda:eu-central-1:\#(account):function:agent"}]}"#)
        case "GetFunctionConfiguration":
            return Response(200, #"{"Environment":{"Variables":\#(setting.environment)}}"#)
        case "GetRole":
            return Response(
                200,
                """
                <GetRoleResponse><GetRoleResult><Role><AssumeRolePolicyDocument>\
                \(LogSetUps.trust.replacing("%", with: "%25").replacing("\"", with: "%22"))\
                </AssumeRolePolicyDocument></Role></GetRoleResult></GetRoleResponse>
                """)
        case "SimulatePrincipalPolicy":
            return Response(
                200,
                """
                <SimulatePrincipalPolicyResponse><SimulatePrincipalPolicyResult><EvaluationResults><member>\
                <EvalActionName>kinesis:PutRecord</EvalActionName><EvalDecision>allowed</EvalDecision>\
                </member></EvaluationResults></SimulatePrincipalPolicyResult></SimulatePrincipalPolicyResponse>
                """)
        default: return Response(200, "{}")
        }
    }

    private func operation(_ target: String?, _ body: String, _ path: String) -> String {
        if let target { return String(target.split(separator: ".").last ?? "") }
        if path.contains("event-source-mappings") { return "ListEventSourceMappings" }
        if path.hasSuffix("/configuration") { return "GetFunctionConfiguration" }
        return String(body.dropFirst("Action=".count).prefix { $0 != "&" })
    }

    private func page(_ body: String) -> String {
        let isOfFilter = value("filterPattern", in: body) == rightPattern
        let marked = isOfFilter ? setting.filtered ?? setting.pages : setting.pages
        let all = body.contains("filterPattern") ? marked : setting.unmarked
        let pages = all[value("logGroupName", in: body) ?? ""] ?? []
        let number = Int(value("nextToken", in: body) ?? "0") ?? 0
        guard pages.indices.contains(number) else { return #"{"events":[]}"# }
        let next = number + 1 < pages.count ? #","nextToken":"\#(number + 1)""# : ""
        return #"{"events":[\#(pages[number])]\#(next)}"#
    }

    private func value(_ name: String, in body: String) -> String? {
        let parts = body.split(separator: "\"\(name)\":\"", maxSplits: 1)
        return parts.count == 2 ? String(parts[1].prefix { $0 != "\"" }).replacing("\\/", with: "/") : nil
    }
}

@Suite struct ExaminerTests {
    private static let record = #"amberflo_meter: {"customerId":"c","meterApiName":"m","meterValue":1}"#

    @Test func `a right set-up is read and has no finding`() async throws {
        let aws = FakeAWS { $0.pages = ["/app/shop": [FakeAWS.event(1, Self.record)]] }
        let setUp = try await aws.examine()
        #expect(setUp.found == [])
        let group = try #require(setUp.logGroups.value?.first)
        #expect(group.written.value?.records == 1)
        #expect(setUp.caller.value?.account == account)
        #expect(setUp.roles[logsRole]?.decisions[stream]?.value?.map(\.isAllowed) == [true])
        #expect(setUp.ownLogs.keys.sorted() == ["/aws/lambda/agent"])
    }

    @Test(arguments: [("12:34:59", -61), ("12:36:00", 0), ("12:37:01", 61)] as [(String, Int64)])
    func `the caller's answer tells what time it is`(time: String, secondsAhead: Int64) async throws {
        let setUp = try await FakeAWS { $0.date = "Sun, 30 Aug 2015 \(time) GMT" }.examine()
        #expect(setUp.caller.value?.secondsAhead == secondsAhead)
    }

    @Test func `without a selection the log groups are those with our filter`() async throws {
        let aws = FakeAWS {
            $0.groups = ["/a", "/b", "/c"]
            $0.filters = ["/b": "", "/c": FakeAWS.filter.replacing("\"metertap\"", with: "\"by-hand\"")]
        }
        let setUp = try await aws.examine()
        #expect(setUp.logGroups.value?.map(\.group.name) == ["/a", "/c"])
        let named = try await aws.examine(Selection(names: ["/b"]))
        #expect(named.logGroups.value?.map(\.group.name) == ["/b"])
        #expect(named.found.contains { $0.check == .filterPresent && $0.subject == "/b" })
    }

    @Test func `a name that is not there does not hide the others`() async throws {
        let aws = FakeAWS { $0.groups = ["/a", "/ab"] }
        let setUp = try await aws.examine(Selection(names: ["/a", "/A", "/ab/"]))
        #expect(setUp.missingLogGroups == ["/A", "/ab/"])
        #expect(setUp.logGroups.value?.map(\.group.name) == ["/a"])
        let none = try await aws.examine(Selection(names: ["/x"]))
        #expect(none.logGroups.value == [])
        #expect(none.found.map(\.check) == [.logGroupExists])
    }

    @Test func `what is refused once is not asked five hundred times`() async throws {
        let aws = FakeAWS {
            $0.groups = (1...500).map { "/app/\($0)" }
            $0.refused = ["DescribeSubscriptionFilters"]
        }
        let setUp = try await aws.examine()
        #expect(aws.operations.count { $0 == "DescribeSubscriptionFilters" } == 1)
        #expect(setUp.logGroups.error != nil)
        #expect(setUp.found.map(\.severity) == [.unknown])

        let events = FakeAWS {
            $0.groups = ["/a", "/b"]
            $0.refused = ["FilterLogEvents"]
        }
        #expect(try await events.examine().found.map(\.check) == [.tagsWritten])
        #expect(events.operations.count { $0 == "FilterLogEvents" } == 1)
    }

    @Test func `five hundred log groups take no more calls than there is time for`() async throws {
        let aws = FakeAWS { setting in
            setting.groups = (1...500).map { "/app/\($0)" }
            for group in setting.groups { setting.pages[group] = [FakeAWS.event(1, Self.record)] }
        }
        let setUp = try await aws.examine()
        // Of 100 log groups: by tags, the latest as they are, and by the filter's pattern.
        #expect(aws.operations.count { $0 == "FilterLogEvents" } == 300)
        #expect(setUp.unreadLogGroups.count == 400)
        // Five calls of each kind a second.
        #expect(aws.time.sleeps.reduce(.zero, +) > .seconds((499 + 299) / 5))
    }

    @Test func `empty pages are gone through, but not for ever`() async throws {
        let aws = FakeAWS { $0.pages = ["/app/shop": ["", "", FakeAWS.event(1, Self.record)]] }
        let read = try await aws.examine()
        #expect(read.logGroups.value?.first?.written.value?.records == 1)

        let endless = FakeAWS { setting in
            setting.pages = ["/app/shop": Array(repeating: "", count: 50)]
            setting.unmarked = setting.pages
        }
        let written = try await endless.examine().logGroups.value?.first?.written.value
        #expect(written?.isComplete == false)
        #expect(written?.receives == nil)
        #expect(endless.operations.count { $0 == "FilterLogEvents" } == 6)
    }

    @Test func `a log group without log events is told`() async throws {
        #expect(try await FakeAWS().examine().found.map(\.check) == [.logGroupReceives])
        let quiet = FakeAWS { $0.unmarked = ["/app/shop": [FakeAWS.event(1, "hello")]] }
        #expect(try await quiet.examine().found.map(\.check) == [.silence])
    }

    @Test func `what stands behind a destination of this account is looked at, and one that is gone is told`()
        async throws
    {
        let arn = "arn:aws:logs:eu-central-1:\(account):destination:metertap"
        let filter = #"{"filterName":"metertap","filterPattern":"\#(rightPattern)","destinationArn":"\#(arn)"}"#
        let other = #"{"arn":"\#(arn)-2","targetArn":"\#(stream)-2","roleArn":"\#(logsRole)-2"}"#
        let right = FakeAWS {
            $0.filters = ["/app/shop": filter]
            $0.pages = ["/app/shop": [FakeAWS.event(1, Self.record)]]
            $0.destinations = other + "," + other.replacing("-2\"", with: "\"")
        }
        let setUp = try await right.examine()
        #expect(setUp.found == [])
        #expect(setUp.roles.keys.sorted() == [logsRole])
        #expect(setUp.streams.keys.sorted() == [stream])

        let gone = FakeAWS {
            $0.filters = ["/app/shop": filter]
            $0.pages = ["/app/shop": [FakeAWS.event(1, Self.record)]]
            $0.destinations = other
        }
        #expect(try await gone.examine().found.map(\.check) == [.filterDestination])
    }

    @Test func `what is in another account is not asked for`() async throws {
        let filter = FakeAWS.filter.replacing(stream, with: "arn:aws:logs:eu-central-1:999999999999:destination:d")
        let aws = FakeAWS {
            $0.filters = ["/app/shop": filter]
            $0.pages = ["/app/shop": [FakeAWS.event(1, Self.record)]]
        }
        #expect(try await aws.examine().found == [])
        #expect(!aws.operations.contains("DescribeDestinations"))
    }

    @Test func `the agent's own settings tell what it finds in a log event`() async throws {
        let lines = [
            #"usage: {"customerId":"c","meterApiName":"m","meterValue":1}"#, Self.record,
            #"usage: {"meterApiName":"m","meterValue":1}"#,
            #"more: {"customerId":"c","meterApiName":"m","meterValue":1,"uniqueId":"u"}"#,
        ]
        let aws = FakeAWS {
            $0.environment =
                #"{"METERTAP_SINK":"https://ingest.amberflo.io/x","METERTAP_API_KEY":"k","METERTAP_REJECTS":"s3://kept/","#
                + #""METERTAP_TAGS":"usage","METERTAP_ALLOW_MISSING_CUSTOMER":"true"}"#
            $0.pages = ["/app/shop": [lines.enumerated().map { FakeAWS.event($0, $1) }.joined(separator: ",")]]
        }
        let setUp = try await aws.examine(tags: ["more"])
        let written = try #require(setUp.logGroups.value?.first?.written.value)
        #expect((written.records, written.rejected) == (2, 0))
        #expect(written.otherTags == ["amberflo_meter": 1, "more": 1])
        let checks = setUp.found.map(\.check)
        #expect(checks.contains(.tagsWritten) && checks.contains(.filterPattern))
        #expect(!checks.contains(.identityTime))
    }

    @Test(arguments: [("https://ingest.amberflo.io/x", true), ("https://meters.example.com/ingest", false)])
    func `an id without a time is a risk toward Amberflo`(sink: String, isFound: Bool) async throws {
        let line = #"amberflo_meter: {"customerId":"c","meterApiName":"m","meterValue":1,"uniqueId":"u"}"#
        let aws = FakeAWS {
            $0.environment = #"{"METERTAP_SINK":"\#(sink)","METERTAP_API_KEY":"k","METERTAP_REJECTS":"s3://kept/"}"#
            $0.pages = ["/app/shop": [FakeAWS.event(1, line)]]
        }
        #expect(try await aws.examine().found.map(\.check) == (isFound ? [.identityTime] : []))
    }

    @Test func `records are found also where the search for their tags does not find them`() async throws {
        let aws = FakeAWS { $0.unmarked = ["/app/shop": ["", FakeAWS.event(1, Self.record)]] }
        #expect(try await aws.examine().logGroups.value?.first?.written.value?.records == 1)
    }

    // MARK: - What the service itself finds by the filter's pattern

    private func matched(_ change: (inout FakeAWS.Setting) -> Void) async throws -> (FakeAWS, SetUp, ServiceMatch?) {
        let aws = FakeAWS(change)
        let setUp = try await aws.examine()
        return (aws, setUp, setUp.logGroups.value?.first?.matched.value)
    }

    @Test func `a log event that the filter's pattern does not find is told by its id`() async throws {
        let other = Self.record.replacing("amberflo_meter", with: "meter_record_for_cw")
        let (aws, setUp, match) = try await matched { setting in
            setting.pages = ["/app/shop": [FakeAWS.event(1, Self.record), FakeAWS.event(2, other)]]
            setting.unmarked = ["/app/shop": [FakeAWS.event(2, other) + "," + FakeAWS.event(3, Self.record)]]
            setting.filtered = ["/app/shop": [FakeAWS.event(2, other)]]
        }
        #expect(match?.compared == ["amberflo_meter": 2, "meter_record_for_cw": 1])
        #expect(match?.missed == ["amberflo_meter": 2] && match?.missedEvents == 2)
        #expect(Set(match?.examples.map(\.id) ?? []) == ["1", "3"])
        #expect(setUp.logGroups.value?.first?.written.value?.records == 3)
        #expect(setUp.found.map(\.check) == [.filterMatch])
        // Two pages by tags, the latest, and by the pattern once for all and once for each that is missing.
        #expect(aws.operations.count { $0 == "FilterLogEvents" } == 6)
    }

    @Test func `what the evaluator leaves out already is not told twice`() async throws {
        let (_, setUp, match) = try await matched { setting in
            setting.filters = ["/app/shop": FakeAWS.filter.replacing(rightPattern, with: "ERROR")]
            setting.pages = ["/app/shop": [FakeAWS.event(1, Self.record)]]
        }
        #expect(match == nil)
        #expect(setUp.found.map(\.check) == [.filterPattern])
    }

    @Test func `of what is earlier than what was read nothing is said`() async throws {
        let early = FakeAWS.event(2, Self.record).replacing("1440938100000", with: "1440938000000")
        let (_, _, match) = try await matched { setting in
            setting.pages = ["/app/shop": [FakeAWS.event(1, Self.record) + "," + early]]
            setting.filtered = ["/app/shop": [FakeAWS.event(1, Self.record), "", "", ""]]
        }
        #expect(match?.compared == ["amberflo_meter": 1] && match?.missedEvents == 0)
    }

    @Test func `no pattern, no question`() async throws {
        let (aws, _, match) = try await matched { setting in
            setting.filters = ["/app/shop": FakeAWS.filter.replacing(rightPattern, with: "")]
            setting.pages = ["/app/shop": [FakeAWS.event(1, Self.record)]]
        }
        #expect(match == nil)
        #expect(aws.operations.count { $0 == "FilterLogEvents" } == 2)
    }

    @Test func `log events of the last half minute may not be found yet`() async throws {
        let (_, _, match) = try await matched { setting in
            let young = FakeAWS.event(1, Self.record).replacing("1440938100000", with: "1440938131000")
            setting.pages = ["/app/shop": [young]]
            setting.filtered = [:]
        }
        #expect(match == nil)
    }

    @Test func `no credentials, no further call`() async throws {
        let aws = FakeAWS { $0.refused = ["GetCallerIdentity"] }
        #expect(try await aws.examine().found.map(\.check) == [.credentials])
        #expect(aws.operations == ["GetCallerIdentity"])
    }
}
