import AWS
import Collection
import Delivery
import FoundationEssentials
import HTTP
import Synchronization
import SystemPackage

// Runs a collector on a clock that integration/test_collect_campaign.py sets: a line on the standard input is the time in
// milliseconds; every connection then reads what is due, and the answer is one line with how the connections do.

struct Description: Decodable {
    struct Connection: Decodable {
        var name: String
        var account: String
        var roleARN: String
        var logGroups: [String]
        var start: Int64
    }

    var state: String
    var connections: [Connection]
}

@main
enum CollectorProbe {
    static func main() async throws {
        let data = FileManager.default.contents(atPath: CommandLine.arguments[1]) ?? Data()
        let description = try JSONDecoder().decode(Description.self, from: data)
        let time = Mutex<Int64>(0)
        let clocks = Clocks(
            now: { .now }, wall: { UnixTime(milliseconds: time.withLock { $0 }) },
            // Whoever waits here waits for nothing but the machine.
            sleep: { _ in await Task.yield() })
        let transport = try AsyncHTTPTransport(caBundle: nil)
        let aws = try AWSSettings.ofProcess()
        let session = AWSSession(
            settings: aws, transport: transport, policy: RetryPolicy(maximumAttempts: 1), clocks: clocks)
        let agent = try AgentSettings(environment: ProcessInfo.processInfo.environment)
        var collector: Collector?
        while let line = readLine() {
            let now = Int64(line) ?? 0
            time.withLock { $0 = now }
            if collector == nil {
                collector = try await Collector(
                    settings: Collector.Settings(
                        connections: description.connections.map { $0.connection }, state: description.state,
                        agent: agent),
                    session: session, sinkSession: session, transport: transport, clocks: clocks)
            }
            await collector?.catchUp()
            let statuses = await collector?.statuses() ?? []
            try FileDescriptor.standardOutput.writeAll(try JSONEncoder().encode(statuses) + [UInt8(ascii: "\n")])
        }
    }
}

extension Description.Connection {
    var connection: Connection {
        Connection(
            name: name, account: account, roleARN: roleARN, externalID: "of-\(name)",
            logGroups: logGroups.map { LogGroupPattern($0) }, start: .at(start))
    }
}
